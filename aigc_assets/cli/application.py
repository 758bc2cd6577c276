"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

import aigc_assets
from aigc_assets.cli import building, generating, inspecting, learning, sheets

app = typer.Typer(
    help="One manifest in, a coherent engine-ready asset pack out. Offline, on the CPU.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"aigc_assets {aigc_assets.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One manifest in, a coherent engine-ready asset pack out. Offline, on the CPU."""


app.command()(building.build)
app.add_typer(generating.app, name="generate")
app.command()(building.export)
app.add_typer(sheets.app, name="sheet")
app.command()(inspecting.check)
app.command()(inspecting.explain)
app.command()(inspecting.doctor)
app.command()(building.new)
app.command()(inspecting.schema)
app.command()(learning.train)
app.command()(learning.evaluate)
app.add_typer(learning.data, name="data")
app.command()(learning.bench)
