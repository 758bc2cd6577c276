"""Manifests and builds that the tests of the engine share."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

from aigc_assets.build import engine
from aigc_assets.build.manifest import parse_manifest
from tests import samples
from tests.build.small_stages import STAGES

DOCUMENT: dict[str, Any] = {
    "pack": {"name": "small", "seed": 3, "palette": 8},
    "map": [{"id": "keep", "theme": "dungeon", "size": [8, 8]}],
    "character": [
        {"id": "mira", "prompt": "young alchemist"},
        {"id": "warden", "prompt": "old guard"},
    ],
    "sound": [{"id": "coin", "kind": "coin", "variations": 2}],
    "dialogue": [{"id": "gate", "cast": ["mira", "warden"]}],
    "cutscene": [{"id": "opening", "map": "keep", "dialogue": "gate", "resolution": [320, 192]}],
    "export": {"targets": ["tiled", "film", "yarn"]},
}


def document(**changes: Any) -> dict[str, Any]:
    """A fresh copy of the small manifest; keyword arguments replace whole tables."""
    values = copy.deepcopy(DOCUMENT)
    for key, value in changes.items():
        if value is None:
            del values[key]
        else:
            values[key] = value
    return values


def build(values: dict[str, Any], out: Path, **options: Any) -> engine.Result:
    """Build with the small stages; the palette is that of the samples."""
    chosen = engine.Options(stages=STAGES, **{"jobs": 2, **options})
    return engine.build(parse_manifest(values), samples.PALETTE, out, chosen)


def tree(folder: Path) -> dict[str, str]:
    """Sha256 of every output file by relative name; the store is not an output."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in names(folder)
        if not name.startswith(".aigc/")
    }


def left_behind(folder: Path) -> list[str]:
    """Temporary files below a folder."""
    return [
        name
        for name in names(folder)
        if "tmp/" in name or name.endswith((".part", ".tmp", "journal.json"))
    ]


def names(folder: Path) -> list[str]:
    """Relative names of all files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)
