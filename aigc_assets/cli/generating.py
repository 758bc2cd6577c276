"""``generate KIND``: one asset per seed, without a manifest."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from aigc_assets.cli.options import Force, Jobs, Json, MaxSeconds, Out, Quiet, Weights

app = typer.Typer(
    help="Make assets of one kind, one per seed: map, character, sound, dialogue, cutscene.",
    rich_markup_mode=None,
)


@dataclass(frozen=True)
class Job:
    """Options that every kind has: what to draw it with, and how and where to carry it out."""

    seeds: Annotated[str, typer.Option("--seeds", "--seed", help="As 7, 0-63 or 1,5,9.")] = "0"
    out: Out = Path("generated")
    format: Annotated[str | None, typer.Option("--format", "-f", help="Export format.")] = None
    palette: Annotated[
        str | None,
        typer.Option(
            "--palette",
            help="Colours, 8..64, or a .gpl or .hex file; else 32, or those of --weights.",
        ),
    ] = None
    palette_seed: Annotated[
        int, typer.Option("--palette-seed", min=0, help="Seed of the palette.")
    ] = 0
    name: Annotated[str | None, typer.Option("--name", help="Start of the file names.")] = None
    jobs: Jobs = None
    force: Force = False
    max_seconds: MaxSeconds = None
    weights: Weights = None
    quiet: Quiet = False
    as_json: Json = False


COLOURS = ("palette", "palette_seed")
"""Options of `Job` that only pictures have."""


def _command(kind: str, *, without: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Make ``generate KIND`` of a function that takes its own options and a `Job`.

    Typer reads options from a signature, so those of `Job` are written into it, less ``without``.
    """

    def enrol(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(Job, include_extras=True)
        shared = [
            inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default,
                              annotation=hints[f.name])
            for f in fields(Job) if f.name not in without
        ]  # fmt: skip
        own = inspect.signature(function, eval_str=True).parameters.values()
        signature = inspect.Signature([
            *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != "job"),
            *shared,
        ])  # fmt: skip

        def run(**values: Any) -> None:
            job = Job(**{p.name: values.pop(p.name) for p in shared})
            function(**values, job=job)

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        app.command(kind)(run)
        return run

    return enrol


@_command("map")
def make_map(
    theme: Annotated[str, typer.Option("--theme", help="dungeon, cave, ...")] = "dungeon",
    size: Annotated[str, typer.Option("--size", help="Cells, as 48x32.")] = "32x32",
    require: Annotated[
        list[str] | None, typer.Option("--require", help='As "monsters 4..8"; may be repeated.')
    ] = None,
    generator: Annotated[str, typer.Option("--generator", help="auto, gan, transformer.")] = "auto",
    pin: Annotated[
        list[str] | None, typer.Option("--pin", help='As "wall 3,4"; may be repeated.')
    ] = None,
    relief: Annotated[
        str, typer.Option("--relief", help="auto, island, coast, mountain, plains.")
    ] = "auto",
    *,
    job: Job,
) -> None:
    """Maps that can be finished, each with its proof."""
    from aigc_assets.build.batch import parse_size

    values = {
        "theme": theme,
        "size": list(parse_size(size)),
        "require": list(require or ()),
        "generator": generator,
        "pins": list(pin or ()),
        "relief": relief,
    }
    _run("map", values, job)


@_command("character")
def make_character(
    prompt: Annotated[str, typer.Option("--prompt", help='As "old wizard, blue robe".')],
    animations: Annotated[
        str | None, typer.Option("--animations", help="Separated by commas, as idle,walk.")
    ] = None,
    size: Annotated[int, typer.Option("--size", help="Side of a frame in px.")] = 64,
    kind: Annotated[
        str | None, typer.Option("--kind", help="person, monster, ...; else read from the prompt.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option("--like", help="Picture whose colours to take.")
    ] = None,
    crowd: Annotated[
        int | None, typer.Option("--crowd", help="Figures in one sheet, of --size 32.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option("--generator", help="auto, or plans for creatures of 16 px.")
    ] = None,
    variations: Annotated[int, typer.Option("--variations", help="How many per seed.")] = 1,
    variants: Annotated[
        str, typer.Option("--variants", help="Made of each sheet, as team_blue,2x,normal.")
    ] = "",
    *,
    job: Job,
) -> None:
    """Animated characters."""
    values: dict[str, Any] = {"prompt": prompt, "size": size, "variations": variations}
    values["variants"] = [part.strip() for part in variants.split(",") if part.strip()]
    if animations is not None:
        values["animations"] = [part.strip() for part in animations.split(",") if part.strip()]
    if kind is not None:
        values["kind"] = kind
    if like is not None:
        values["like"] = str(like)
    if crowd is not None:
        values["crowd"] = crowd
    if generator is not None:
        values["generator"] = generator
    _run("character", values, job)


@_command("sound", without=COLOURS)
def make_sound(
    kind: Annotated[str, typer.Option("--kind", help="coin, door, footstep, ...")],
    duration_ms: Annotated[int | None, typer.Option("--duration-ms", help="Milliseconds.")] = None,
    *,
    job: Job,
) -> None:
    """Sound effects."""
    values: dict[str, Any] = {"kind": kind}
    if duration_ms is not None:
        values["duration_ms"] = duration_ms
    _run("sound", values, job)


@_command("dialogue", without=COLOURS)
def make_dialogue(
    cast: Annotated[list[str], typer.Option("--cast", help="Ids, or id=prompt; may be repeated.")],
    mood: Annotated[str, typer.Option("--mood", help="neutral, tense, ...")] = "neutral",
    lines: Annotated[int, typer.Option("--lines", help="Number of lines.")] = 10,
    *,
    job: Job,
) -> None:
    """Branching dialogues."""
    roles = _cast(cast)
    values = {"cast": list(roles), "mood": mood, "lines": lines, "roles": roles}
    _run("dialogue", values, job)


@_command("cutscene", without=("name",))
def make_cutscene(
    pack: Annotated[
        Path | None, typer.Option("--pack", help="Manifest with the cutscene and its assets.")
    ] = None,
    scene: Annotated[str | None, typer.Option("--id", help="Cutscene of the manifest.")] = None,
    theme: Annotated[str, typer.Option("--theme", help="Of the map, without --pack.")] = "dungeon",
    mood: Annotated[str, typer.Option("--mood", help="Of the talk, without --pack.")] = "neutral",
    lines: Annotated[int, typer.Option("--lines", help="Of the talk, without --pack.")] = 8,
    cast: Annotated[
        list[str] | None, typer.Option("--cast", help="id=prompt, without --pack.")
    ] = None,
    resolution: Annotated[str, typer.Option("--resolution", help="Px, as 1280x720.")] = "1280x720",
    frame_rate: Annotated[int, typer.Option("--frame-rate", help="Frames per second.")] = 24,
    *,
    job: Job,
) -> None:
    """Cutscenes on the assets of a manifest, or on a small scene made for the purpose."""
    from aigc_assets.build import batch, engine
    from aigc_assets.build.jobs import pack_palette
    from aigc_assets.build.manifest import load_manifest

    numbers = batch.parse_seeds(job.seeds)
    chosen = batch.choose_format("cutscene", job.format)
    options = engine.Options(job.jobs, job.force, (), job.max_seconds)
    if pack is not None:
        manifest, colours = load_manifest(pack)
        colours = pack_palette(manifest, colours)
    else:
        people = _cast(cast or ["mira=young alchemist, green cloak", "warden=old guard, helmet"])
        colours = _colours(job.palette, job.palette_seed)
        manifest = batch.scratch_manifest(
            theme, mood, lines, people, batch.parse_size(resolution), frame_rate, job.palette_seed
        )
    plan = batch.cutscene_plan(manifest, scene, numbers, chosen, colours, options.stages)
    _carry_out(plan, options, job)


def _cast(entries: list[str]) -> dict[str, str]:
    """Prompts by character id, from ``id=prompt`` or ``id`` or ``a,b``."""
    roles: dict[str, str] = {}
    for entry in entries:
        name, sign, prompt = entry.partition("=")
        if sign:
            roles[name.strip()] = prompt.strip() or name.strip()
        else:
            roles |= {part.strip(): part.strip() for part in entry.split(",") if part.strip()}
    return roles


def _colours(palette: str | None, seed: int) -> Any:
    from aigc_assets.build.jobs import seeded_palette
    from aigc_assets.errors import UsageError
    from aigc_assets.models.cards import weights_folder
    from aigc_assets.pipelines.palettes import read_palette

    if palette is None:
        own = weights_folder() / "palette.hex"
        palette = str(own) if own.is_file() else "32"
    if Path(palette).suffix.lower() in (".gpl", ".hex"):
        return read_palette(Path(palette))
    if not palette.isdecimal():
        raise UsageError(
            f"expected a number of colours in 8..64, or a .gpl or .hex file, got {palette!r}",
            where="--palette",
        )
    return seeded_palette(int(palette), seed)


def _run(kind: str, values: dict[str, Any], job: Job) -> None:
    from aigc_assets.build import batch, engine

    numbers = batch.parse_seeds(job.seeds)
    made = "terrain" if values.get("theme") == "terrain" else kind
    chosen = batch.choose_format(made, job.format)
    options = engine.Options(job.jobs, job.force, (), job.max_seconds)
    colours = _colours(job.palette, job.palette_seed)
    plan = batch.single_plan(kind, values, numbers, chosen, colours, options.stages, job.name)
    _carry_out(plan, options, job)


def _carry_out(plan: Any, options: Any, job: Job) -> None:
    from aigc_assets.build import engine
    from aigc_assets.cli import progress
    from aigc_assets.cli.building import show_result

    with progress.shown(job.quiet or job.as_json) as watch:
        result = engine.run(plan, job.out, options, watch)
    show_result(result, job.as_json)
    if not job.as_json:
        print(f"files are in {job.out.resolve()}")
