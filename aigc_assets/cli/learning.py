"""``train``, ``evaluate``, ``data pack`` and ``bench``."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aigc_assets.cli.options import Json, Weights

data = typer.Typer(help="Prepare training data.", rich_markup_mode=None)

Kind = Annotated[str, typer.Argument(help="map, character, sound or dialogue.")]


def _known(kind: str) -> None:
    from aigc_assets.build.vocabulary import suggest
    from aigc_assets.errors import UsageError
    from aigc_assets.training import TASKS

    if kind not in TASKS:
        raise UsageError(
            f"no model is trained for {kind!r}{suggest(kind, TASKS)}",
            where="KIND",
            remedy=f"one of: {', '.join(TASKS)}",
        )


def train(
    kind: Kind,
    folder: Annotated[
        Path,
        typer.Option(
            "--data", help="Packed data, the folder of the sources, or your own levels or drawings."
        ),
    ],
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.01, help="Time budget: 20, of your own drawings 6."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of weights and batches.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Log, checkpoints, weights.")] = Path(
        "runs/latest"
    ),
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="bf16 or fp32.")] = "bf16",
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Stop earlier.")] = None,
    clock: Annotated[
        str,
        typer.Option("--clock", help="What --minutes count: wall, or cpu on a busy machine."),
    ] = "wall",
    theme: Annotated[
        str | None,
        typer.Option("--theme", help="What your own levels are: dungeon (default), cave, ..."),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option("--grid", help="Cells of your sheets of drawings, such as 16x16."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", help="Frames of your own drawings: 16, 24 or 32 px."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train the model of a kind; goes on where a stopped run ended.

    A map model also learns from a folder of your own levels (.tmx, .tmj, .ldtk, .json, .txt, .png),
    from one level up. The models of monsters, animals, items and effects learn from 30 of your own
    drawings up, of at most 32 px (.png, .gif or .aseprite; single ones, animations or sheets).
    Both go on from the shipped weights.
    """
    from aigc_assets.errors import UsageError

    _known(kind)
    _check_theme(kind, folder, theme)
    drawings = _holds_drawings(kind, folder)
    cell = _cell(grid, drawings=drawings)
    _check_size(size, drawings=drawings)
    for name, value, words in (
        ("--device", device, ("auto", "cpu", "cuda")),
        ("--precision", precision, ("bf16", "fp32")),
        ("--clock", clock, ("wall", "cpu")),
    ):
        if value not in words:
            raise UsageError(f"expected one of {', '.join(words)}, got {value!r}", where=name)
    import torch

    from aigc_assets.build.cache import writing
    from aigc_assets.training.packing import pack, read, task_class
    from aigc_assets.training.trainer import Run, pick_device
    from aigc_assets.training.trainer import train as run_training

    # The log of the trainer goes to standard error, so that --json leaves one object on output.
    with contextlib.redirect_stdout(sys.stderr):
        if _holds_levels(kind, folder):
            _pack_user_levels(kind, folder, theme or "dungeon", out / "data")
            folder = out / "data"
        elif not drawings and not (folder / f"{kind}.npz").is_file():
            packed = out / "data"
            if not (packed / f"{kind}.npz").is_file():
                print(f"packing the sources of {kind} from {folder}")
                pack(folder, packed, [kind])
            folder = packed
        torch.manual_seed(seed)
        run = Run(pick_device(device), minutes or (6.0 if drawings else 20.0), seed, out,
                  precision, steps, clock)  # fmt: skip
        if drawings:
            from aigc_assets.pipelines.characters.words.creature_words import NOUNS
            from aigc_assets.training.characters.drawings.own_sprites import train_on_drawings

            # A word of two kinds means the one that is named first.
            nouns = {word: name for name in reversed(list(NOUNS)) for word in NOUNS[name]}
            with writing(out):
                metrics = train_on_drawings(folder, cell, size, run, nouns)
        else:
            arrays, info = read(folder, kind)
            metrics = run_training(task_class(kind)(arrays, info, run), info, run)
    weights = out / "weights"
    _complete(weights)
    if as_json:
        print(json.dumps({"kind": kind, "metrics": metrics, "weights": str(weights)}))
        return
    _show_metrics(kind, metrics)
    print(f"weights and card: {weights}")
    print(f"use them: aigc-assets build pack.toml --weights {weights}")
    if drawings:
        _show_use(weights)


def _show_use(weights: Path) -> None:
    """The command that draws with weights that learnt from own drawings."""
    from aigc_assets.models.cards import read_card

    told = read_card("sprite_maskgit", weights)["own_drawings"]
    prompt = next(iter(told["words"]), told["kinds"][0])
    kind = told["words"].get(prompt, told["kinds"][0])
    print(
        f'      aigc-assets generate character --prompt "{prompt}" --kind {kind} '
        f"--size {told['side']} --weights {weights}"
    )
    print(f'their colours, for a manifest: palette = "{weights / "palette.hex"}"')


def _holds_levels(kind: str, folder: Path) -> bool:
    """Whether the folder is neither packed data nor the sources, but levels of the user's own."""
    ours = (folder / f"{kind}.npz").is_file() or (folder / "maps" / "freedoom_grid").is_dir()
    return kind in ("map", "map_tokens") and not ours


def _holds_drawings(kind: str, folder: Path) -> bool:
    """The same of drawings of the user's own."""
    ours = (folder / f"{kind}.npz").is_file() or (folder / "sprites" / "lpc_layers").is_dir()
    return kind == "character" and not ours


def _cell(grid: str | None, *, drawings: bool) -> tuple[int, int] | None:
    """Width and height that ``--grid`` names."""
    from aigc_assets.errors import UsageError

    if grid is None:
        return None
    if not drawings:
        raise UsageError("only sheets of your own drawings have a grid", where="--grid")
    sides = grid.lower().split("x")
    if len(sides) != 2 or not all(s.isascii() and s.isdigit() and len(s) < 5 for s in sides):
        raise UsageError(f"expected WIDTHxHEIGHT such as 16x16, got {grid!r}", where="--grid")
    width, height = int(sides[0]), int(sides[1])
    if not 4 <= width <= 512 or not 4 <= height <= 512:
        raise UsageError(f"sides are 4..512 px, got {grid!r}", where="--grid")
    return width, height


def _check_size(size: int | None, *, drawings: bool) -> None:
    """Whether ``--size`` is that of frames that can be learnt."""
    from aigc_assets.errors import UsageError
    from aigc_assets.models.own_drawings import SIDES

    if size is None:
        return
    if not drawings:
        raise UsageError("only your own drawings have a size", where="--size")
    if size not in SIDES:
        known = ", ".join(map(str, SIDES))
        raise UsageError(f"frames of {size} px are not learnt", where="--size",
                         remedy=f"one of: {known}")  # fmt: skip


def _check_theme(kind: str, folder: Path, theme: str | None) -> None:
    from aigc_assets.build.vocabulary import suggest
    from aigc_assets.errors import UsageError
    from aigc_assets.training.maps.user_levels import THEMES

    if theme is None:
        return
    if not _holds_levels(kind, folder):
        raise UsageError("only levels of your own are of one theme", where="--theme")
    if theme not in THEMES:
        raise UsageError(
            f"no map model learns {theme!r} from levels{suggest(theme, THEMES)}",
            where="--theme",
            remedy=f"one of: {', '.join(THEMES)}",
        )


def _pack_user_levels(kind: str, folder: Path, theme: str, out: Path) -> None:
    from aigc_assets.build.cache import writing
    from aigc_assets.models.cards import read_card
    from aigc_assets.training.maps.user_levels import pack_levels
    from aigc_assets.training.packing import task_class, write

    arrays, info, report = pack_levels(folder, theme)
    print("\n".join(report.lines()))
    held = int(arrays["windows"][:, 4].sum())
    print(f"{len(arrays['windows'])} windows of 32x32 cells as {theme}, {held} of them held out")
    if not held:
        print("the metrics will be about what is learnt from: give five levels, or one of 96 cells")
    # The new weights go on from the shipped ones, so the sources of those count as well.
    for name in task_class(kind).models:
        info["sources"] += read_card(name)["data"]
    with writing(out):
        write(out, kind, arrays, info)


def _complete(weights: Path) -> None:
    """Put the shipped models of the other kinds beside the new one: a folder to build with."""
    from aigc_assets.build.cache import writing
    from aigc_assets.models.cards import SHIPPED, write_whole

    with writing(weights):
        for path in sorted(SHIPPED.iterdir()):
            if path.is_file() and not (weights / path.name).exists():
                write_whole(weights / path.name, path.read_bytes())


def evaluate(
    kind: Kind,
    folder: Annotated[
        Path | None, typer.Option("--data", help="Packed data: evaluate afresh on held-out data.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "cpu",
    size: Annotated[
        int | None, typer.Option("--size", help="With --data, characters of this size only.")
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--baseline", help="With --data, where the DCGAN of characters was trained."),
    ] = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Show how good the shipped models of a kind are, beside a floor and a naive baseline.

    ``model`` is the first model of the kind; others have columns of their own. Characters are drawn
    afresh through the public pipeline with ``--data`` and judged by networks that learn from real
    pictures on the spot, which takes some minutes. The DCGAN that they are compared with is not
    shipped: ``python -m aigc_assets.training --only dcgan --data DIR --out RUNS`` makes it
    (``dcgan16`` and ``dcgan64`` for the other sizes), ``--baseline RUNS`` reads it.
    """
    from aigc_assets.errors import UsageError
    from aigc_assets.models.cards import read_card

    _known(kind)
    if kind == "character" and folder is not None:
        from aigc_assets.cli.judging import evaluate_characters

        evaluate_characters(folder, size, runs, as_json=as_json)
        return
    for option, value in (("--size", size), ("--baseline", runs)):
        if value is not None:
            raise UsageError(
                "only characters that are drawn afresh are asked for by this",
                where=option,
                remedy="aigc-assets evaluate character --data DIR",
            )
    metrics: dict[str, Any] = {}
    for number, (task, model) in enumerate(_tasks_of(kind)):
        if folder is None:
            card = read_card(model)
            found, source = card.get("metrics", {}), f"model card of {card.get('date', '?')}"
        elif number and not (folder / f"{task}.npz").is_file():
            print(f"no {task}.npz in {folder}: {model} is left out", file=sys.stderr)
            continue
        else:
            found, source = _evaluate_afresh(task, folder, device), f"held-out data of {folder}"
        for name, row in found.items():
            if number == 0:
                metrics[name] = dict(row) if isinstance(row, dict) else row
            elif isinstance(metrics.get(name), dict):
                metrics[name][model] = row["model"]
            else:
                metrics[f"{name} ({model})"] = row
    if as_json:
        print(json.dumps({"kind": kind, "source": source, "metrics": metrics}))
        return
    _show_metrics(kind, metrics)
    print(f"from: {source}")


def _tasks_of(kind: str) -> list[tuple[str, str]]:
    """The task of this name and its model, then those of further models of the same asset."""
    import importlib

    from aigc_assets.models import MODELS
    from aigc_assets.training import TASKS

    pairs = []
    for task, (module, name) in TASKS.items():
        model = getattr(importlib.import_module(module), name).models[0]
        if task == kind or MODELS[model].kind == kind:
            pairs.append((task, model))
    return sorted(pairs, key=lambda pair: pair[0] != kind)


def _evaluate_afresh(kind: str, folder: Path, device: str) -> dict[str, Any]:
    import tempfile

    from aigc_assets.training.packing import read, task_class

    arrays, info = read(folder, kind)
    import torch

    from aigc_assets.models import checkpoint
    from aigc_assets.training.trainer import Run, pick_device

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(sys.stderr):
        task = task_class(kind)(arrays, info, Run(pick_device(device), 0.0, 0, Path(scratch)))
        for name, (network, _) in task.shipped().items():
            network.load_state_dict(checkpoint.load(name).network.state_dict())
        found: dict[str, Any] = task.evaluate()
    return found


def _show_metrics(kind: str, metrics: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(kind)
    rows = {name: row if isinstance(row, dict) else {} for name, row in metrics.items()}
    columns = list(
        dict.fromkeys(["model", "floor", "baseline", *(c for r in rows.values() for c in r)])
    )
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, row in rows.items():
        cells = [row.get(column) for column in columns]
        table.add_row(name, *(f"{c:.4g}" if isinstance(c, (int, float)) else "-" for c in cells))
    Console(width=None if sys.stdout.isatty() else 100, highlight=False).print(table)


@data.command("pack")
def pack_data(
    sources: Annotated[Path, typer.Argument(help="Folder of the source data.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the packed data.")],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind (may be repeated).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Pack the sources into arrays and labels, at most 40 MB, to train on any machine."""
    from aigc_assets.training.packing import pack

    for name in kind or ():
        _known(name)
    with contextlib.redirect_stdout(sys.stderr):
        sizes = pack(sources, out, list(kind) if kind else None)
    if as_json:
        print(json.dumps({"out": str(out), "bytes": sizes}))
        return
    for name, size in sizes.items():
        print(f"{name}: {size / 1e6:.1f} MB")


def bench(
    suite: Annotated[
        list[str] | None, typer.Argument(help="Suites: ops, models, pipelines, exporters.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the benchmarks of a working tree."""
    import aigc_assets
    from aigc_assets.errors import GenerationError, MissingPartError

    root = Path(aigc_assets.__file__).resolve().parent.parent
    if not (root / "benchmarks" / "__main__.py").is_file():
        raise MissingPartError(
            "the benchmarks are not part of an installed package",
            where=str(root),
            remedy="clone the repository and run `make bench` there",
        )
    command = [sys.executable, "-m", "benchmarks", *(suite or ()), *(["--json"] if as_json else [])]
    code = subprocess.run(command, cwd=root, check=False).returncode
    if code:
        raise GenerationError(f"a benchmark ended with exit code {code}", where="benchmarks")
