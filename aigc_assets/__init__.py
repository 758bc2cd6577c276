"""aigc_assets: one manifest in, a coherent engine-ready asset pack out.

Importing the package is cheap: names are loaded on first use, and torch only when a model runs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from aigc_assets.build.world import World, export
    from aigc_assets.errors import AigcError
    from aigc_assets.types import (
        AssetPack,
        DialogueTree,
        Sound,
        SpriteSheet,
        Terrain,
        Tilemap,
        Timeline,
    )

_HOMES = {
    "World": "aigc_assets.build.world",
    "export": "aigc_assets.build.world",
    "AigcError": "aigc_assets.errors",
    "AssetPack": "aigc_assets.types",
    "DialogueTree": "aigc_assets.types",
    "Sound": "aigc_assets.types",
    "SpriteSheet": "aigc_assets.types",
    "Terrain": "aigc_assets.types",
    "Tilemap": "aigc_assets.types",
    "Timeline": "aigc_assets.types",
}

__all__ = [
    "AigcError",
    "AssetPack",
    "DialogueTree",
    "Sound",
    "SpriteSheet",
    "Terrain",
    "Tilemap",
    "Timeline",
    "World",
    "__version__",
    "export",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'aigc_assets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
