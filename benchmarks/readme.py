"""Fills the tables of the README files from the model cards and from benchmarks/results.

``python -m benchmarks.readme`` rewrites the files; ``--check`` only says whether they are up to
date. A table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "aigc_assets" / "weights"
RESULTS = ROOT / "benchmarks" / "results"
NETWORKS, BUILDS, JUDGED = "models--cpu.json", "pipelines--cpu.json", "characters--cpu.json"
TIERS = {
    "64 px person": "64 px people",
    "64 px portrait": "64 px portraits",
    "32 px person": "32 px people",
    "32 px monster, animal, item, effect": "32 px monsters, animals, items, effects",
    "32 px crowd": "32 px crowds",
    "16 px person": "16 px people",
    "16 px monster, animal": "16 px monsters, animals",
}
EMBEDDINGS = ("network", "features")
LEGEND = """Floor: real against real; baseline: a naive one. What each metric means and which way
is better stands in `aigc_assets/metrics/` and in the cards. The strong baseline of maps is a
Markov field fitted to just what the tile-pattern rows look at. Maps are raw, before any repair;
those of `map_maskgit` after it has drawn again what parts their walkable areas (0.71 are solvable
before that). Outlines of `relief_gan` are chosen by the measure of its row of right kinds. The
dialogue model copies whole lines from its training data a little more often than a 5-gram model
does, and less often than held-out lines repeat them. The step limit of the dialogue model and the
mixture rule of sounds were chosen on these held-out figures too; all of them are therefore
optimistic."""


def models_table() -> str:
    """One row per held-out metric of every shipped model, from the cards."""
    lines = [
        "| model | parameters | held-out metric | shipped | floor | baseline | strong baseline |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for path in sorted(WEIGHTS.glob("*.json")):
        card = json.loads(path.read_text())
        if "metrics" not in card:
            continue
        first = (f"`{card['name']}`", f"{card['parameters']:,}")
        for metric, row in card["metrics"].items():
            cells = [
                _number(row.get(key)) for key in ("model", "floor", "baseline", "strong_baseline")
            ]
            lines.append("| " + " | ".join([*first, metric.replace("_", " "), *cells]) + " |")
            first = ("", "")
    lines += ["", LEGEND]
    return "\n".join(lines)


def headlines_table() -> str:
    """The networks beside plain PyTorch in the dtypes of a build, and how long a pack takes."""
    networks = _result(NETWORKS)
    column = {name: i for i, name in enumerate(networks["columns"])}
    lines = [
        "| network | on | dtype | ms | x eager | x compiled |",
        "|---|---|---|---:|---:|---:|",
    ]
    rows = networks["rows"]
    for row in (rows[i] for i in networks.get("built", range(len(rows)))):
        took = f"{row[column['ours']] / 1000:.3g}"
        ratios = (_number(row[column[f"x {other}"]], 2) for other in ("eager", "compile"))
        cells = [row[column["op"]], row[column["shape"]], row[column["dtype"]], took, *ratios]
        lines.append("| " + " | ".join(cells) + " |")
    builds = _result(BUILDS)
    lines += [f"\n{_machine(networks)}, 1 thread, as in a build; `{networks['command']}`.\n"]
    return "\n".join([*lines, _table(builds), f"\n{_machine(builds)}; `{builds['command']}`."])


def characters_table() -> str:
    """One column per tier, both embeddings in one cell, misses in bold."""
    judged = _result(JUDGED)
    rows = {(row[0], row[1]): dict(zip(judged["columns"], row, strict=True))
            for row in judged["rows"]}  # fmt: skip

    def both(tier: str, measure: str, column: str = "shipped", *, bold: bool = True) -> str:
        found = [rows.get((tier, f"{measure} {name}"), {}) for name in EMBEDDINGS]
        return " / ".join(_cell(row, column, bold=bold) for row in found if _told(row, column))

    def one(tier: str, measure: str, *, floor: bool = False) -> str:
        row = rows.get((tier, measure), {})
        if not _told(row, "shipped"):
            return ""
        real = f" ({row['floor']:.3g})" if floor and _told(row, "floor") else ""
        return _cell(row, "shipped", bold=True) + real

    distance, accuracy = "frechet distance", "class accuracy of real"
    measures: dict[str, Callable[[str], str]] = {
        "Fréchet distance": lambda tier: both(tier, distance),
        "of real pictures (goal: 3 times that)": lambda tier: both(
            tier, distance, "floor", bold=False
        ),
        "of the DCGAN (goal: a fifth of that)": lambda tier: both(
            tier, distance, "baseline", bold=False
        ),
        "with a tenth of the pixels exchanged": lambda tier: both(
            tier, distance, "ceiling", bold=False
        ),
        "density (goal: 0.8)": lambda tier: both(tier, "density"),
        "coverage (goal: 0.6)": lambda tier: both(tier, "coverage"),
        "class accuracy, of real (goal: 0.95)": lambda tier: both(tier, accuracy),
        "colour words found (goal: 0.9)": lambda tier: one(tier, "colour words found"),
        "near copies (real held-out)": lambda tier: one(tier, "near copies", floor=True),
        "action recognised (goal: 0.95)": lambda tier: one(tier, "action recognised"),
        "direction recognised (goal: 0.95)": lambda tier: one(tier, "direction recognised"),
        "walk seam (goal: 1)": lambda tier: one(tier, "walk loop seam"),
        "head flicker (real)": lambda tier: one(tier, "head flicker", floor=True),
        "palette leaks": lambda tier: one(tier, "palette leaks"),
        "alpha errors": lambda tier: one(tier, "alpha errors"),
        "feet off the pivot, px": lambda tier: one(tier, "feet off pivot px"),
    }
    lines = ["| | " + " | ".join(TIERS.values()) + " |", "|---" * (len(TIERS) + 1) + "|"]
    for title, cell in measures.items():
        lines.append("| " + " | ".join([title, *(cell(tier) for tier in TIERS)]) + " |")
    return "\n".join([*lines, f"\n{_machine(judged)}; `{judged['command']}`."])


def benchmarks_table() -> str:
    """The tables of every results file, as the suites wrote them."""
    parts = []
    for path in sorted(RESULTS.glob("*.json")):
        result = _result(path.name)
        remarks = result.get("remarks", [])
        if len(result.get("headlines") or result["rows"]) < len(result["rows"]):
            where = f"[results/{path.name}](results/{path.name})"
            remarks = [*remarks, f"All {len(result['rows'])} rows: {where}."]
        about = f"{_machine(result)}; `{result['command']}`"
        parts.append(f"## {result['title']}\n\n{about}\n\n{_table(result)}\n")
        if remarks:
            parts.append("\n".join(remarks) + "\n")
    return "\n".join(parts).strip()


PAGES = {
    ROOT / "README.md": {"headlines": headlines_table},
    ROOT / "benchmarks" / "README.md": {"benchmarks": benchmarks_table},
    WEIGHTS / "README.md": {"models": models_table},
    ROOT / "aigc_assets" / "pipelines" / "characters" / "README.md": {
        "characters": characters_table
    },
}
"""Which tables stand on which page."""


def filled(page: Path) -> str:
    """The text of a page with its tables up to date."""
    text = page.read_text()
    for name, table in PAGES[page].items():
        before, rest = text.split(f"<!-- {name} -->", 1)
        _, after = rest.split(f"<!-- /{name} -->", 1)
        text = f"{before}<!-- {name} -->\n{table()}\n<!-- /{name} -->{after}"
    return text


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / name).read_text())
    return found


def _machine(result: dict[str, Any]) -> str:
    about = result["metadata"]
    return f"{about['cpu']}, torch {about['torch']}, {about['date']}"


def _table(result: dict[str, Any]) -> str:
    """The headlines of a result, or all rows where it names none."""
    columns, rows = result["columns"], result["rows"]
    shown = [rows[i] for i in result.get("headlines") or range(len(rows))]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(_number(cell, 3) for cell in row) + " |" for row in shown]
    return "\n".join(lines)


def _told(row: dict[str, Any], column: str) -> bool:
    return row.get(column) is not None


def _cell(row: dict[str, Any], column: str, *, bold: bool) -> str:
    text = f"{row[column]:.3g}"
    return f"**{text}**" if bold and row["met"] == "no" else text


def _number(value: object, digits: int = 4) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def main(argv: list[str]) -> int:
    """Rewrite the pages, or with ``--check`` return 1 when one is out of date."""
    texts = {page: filled(page) for page in PAGES}
    if "--check" in argv:
        return int(any(text != page.read_text() for page, text in texts.items()))
    for page, text in texts.items():
        page.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
