"""The whole pack and where each asset came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.dialogue import DialogueTree
from aigc_assets.types.sound import Sound
from aigc_assets.types.sprite import SpriteSheet
from aigc_assets.types.terrain import Terrain
from aigc_assets.types.tilemap import Tilemap
from aigc_assets.types.timeline import Timeline
from aigc_assets.types.validation import (
    Scalar,
    frozen_array,
    require,
    require_id,
    require_int,
    require_properties,
    require_text,
    require_tuple,
)

Asset = Tilemap | Terrain | SpriteSheet | DialogueTree | Sound | Timeline

KINDS: Mapping[type, str] = {
    Tilemap: "map",
    Terrain: "terrain",
    SpriteSheet: "character",
    DialogueTree: "dialogue",
    Sound: "sound",
    Timeline: "cutscene",
}


def kind_of(asset: Asset) -> str:
    """The kind as the manifest and the command line call it."""
    return KINDS[type(asset)]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an asset came from.

    Args:
        kind: Kind of the asset.
        model: Name of the model in `aigc_assets.models.MODELS`, or "composition".
        weights_sha256: Of the weights file, 64 hex digits; "" when no model took part.
        seed: The seed that was used.
        request: What was asked for, as in the manifest.
        licences: SPDX ids of the training data.
        attributions: Notices that must travel with the asset.
        operations: What was done after the model, in order.
        notes: For people: words of the prompt that were not understood, and the like.
    """

    kind: str
    model: str
    weights_sha256: str
    seed: int
    request: Mapping[str, Scalar]
    licences: tuple[str, ...] = ()
    attributions: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_text(self.kind, "Provenance.kind")
        require_text(self.model, "Provenance.model")
        for name in ("licences", "attributions", "operations", "notes"):
            require_tuple(getattr(self, name), f"Provenance.{name}", str)
        require(
            isinstance(self.weights_sha256, str), "Provenance.weights_sha256", "text",
            self.weights_sha256,
        )  # fmt: skip
        hexed = self.weights_sha256 == "" or (
            len(self.weights_sha256) == 64 and set(self.weights_sha256) <= set("0123456789abcdef")
        )
        require(hexed, "Provenance.weights_sha256", "64 hex digits or ''", self.weights_sha256)
        require_int(self.seed, "Provenance.seed", 0, 2**63 - 1)
        require_properties(self.request, "Provenance.request")


@dataclass(frozen=True, slots=True)
class AssetPack:
    """Named assets that belong together.

    Args:
        name: Id of the pack.
        palette: Shared colours, [N, 3] uint8 sRGB.
        assets: By id.
        provenance: One entry per asset id.
    """

    name: str
    palette: NDArray[np.uint8]
    assets: Mapping[str, Asset]
    provenance: Mapping[str, Provenance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_id(self.name, "AssetPack.name")
        palette = frozen_array(self.palette, "AssetPack.palette", np.uint8, (None, 3))
        require(len(palette) > 0, "AssetPack.palette", "at least one colour", palette.shape)
        object.__setattr__(self, "palette", palette)
        for name in ("assets", "provenance"):
            value = getattr(self, name)
            require(isinstance(value, Mapping), f"AssetPack.{name}", "a mapping", value)
        for asset_id, asset in self.assets.items():
            require_id(asset_id, "AssetPack.assets")
            where = f"AssetPack.assets[{asset_id}]"
            require(type(asset) in KINDS, where, "an asset type", type(asset))
        stray = sorted(set(self.provenance) - set(self.assets))
        require(not stray, "AssetPack.provenance", "ids of assets", stray)
        for asset_id, entry in self.provenance.items():
            where = f"AssetPack.provenance[{asset_id}]"
            require(isinstance(entry, Provenance), where, "a Provenance", entry)
