"""``build``, ``export`` and ``new``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc_assets.cli.options import Force, Jobs, Json, MaxMb, MaxSeconds, Out, Quiet, Weights

if TYPE_CHECKING:
    from aigc_assets.build.engine import Forecast, Result


def build(
    manifest: Annotated[Path, typer.Argument(help="The manifest, as pack.toml.")] = Path(
        "pack.toml"
    ),
    out: Out = Path("build"),
    jobs: Jobs = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Build this id only (may be repeated).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made, and how long it takes.")
    ] = False,
    force: Force = False,
    max_seconds: MaxSeconds = None,
    max_mb: MaxMb = None,
    weights: Weights = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build a pack from its manifest; only what changed is made again."""
    from aigc_assets.build import engine
    from aigc_assets.build.manifest import load_manifest
    from aigc_assets.cli import progress

    loaded, colours = load_manifest(manifest)
    options = engine.Options(jobs, force, tuple(only or ()), max_seconds, max_mb)
    if dry_run:
        _show_forecast(engine.forecast(loaded, colours, out, options), as_json)
        return
    with progress.shown(quiet or as_json) as watch:
        result = engine.build(loaded, colours, out, options, watch)
    show_result(result, as_json)


def _show_forecast(expected: Forecast, as_json: bool) -> None:
    if as_json:
        value = {
            "rebuild": dict(expected.rebuild),
            "kept": list(expected.kept),
            "jobs": expected.jobs,
            "seconds": round(expected.seconds, 1),
            "megabytes": round(expected.megabytes, 1),
        }
        print(json.dumps(value, ensure_ascii=False))
        return
    from aigc_assets.cli.progress import duration

    for asset_id, why in expected.rebuild.items():
        print(f"would make {asset_id}: {why}")
    if not expected.jobs:
        print(f"nothing to rebuild: all {len(expected.kept)} assets are up to date")
        return
    print(
        f"{len(expected.rebuild)} of {len(expected.rebuild) + len(expected.kept)} assets and "
        f"{expected.jobs} steps in all: about {duration(expected.seconds)}, "
        f"{expected.megabytes:.1f} MB"
    )


def result_json(result: Result) -> dict[str, Any]:
    """What a build did, for scripts."""
    return {
        "out": str(result.out),
        "index": str(result.index) if result.index else None,
        "seconds": round(result.seconds, 2),
        "workers": result.workers,
        "rebuilt": result.rebuilt,
        "assets": [
            {"id": row.id, "kind": row.kind, "summary": row.summary, "files": row.files,
             "seconds": round(row.seconds, 2), "rebuilt": bool(row.reason),
             "notes": list(row.notes)}
            for row in result.rows
        ],
        "files": {
            "written": list(result.published.written),
            "unchanged": len(result.published.unchanged),
            "removed": list(result.published.removed),
            "kept_because_edited": list(result.published.kept),
        },
    }  # fmt: skip


def show_result(result: Result, as_json: bool) -> None:
    """Print what a build did: reasons, table, counts, the path of the page."""
    if as_json:
        print(json.dumps(result_json(result), ensure_ascii=False))
        return
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    for asset_id, why in result.rebuilt.items():
        if why != "new":
            console.print(Text(f"made again: {asset_id}: {why}"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "kind", "what", "files", "seconds", "check"):
        table.add_column(title, justify="right" if title in ("files", "seconds") else "left")
    shown = result.rows if len(result.rows) <= 60 else result.rows[:20]
    for row in shown:
        seconds = f"{row.seconds:.1f}" if row.seconds else "kept"
        table.add_row(row.id, row.kind, Text(row.summary), str(row.files), seconds, "ok")
    console.print(table)
    if len(shown) < len(result.rows):
        console.print(f"... and {len(result.rows) - len(shown)} more")
    for note in _noted(result):
        console.print(Text(note), soft_wrap=True)
    published = result.published
    if not result.rebuilt:
        console.print("nothing to rebuild")
    console.print(
        f"{len(result.rebuilt)} of {len(result.rows)} assets made, {len(published.written)} files "
        f"written, {len(published.unchanged)} unchanged, {len(published.removed)} removed, "
        f"{result.seconds:.1f} s with {result.workers} worker"
        f"{'s' if result.workers > 1 else ''}"
    )
    for path in published.kept:
        console.print(Text(f"kept {path}: no longer part of the pack, but edited"), soft_wrap=True)
    if result.index is not None:
        console.print(Text(f"open {result.index.resolve()}"), soft_wrap=True)


_NOTES = 20
"""Lines of notes that a build prints."""


def _noted(result: Result) -> list[str]:
    """What could not be done as asked, each note once with the characters that have it."""
    owners: dict[str, list[str]] = {}
    for row in result.rows:
        if row.kind == "character":
            for note in row.notes:
                owners.setdefault(note, []).append(row.id)
    lines = []
    for note, ids in owners.items():
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
        lines.append(f"note: {', '.join(ids[:3])}{more}: {note}")
    shown = lines if len(lines) <= _NOTES else lines[: _NOTES - 1]
    return shown + [f"... and {len(lines) - len(shown)} more notes"] * (shown != lines)


def export(
    source: Annotated[Path, typer.Argument(help="Folder of a built pack, or an asset archive.")],
    format: Annotated[str, typer.Option("--format", "-f", help="Format to write.")],
    out: Out = Path(),
    only: Annotated[
        list[str] | None, typer.Option("--id", help="Asset to export (may be repeated).")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Export assets of a built pack in another format."""
    from aigc_assets.build.exporting import export_from

    written = export_from(source, format, out, tuple(only or ()), force)
    if as_json:
        print(json.dumps({"written": [str(path) for path in written]}, ensure_ascii=False))
        return
    for path in written:
        print(path)


def new(
    name: Annotated[str, typer.Argument(help="Name of the pack, and of its folder.")],
    as_json: Json = False,
) -> None:
    """Write a commented manifest to start from; never overwrites."""
    from aigc_assets.build.template import write_template

    path = write_template(name, Path())
    if as_json:
        print(json.dumps({"manifest": str(path)}))
        return
    print(f"wrote {path}")
    print(f"next: aigc-assets build {path} -o {path.parent / 'build'}")
