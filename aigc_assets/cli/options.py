"""Options that several commands share.

A flag comes before an environment variable, that before the manifest, that before the default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

WEIGHTS = "AIGC_ASSETS_WEIGHTS"


def _use_weights(folder: Path | None) -> Path | None:
    """Let this command, and the processes it starts, read weights from a folder."""
    if folder is not None:
        from aigc_assets.errors import UsageError

        if not any(folder.glob("*.safetensors")):
            raise UsageError(
                f"no weights in {folder}",
                where="--weights",
                remedy="give the folder `weights` that `aigc-assets train` wrote",
            )
        os.environ[WEIGHTS] = str(folder.resolve())
    return folder


Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        callback=_use_weights,
        help="Folder that `train` wrote, instead of the shipped weights.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for scripts.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Worker processes.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that were edited.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Output folder.")]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        envvar="AIGC_ASSETS_MAX_SECONDS",
        help="Refuse a job that would take longer.",
    ),
]
MaxMb = Annotated[
    float | None,
    typer.Option("--max-mb", envvar="AIGC_ASSETS_MAX_MB", help="Refuse a larger pack."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
