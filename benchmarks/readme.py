"""Fills the tables of README.md from the model cards and from benchmarks/results.

``python -m benchmarks.readme`` rewrites the file; ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
WEIGHTS = ROOT / "aigc_assets" / "weights"
RESULTS = ROOT / "benchmarks" / "results"
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


def benchmarks_table() -> str:
    """The tables of every results file, as the suites wrote them."""
    parts = []
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text())
        about = result["metadata"]
        machine = f"{about['cpu']}, torch {about['torch']}, {about['date']}"
        parts.append(f"**{result['title']}** ({machine}; `{result['command']}`)\n")
        columns = result["columns"]
        parts.append("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
        shown = [result["rows"][i] for i in result.get("headlines") or range(len(result["rows"]))]
        rows = ["| " + " | ".join(_number(cell, 3) for cell in row) + " |" for row in shown]
        if len(shown) < len(result["rows"]):
            all_rows = f"All {len(result['rows'])} rows: `{path.relative_to(ROOT).as_posix()}`."
            result["remarks"] = [*result.get("remarks", []), all_rows]
        parts[-1] += "\n" + "\n".join(rows)
        parts.append("\n" + "\n".join(result.get("remarks", [])) + "\n")
    return "\n".join(parts).strip()


def filled(text: str) -> str:
    """``text`` with both tables up to date."""
    for name, table in (("models", models_table()), ("benchmarks", benchmarks_table())):
        before, rest = text.split(f"<!-- {name} -->", 1)
        _, after = rest.split(f"<!-- /{name} -->", 1)
        text = f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{after}"
    return text


def _number(value: object, digits: int = 4) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def main(argv: list[str]) -> int:
    """Rewrite README.md, or with ``--check`` return 1 when it is out of date."""
    text = README.read_text()
    new = filled(text)
    if "--check" in argv:
        return int(new != text)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
