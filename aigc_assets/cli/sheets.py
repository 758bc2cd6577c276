"""``sheet``: what the tokeniser of pixel art does with finished sheets."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from aigc_assets.cli.options import Force, Json, Out

app = typer.Typer(
    help="Sprite sheets: compress to codes and expand again, redraw what is masked.",
    rich_markup_mode=None,
)

Sheet = Annotated[Path, typer.Argument(help="A PNG of equal frames.")]
FrameSize = Annotated[str, typer.Option("--frame", help="Size of a frame in px, as 32x32.")]


@app.command()
def compress(
    sheet: Sheet,
    frame: FrameSize = "32x32",
    exact: Annotated[bool, typer.Option("--exact", help="Store what the codes get wrong.")] = False,
    out: Out = Path("generated"),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a sheet as a latent file and say whether it beats PNG."""
    from aigc_assets.build.exporting import write_files
    from aigc_assets.pipelines.characters.sheets.latent_file import compress_sheet

    made = compress_sheet(_read(sheet, frame), exact=exact)
    (path,) = write_files({f"{sheet.stem}.aglat": made.data}, out, force)
    _say(as_json, {
        "file": str(path),
        "bytes": len(made.data),
        "png_bytes": made.png_bytes,
        "psnr_db": None if math.isinf(made.psnr) else round(made.psnr, 2),
        "exact": math.isinf(made.psnr),
        "same_pixels": round(made.same, 4),
    }, f"{path}: {made.verdict}")  # fmt: skip


@app.command()
def expand(
    file: Annotated[Path, typer.Argument(help="A latent file.")],
    out: Out = Path("generated"),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the sheet of a latent file as PNG."""
    from aigc_assets.build.exporting import write_files
    from aigc_assets.exporters.png import encode_png
    from aigc_assets.pipelines.characters.sheets.latent_file import expand_sheet
    from aigc_assets.pipelines.characters.sheets.sheet_files import read_file

    sheet = expand_sheet(read_file(file))
    (path,) = write_files({f"{file.stem}.png": encode_png(sheet.image)}, out, force)
    _say(as_json, {"file": str(path), "frames": len(sheet.frames)}, str(path))


@app.command()
def inpaint(
    sheet: Sheet,
    mask: Annotated[Path, typer.Option("--mask", help="A PNG of the same size: white is redrawn.")],
    frame: FrameSize = "32x32",
    kind: Annotated[
        str | None, typer.Option("--kind", help="monster, animal, item, effect.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides among what fits.")] = 0,
    out: Out = Path("generated"),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Redraw the masked parts of a sheet in its own colours; all else stays as it is."""
    from aigc_assets.build.exporting import write_files
    from aigc_assets.exporters.png import encode_png
    from aigc_assets.pipelines.characters.sheets.inpainting import inpaint as redraw
    from aigc_assets.pipelines.characters.sheets.sheet_files import read_file, read_picture

    given = _read(sheet, frame)
    marks = read_picture(read_file(mask), str(mask))
    marked = (marks[..., :3].max(-1) > 127) & (marks[..., 3] > 127)
    made = redraw(given, marked, seed=seed, kind=kind)
    (path,) = write_files({f"{sheet.stem}.png": encode_png(made.image)}, out, force)
    changed = int((made.image != given.image).any(-1).sum())
    _say(as_json, {"file": str(path), "changed_pixels": changed},
         f"{path}: {changed} pixels changed")  # fmt: skip


def _read(path: Path, frame: str) -> Any:
    from aigc_assets.build.batch import parse_size
    from aigc_assets.pipelines.characters.sheets.sheet_files import read_file, read_sheet

    return read_sheet(read_file(path), parse_size(frame), str(path))


def _say(as_json: bool, value: dict[str, Any], text: str) -> None:
    print(json.dumps(value, ensure_ascii=False) if as_json else text)
