"""Model cards: what a shipped model is, read without loading torch or the weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aigc_assets.errors import WeightsError

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
"""Where the shipped weights lie; the variable AIGC_ASSETS_WEIGHTS names another folder."""

REMEDY = "install the package again, or retrain with `aigc-assets train`"


def weights_folder() -> Path:
    """The folder that weights and cards are read from."""
    return Path(os.environ.get("AIGC_ASSETS_WEIGHTS", SHIPPED))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; what was there before stays until then."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_card(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The card of a model in ``folder`` or else the `weights_folder`, without its weights.

    Raises:
        WeightsError: If it is missing or unreadable.
    """
    path = (folder or weights_folder()) / f"{name}.json"
    try:
        card = json.loads(path.read_bytes())
        if not isinstance(card, dict) or "sha256" not in card or "config" not in card:
            raise ValueError("no sha256 or no config")
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"no readable model card: {error}", where=str(path), remedy=REMEDY
        ) from error
    return card
