"""Atlas JSON in the manner of TexturePacker: what Pixi and Phaser load as a sprite sheet.

Frames are named, ``animations`` lists them in playing order. Pixi places a sprite by ``anchor``,
Phaser by ``pivot``; both are given, as shares of the frame. Neither format has a place for
durations: every frame carries its ``duration`` in ms and ``meta.fps`` the mean rate of each
animation, which Pixi wants as ``animationSpeed = fps / 60``.

References:
    PixiJS 8 sources: ``Spritesheet.ts``. Phaser sources: ``JSONHash.js``. CodeAndWeb,
    TexturePacker documentation, "JSON (Hash)".
"""

from __future__ import annotations

import json
from typing import Any

from aigc_assets import __version__
from aigc_assets.exporters.animation import (
    animations,
    frame_names,
    frames_per_second,
    loops,
    playing_order,
)
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png
from aigc_assets.types import SpriteSheet


def export_texture_packer(asset: SpriteSheet, name: str) -> dict[str, bytes]:
    """Write ``<name>_atlas.json`` and ``<name>.png``.

    Args:
        asset: The sheet.
        name: File name without suffix; frames are called ``<name>_<tag>_<number>``.

    Raises:
        UsageError: If two frames would get the same name.
    """
    names = frame_names(asset, name)
    tags = animations(asset)
    document = {
        "frames": {
            key: named_frame(asset, index) | {"duration": int(asset.frames[index].duration_ms)}
            for index, key in enumerate(names)
        },
        "animations": {tag.name: [names[i] for i in playing_order(tag)] for tag in tags},
        "meta": {
            "app": "aigc_assets",
            "version": __version__,
            "image": f"{name}.png",
            "format": "RGBA8888",
            "size": {"w": int(asset.image.shape[1]), "h": int(asset.image.shape[0])},
            "scale": "1",
            "fps": {tag.name: round(frames_per_second(asset, tag), 4) for tag in tags},
            "loop": {tag.name: loops(tag) for tag in tags},
        },
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return {f"{name}_atlas.json": encode(text + "\n"), f"{name}.png": encode_png(asset.image)}


def named_frame(sheet: SpriteSheet, index: int) -> dict[str, Any]:
    """A frame as TexturePacker describes it, neither rotated nor trimmed."""
    frame = sheet.frames[index]
    x, y, w, h = (int(value) for value in frame.rect)
    pivot = {"x": round(frame.pivot[0] / w, 6), "y": round(frame.pivot[1] / h, 6)}
    return {
        "frame": {"x": x, "y": y, "w": w, "h": h},
        "rotated": False,
        "trimmed": False,
        "spriteSourceSize": {"x": 0, "y": 0, "w": w, "h": h},
        "sourceSize": {"w": w, "h": h},
        "anchor": pivot,
        "pivot": pivot,
    }
