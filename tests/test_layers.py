"""Imports only run downward, rooms on one line do not know each other, and files stay small.

The tests read the source with `ast`, so that imports inside functions and module names in strings
(the tables of models, formats and tasks) count as well.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import aigc_assets

ROOT = Path(aigc_assets.__file__).resolve().parent
ROOMS = {
    "cli": 6,
    "build": 5,
    "pipelines": 4,
    "training": 4,
    "models": 3,
    "exporters": 3,
    "metrics": 3,
    "ops": 2,
    "types": 2,
    "errors": 1,
    "_C": 1,
    "_host": 1,
}
WITHOUT_TORCH = ("types", "exporters", "metrics", "build", "errors")
MAX_LINES = 600
BANNED_NAMES = {"utils", "common", "helpers", "misc", "manager"}
SOURCES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported(path: Path, text: str) -> list[tuple[int, str]]:
    """Line and full name of every module that a file names."""
    package = ["aigc_assets", *path.relative_to(ROOT).parent.parts]
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package[: len(package) - node.level + 1], base]).rstrip(".")
            found.append((node.lineno, base))
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = re.fullmatch(r"(aigc_assets(?:\.\w+)+)(?::\w+)?", node.value)
            if match:
                found.append((node.lineno, match[1]))
    return found


def violations(path: Path, text: str) -> list[str]:
    room = room_of(path)
    if room == "__init__":
        return []  # the package itself hands out names lazily
    wrong = []
    for line, name in imported(path, text):
        parts = name.split(".")
        if parts[0] == "torch" and room in WITHOUT_TORCH:
            wrong.append(f"{path.name}:{line} imports {name}, but {room} works without torch")
        if parts[0] != "aigc_assets" or len(parts) < 2 or parts[1] not in ROOMS:
            continue
        other = parts[1]
        if other != room and ROOMS[other] >= ROOMS[room]:
            wrong.append(f"{path.relative_to(ROOT)}:{line} {room} imports {other}")
    return wrong


def test_imports_run_downward():
    assert len(SOURCES) > 40
    wrong = [v for path in SOURCES for v in violations(path, path.read_text(encoding="utf-8"))]
    assert not wrong, "\n".join(sorted(set(wrong)))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("types/a.py", "import aigc_assets.exporters"),
        ("exporters/a.py", "def f():\n    from aigc_assets.models import MODELS"),
        ("training/a.py", "from aigc_assets import pipelines"),
        ("pipelines/a.py", "from ..training import TASKS"),
        ("metrics/a.py", "TABLE = {'x': 'aigc_assets.build.engine:build'}"),
        ("exporters/a.py", "import torch.nn"),
        ("ops/a.py", "from aigc_assets.types import Sound"),
    ],
)
def test_the_rule_sees_a_wrong_import(place, text):
    assert violations(ROOT / place, text)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("exporters/a.py", "from . import raster\nfrom aigc_assets.types import Sound"),
        ("pipelines/a.py", "from aigc_assets.exporters.raster import tilemap_image\nimport torch"),
        ("models/a.py", '"""See aigc_assets.build for more."""'),
    ],
)
def test_the_rule_allows_a_right_import(place, text):
    assert violations(ROOT / place, text) == []


def test_every_room_is_known():
    rooms = {room_of(path) for path in SOURCES} - {"__init__"}
    assert rooms <= set(ROOMS), f"new rooms: {sorted(rooms - set(ROOMS))}"


def test_files_stay_small_and_have_honest_names():
    trees = [ROOT, ROOT.parent / "tests", ROOT.parent / "benchmarks", ROOT.parent / "csrc"]
    suffixes = {".py", ".cpp", ".h", ".cu", ".cuh"}
    large, vague = [], []
    for tree in trees:
        for path in tree.rglob("*"):
            if path.suffix not in suffixes or "node_modules" in path.parts:
                continue
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > MAX_LINES:
                large.append(f"{path.relative_to(ROOT.parent)}: {lines} lines")
            if path.stem in BANNED_NAMES:
                vague.append(str(path.relative_to(ROOT.parent)))
    assert not large, large
    assert not vague, vague


def test_classes_inherit_once():
    """At most one level of inheritance between classes of our own (errors say what they are)."""
    bases: dict[str, set[str]] = {}
    for path in SOURCES:
        if room_of(path) == "errors":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names = {b.id for b in node.bases if isinstance(b, ast.Name)}
                bases.setdefault(node.name, set()).update(names)
    deep = [
        f"{name} -> {base} -> {sorted(bases[base] & set(bases))}"
        for name, parents in bases.items()
        for base in parents & set(bases)
        if bases[base] & set(bases)
    ]
    assert not deep, deep
