"""Plain asset data: frozen dataclasses over numpy, without torch, without IO.

Every type validates itself when it is built and names the field, what was expected and what came.
Times are frames, samples, milliseconds or `fractions.Fraction`; never float seconds.
"""

from aigc_assets.types.archive import dump, load
from aigc_assets.types.dialogue import Choice, DialogueNode, DialogueTree
from aigc_assets.types.pack import Asset, AssetPack, Provenance, kind_of
from aigc_assets.types.sound import Sound
from aigc_assets.types.sprite import Frame, SpriteSheet, Tag
from aigc_assets.types.terrain import River, Road, Settlement, Terrain
from aigc_assets.types.tilemap import (
    MapObject,
    ObjectLayer,
    TileLayer,
    Tilemap,
    Witness,
    WitnessEvent,
)
from aigc_assets.types.tileset import TileAnimation, Tileset, WangColour, WangSet
from aigc_assets.types.timeline import Clip, Keyframe, Timeline, Track

__all__ = [
    "Asset",
    "AssetPack",
    "Choice",
    "Clip",
    "DialogueNode",
    "DialogueTree",
    "Frame",
    "Keyframe",
    "MapObject",
    "ObjectLayer",
    "Provenance",
    "River",
    "Road",
    "Settlement",
    "Sound",
    "SpriteSheet",
    "Tag",
    "Terrain",
    "TileAnimation",
    "TileLayer",
    "Tilemap",
    "Tileset",
    "Timeline",
    "Track",
    "WangColour",
    "WangSet",
    "Witness",
    "WitnessEvent",
    "dump",
    "kind_of",
    "load",
]
