"""Maps of all themes, sizes and requirements, each checked by both verifiers.

``python -m benchmarks.maps --seeds N [--rows FILE] [--jobs J] [--theme T] [--json PATH] [--save]``
makes N maps. Number i decides theme, size and requirements of map i, so a run that was stopped goes
on with the rows of its file. A theme takes part as soon as it stands in `THEMES`: what it is asked
for follows from the kinds of requirements that it serves.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import re
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aigc_assets.errors import AigcError
from aigc_assets.metrics.difficulty import difficulty
from aigc_assets.metrics.jump_difficulty import jump_difficulty
from aigc_assets.metrics.playability import verify_witness, verify_witness_native
from aigc_assets.pipelines.maps import THEMES, MapRequest, generate_map
from aigc_assets.pipelines.palettes import make_palette
from aigc_assets.types import Terrain, Tilemap, dump
from benchmarks import timing

SIZES = ((8, 8), (8, 24), (12, 12), (16, 12), (24, 24), (24, 18), (32, 32), (48, 32), (64, 20),
         (96, 64))  # fmt: skip
LARGE = ((128, 128), (256, 256))
LISTED = 5
"""Refusals of each theme that are shown."""
SAVED = "maps--cpu.json"
COLUMNS = ("theme", "maps", "accepted", "broken", "equal", "refused", "% repaired", "% shaped",
           "r of difficulty", "least r of others", "median ms")  # fmt: skip
REMARK = """Numbered maps of mixed sizes (8x8 to 256x256) and mixed requirements; times were taken
beside other work. `broken`: rejected by a checker; `equal`: the same bytes as another map;
`repaired`: cells that the repair changed in what the network drew; `shaped`: cells that doors,
pools and symmetry changed on top. `r`: correlation of what was asked with what came, of
`difficulty` and of the least of the other numbers. Terrains have no witness; their own check stands
in."""


def lines_for(theme: str, size: tuple[int, int], dice: random.Random) -> list[str]:
    """Requirements of a kind that the theme serves; each about every third time."""
    serves = THEMES[theme].serves
    width, height = size
    inner = (width - 2) * (height - 2)
    few = max(1, inner // 40)

    def span(low: int, high: int, wide: int) -> str:
        first = dice.randint(low, max(low, high))
        return f"{first}..{first + dice.randint(0, wide)}"

    asked = {
        "key before door": lambda: "key before door",
        "doors": lambda: f"doors {span(0, 3 if inner > 200 else 1, 1)}",
        "boss": lambda: "boss at end",
        "monsters": lambda: f"monsters {span(0, few, 2)}",
        "treasure": lambda: f"treasure {span(0, few // 2, 2)}",
        "liquid": lambda: f"liquid {span(0, 12, 3)} %",
        "outdoor": lambda: f"outdoor {span(0, 20, 5)} %",
        "path": lambda: (
            f"path {span((width + height) // 3, width + height, (width + height) // 4)}"
        ),
        "boxes": lambda: f"boxes {span(1, 4, 1)}",
        "pushes": lambda: f"pushes {span(4, 20, 12)}",
        "difficulty": lambda: f"difficulty {dice.random():.2f}",
        "symmetry": lambda: "symmetry " + dice.choice(("horizontal", "vertical", "rotational")),
        "hazards": lambda: f"hazards {span(0, few, 2)}",
    }
    lines = [make() for kind, make in asked.items() if kind in serves and dice.random() < 0.3]
    if "key before door" in lines:  # "doors 0..0" would contradict it
        lines = [line for line in lines if not line.startswith("doors 0..0")]
    return lines


def request_of(number: int, themes: list[str]) -> MapRequest:
    """The request of map ``number``."""
    dice = random.Random(number)
    theme = themes[number % len(themes)]
    row = THEMES[theme]
    sizes = LARGE if number % 97 == 0 else SIZES
    least = getattr(row, "smallest", 8)
    width, height = (max(least, side) for side in dice.choice(sizes))
    if dice.random() < 0.3:
        width, height = height, width
    return MapRequest(theme, (width, height), tuple(lines_for(theme, (width, height), dice)))


def row_of(job: tuple[int, list[str]]) -> dict[str, Any]:
    """Make map ``number`` and measure it."""
    number, themes = job
    request = request_of(number, themes)
    row: dict[str, Any] = {
        "number": number,
        "theme": request.theme,
        "size": list(request.size),
        "require": list(request.require),
    }
    started = time.perf_counter()
    try:
        made = generate_map(request, make_palette(32, 7), number)
    except AigcError as error:
        fault = "its own check" in str(error)
        return {**row, "broken" if fault else "refused": str(error)}
    row["seconds"] = time.perf_counter() - started
    row["digest"] = hashlib.sha256(dump(made.asset)).hexdigest()[:20]
    for operation in made.provenance.operations:
        found = re.match(r"(repaired|shaped) (\d+) cells", operation)
        if found:
            row[found[1]] = int(found[2]) / (request.size[0] * request.size[1])
    row["built"] = any("had no room" in text for text in made.provenance.operations)
    if isinstance(made.asset, Terrain):
        return row
    assert isinstance(made.asset, Tilemap)
    reasons = verify_witness(made.asset)
    if reasons != verify_witness_native(made.asset):
        return {**row, "broken": "the verifiers disagree"}
    if reasons:
        return {**row, "broken": reasons[0]}
    row["asked"], row["got"] = numbers(request, made.asset)
    return row


def numbers(request: MapRequest, made: Tilemap) -> tuple[dict[str, float], dict[str, float]]:
    """The middle of what was asked for, and what came, for each numeric requirement."""
    wanted = request.requirements
    count = Counter(item.cls for item in made.objects)
    flags = {name: int(made.marked(name).sum()) for name in ("liquid",)}
    witness = made.witness
    got = {
        "monsters": count["monster"],
        "treasure": count["treasure"],
        "doors": count["door"],
        "boxes": count["box"],
        "pushes": float(made.properties.get("pushes", 0) or 0),
        "path": 0 if witness is None else len(witness.path) - 1,
        "liquid": flags["liquid"],
        "hazards": int((made.marked("hazard") & ~made.solid()).sum()),
    }
    spans = {name: getattr(wanted, name, None) for name in got}
    asked = {name: (span.low + span.high) / 2 for name, span in spans.items() if span is not None}
    if wanted.difficulty is not None:
        asked["difficulty"] = wanted.difficulty
        stored = made.properties.get("difficulty")
        jumps = made.properties.get("movement") == "jump"
        measured = jump_difficulty(made) if jumps else difficulty(made)
        got["difficulty"] = float(measured if stored is None else stored)
    return asked, {name: float(got[name]) for name in asked}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of the acceptance, per theme and over all."""
    table = {}
    for theme in [*dict.fromkeys(row["theme"] for row in rows), "all"]:
        mine = [row for row in rows if theme in ("all", row["theme"])]
        good = [row for row in mine if "seconds" in row and "broken" not in row]
        digests = [(row["theme"], *row["size"], row["digest"]) for row in good]
        edits = [row["repaired"] for row in good if "repaired" in row]
        shaped = [row["shaped"] for row in good if "shaped" in row]
        table[theme] = {
            "maps": len(mine),
            "accepted": len(good),
            "broken": sum("broken" in row for row in mine),
            "refused": sum("refused" in row for row in mine),
            "duplicates": len(digests) - len(set(digests)),
            "edits_percent": 100 * statistics.fmean(edits) if edits else None,
            "shaped_percent": 100 * statistics.fmean(shaped) if shaped else None,
            "built": sum(bool(row.get("built")) for row in good),
            "median_ms": 1000 * statistics.median(r["seconds"] for r in good) if good else None,
            "correlation": correlations(good),
        }
    return table


def correlations(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """Pearson's r of asked and got for each numeric requirement."""
    pairs: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.get("asked", {}).items():
            pairs.setdefault(name, []).append((value, row["got"][name]))
    found: dict[str, float | None] = {}
    for name, values in sorted(pairs.items()):
        asked, got = np.array(values).T
        varied = len(values) > 4 and asked.std() > 0 and got.std() > 0
        found[name] = round(float(np.corrcoef(asked, got)[0, 1]), 3) if varied else None
    return found


def result(table: dict[str, Any], arguments: list[str]) -> dict[str, Any]:
    """The table as `benchmarks.readme` reads it."""
    rows = []
    for theme, figures in table.items():
        if theme == "all":
            continue
        others = {k: r for k, r in figures["correlation"].items() if r is not None}
        of_difficulty = others.pop("difficulty", None)
        names = ("maps", "accepted", "broken", "duplicates", "refused", "edits_percent",
                 "shaped_percent")  # fmt: skip
        row = [theme, *(figures[name] for name in names)]
        row += [of_difficulty, min(others.values(), default=None), figures["median_ms"]]
        rows.append([round(cell, 3) if isinstance(cell, float) else cell for cell in row])
    kept = [text for text in arguments if text != "--save"]
    command = " ".join(["python -m benchmarks.maps", *kept])
    title = f"{sum(row[1] for row in rows):,} maps, checked by both checkers"
    found = timing.result(title, command, timing.Options(), COLUMNS, rows)
    found["remarks"] = [REMARK.replace("\n", " ")]
    return found


def show(table: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Print the table, the correlations, and what was refused."""
    columns = ("maps", "accepted", "broken", "refused", "duplicates", "edits_percent",
               "shaped_percent", "built", "median_ms")  # fmt: skip
    print("theme".ljust(12), *(name.rjust(14) for name in columns))
    for theme, figures in table.items():
        cells = [figures[name] for name in columns]
        texts = ["-" if c is None else f"{c:.2f}" if isinstance(c, float) else str(c)
                 for c in cells]  # fmt: skip
        print(theme.ljust(12), *(text.rjust(14) for text in texts))
    print("\nasked against got (r):")
    for theme, figures in table.items():
        told = ", ".join(f"{n} {r}" for n, r in figures["correlation"].items() if r is not None)
        print(theme.ljust(12), told)
    for kind in ("broken", "refused"):
        for theme in table:
            for row in [r for r in rows if kind in r and r["theme"] == theme][:LISTED]:
                print(f"{kind}: {row['number']} {theme} {row['size']} {row['require']}: "
                      f"{row[kind]}")  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and leave with 1 if a map was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maps", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="number of maps")
    parser.add_argument("--theme", action="append", help="only this theme; may be repeated")
    parser.add_argument("--rows", type=Path, help="file of finished rows, to go on with")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", type=Path, help="write the table there")
    parser.add_argument(
        "--save", action="store_true", help=f"write to {timing.RESULTS.name}/{SAVED}"
    )
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parser.parse_args(arguments)
    themes = chosen.theme or list(THEMES)
    rows: list[dict[str, Any]] = []
    if chosen.rows and chosen.rows.exists():
        rows = [json.loads(line) for line in chosen.rows.read_text().splitlines()]
        rows = [row for row in rows if row["number"] < chosen.seeds and row["theme"] in themes]
    done = {row["number"] for row in rows}
    jobs = [(number, themes) for number in range(chosen.seeds) if number not in done]
    log = chosen.rows.open("a") if chosen.rows else None
    with multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool:
        source = pool.imap_unordered(row_of, jobs, 8) if chosen.jobs > 1 else map(row_of, jobs)
        for row in source:
            rows.append(row)
            if log:
                log.write(json.dumps(row) + "\n")
                log.flush()
    if log:
        log.close()
    rows.sort(key=lambda row: row["number"])
    table = summary(rows)
    show(table, rows)
    if chosen.json:
        chosen.json.write_text(json.dumps(table, indent=1) + "\n")
    if chosen.save:
        text = json.dumps(result(table, arguments), indent=1)
        (timing.RESULTS / SAVED).write_text(text + "\n")
    return int(any("broken" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
