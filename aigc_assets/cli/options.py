"""Options that several commands share.

A flag comes before an environment variable, that before the manifest, that before the default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
