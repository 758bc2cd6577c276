"""From an asset to files: ``{relative name: bytes}``, one format per file, no IO, no torch.

`FORMATS` is the only place that names them. An exporter is a function
``export_<format>(asset, name) -> dict[str, bytes]``; those that need other assets of the pack
(``needs_pack``) take the pack as third argument, and those that say where an asset comes from
(``names_pack``) take it if there is one. Equal assets give equal bytes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

from aigc_assets.errors import MissingPartError, UsageError
from aigc_assets.exporters.names import require_file_name
from aigc_assets.types import Asset, AssetPack, kind_of


class Format(NamedTuple):
    """A file format: which kinds it takes, where its exporter lives, what it writes.

    The first suffix is that of the main file, the one to open; the others are what it needs.
    """

    kinds: tuple[str, ...]
    module: str
    function: str
    suffixes: tuple[str, ...]
    needs_pack: bool = False
    names_pack: bool = False


FORMATS: dict[str, Format] = {
    # name: Format(kinds, module, function, suffixes of the files it writes, needs_pack)
    "tiled": Format(
        ("map",),
        "aigc_assets.exporters.tmx",
        "export_tiled",
        (".tmx", ".tsx", ".png"),
        names_pack=True,
    ),
    "tmj": Format(
        ("map",), "aigc_assets.exporters.tmj", "export_tmj", (".tmj", ".png"), names_pack=True
    ),
    "ldtk": Format(
        ("map",), "aigc_assets.exporters.ldtk", "export_ldtk", (".ldtk", ".png"), names_pack=True
    ),
    "godot": Format(
        ("map", "character"),
        "aigc_assets.exporters.godot",
        "export_godot",
        (".tscn", ".tres", ".png"),
        names_pack=True,
    ),
    "godot3": Format(
        ("map", "character"),
        "aigc_assets.exporters.godot3",
        "export_godot3",
        (".tscn", ".tres", ".png"),
        names_pack=True,
    ),
    "glb": Format(
        ("map", "terrain"), "aigc_assets.exporters.gltf", "export_glb", (".glb",), names_pack=True
    ),
    "heightmap": Format(
        ("terrain",),
        "aigc_assets.exporters.heightmap",
        "export_heightmap",
        (".png", ".json", ".raw"),
    ),
    "splat": Format(("terrain",), "aigc_assets.exporters.splat", "export_splat", (".png", ".json")),
    "png": Format(
        ("map", "character", "terrain"), "aigc_assets.exporters.png", "export_png", (".png",)
    ),
    "aseprite": Format(
        ("character",), "aigc_assets.exporters.aseprite_json", "export_aseprite", (".json", ".png")
    ),
    "aseprite_file": Format(
        ("character",),
        "aigc_assets.exporters.aseprite_file",
        "export_aseprite_file",
        (".aseprite",),
    ),
    "texture_packer": Format(
        ("character",),
        "aigc_assets.exporters.texture_packer",
        "export_texture_packer",
        (".json", ".png"),
    ),
    "apng": Format(("character",), "aigc_assets.exporters.apng", "export_apng", (".apng",)),
    "unity": Format(
        ("character",),
        "aigc_assets.exporters.unity",
        "export_unity",
        (".png", ".meta"),
        names_pack=True,
    ),
    "paper2d": Format(
        ("character",),
        "aigc_assets.exporters.paper2d",
        "export_paper2d",
        (".paper2dsprites", ".png"),
    ),
    "billboard": Format(
        ("character",),
        "aigc_assets.exporters.sprite_billboard",
        "export_billboard",
        (".glb",),
        names_pack=True,
    ),
    "voxels": Format(
        ("character",),
        "aigc_assets.exporters.sprite_voxels",
        "export_voxels",
        (".glb",),
        names_pack=True,
    ),
    "yarn": Format(("dialogue",), "aigc_assets.exporters.yarn", "export_yarn", (".yarn",)),
    "ink": Format(("dialogue",), "aigc_assets.exporters.ink", "export_ink", (".ink",)),
    "dialogue_json": Format(
        ("dialogue",), "aigc_assets.exporters.dialogue_json", "export_dialogue_json", (".json",)
    ),
    "wav": Format(("sound",), "aigc_assets.exporters.wav", "export_wav", (".wav",)),
    "ogg": Format(("sound",), "aigc_assets.exporters.ogg", "export_ogg", (".ogg",)),
    "mp4": Format(("cutscene",), "aigc_assets.exporters.mp4", "export_mp4", (".mp4",), True),
    "otio": Format(("cutscene",), "aigc_assets.exporters.otio", "export_otio", (".otio",), True),
    "srt": Format(("cutscene",), "aigc_assets.exporters.srt", "export_srt", (".srt",)),
}

DEFAULT_FORMAT: dict[str, str] = {
    "map": "tiled",
    "terrain": "heightmap",
    "character": "aseprite",
    "sound": "wav",
    "dialogue": "yarn",
    "cutscene": "mp4",
}

TARGETS: dict[str, tuple[str, ...]] = {
    # [export] targets of a manifest: the formats that an engine or a tool takes
    "tiled": ("tiled",),
    "ldtk": ("ldtk",),
    "phaser": ("tmj", "aseprite", "ogg", "dialogue_json"),
    "godot": ("godot", "heightmap", "splat", "aseprite", "wav", "ogg", "dialogue_json"),
    "godot3": ("godot3", "aseprite", "wav", "ogg", "dialogue_json"),
    "unity": ("unity", "wav", "ogg", "dialogue_json"),
    "unreal": ("paper2d", "wav", "dialogue_json"),
    "pixi": ("texture_packer", "ogg", "dialogue_json"),
    "aseprite": ("aseprite_file",),
    "film": ("mp4", "srt", "otio", "wav", "glb", "heightmap"),
    "yarn": ("yarn",),
    "ink": ("ink",),
    "web": ("aseprite", "ogg", "dialogue_json", "glb"),
}


def export_asset(
    asset: Asset, name: str, format: str, pack: AssetPack | None = None
) -> dict[str, bytes]:
    """Export one asset; file names start with ``name``, the main file comes first.

    Raises:
        UsageError: If the format is unknown or does not take this kind of asset, if ``name``
            cannot start a file name, or if the format needs the pack and there is none.
        MissingPartError: If the format needs an optional package that is not installed.
    """
    if format not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise UsageError(f"unknown format {format!r}", remedy=f"one of: {known}")
    entry = FORMATS[format]
    kind = kind_of(asset)
    if kind not in entry.kinds:
        fitting = ", ".join(sorted(f for f, e in FORMATS.items() if kind in e.kinds))
        raise UsageError(f"{format} does not hold a {kind}", remedy=f"one of: {fitting}")
    require_file_name(name)
    if entry.needs_pack and pack is None:
        raise UsageError(
            f"{format} draws on other assets",
            where=name,
            remedy="give the pack that holds them",
        )
    function: Callable[..., dict[str, bytes]]
    try:
        function = getattr(importlib.import_module(entry.module), entry.function)
        takes_pack = entry.needs_pack or entry.names_pack
        return function(asset, name, pack) if takes_pack else function(asset, name)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("aigc_assets"):
            raise
        extra = {"opentimelineio": "film"}.get(str(error.name), "")
        remedy = f"pip install 'aigc_assets[{extra}]'" if extra else f"pip install {error.name}"
        raise MissingPartError(f"{format} needs the package {error.name}", remedy=remedy) from error
