"""Sprite sheet PNG with JSON in the layout of Aseprite's "hash" export.

Frames are keyed by their index ("0", "1", ...), the key under which Phaser looks them up.

References:
    Aseprite documentation, "Command Line Interface", ``--data`` and ``--format json-hash``.
"""

from __future__ import annotations

import json
from typing import Any

from aigc_assets import __version__
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png
from aigc_assets.types import SpriteSheet


def export_aseprite(asset: SpriteSheet, name: str) -> dict[str, bytes]:
    """Write ``<name>.json`` and ``<name>.png``.

    Tags become ``frameTags`` with an inclusive end; the pivot becomes a slice with one key for
    each frame at which it changes. Frames are neither rotated nor trimmed.

    Args:
        asset: The sheet.
        name: File name without suffix.
    """
    frames: dict[str, Any] = {}
    for index, frame in enumerate(asset.frames):
        x, y, w, h = (int(value) for value in frame.rect)
        frames[str(index)] = {
            "frame": {"x": x, "y": y, "w": w, "h": h},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": w, "h": h},
            "sourceSize": {"w": w, "h": h},
            "duration": int(frame.duration_ms),
        }
    document = {
        "frames": frames,
        "meta": {
            "app": "aigc_assets",
            "version": __version__,
            "image": f"{name}.png",
            "format": "RGBA8888",
            "size": {"w": int(asset.image.shape[1]), "h": int(asset.image.shape[0])},
            "scale": "1",
            "frameTags": [
                {
                    "name": tag.name,
                    "from": int(tag.start),
                    "to": int(tag.stop) - 1,
                    "direction": tag.direction,
                    "color": "#000000ff",
                }
                for tag in asset.tags
            ],
            "layers": [{"name": name, "opacity": 255, "blendMode": "normal"}],
            "slices": [{"name": "pivot", "color": "#0000ffff", "keys": _pivot_keys(asset)}],
        },
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return {f"{name}.json": encode(text + "\n"), f"{name}.png": encode_png(asset.image)}


def _pivot_keys(sheet: SpriteSheet) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = []
    before = None
    for index, frame in enumerate(sheet.frames):
        _, _, w, h = (int(value) for value in frame.rect)
        pivot = {"x": int(frame.pivot[0]), "y": int(frame.pivot[1])}
        if (pivot, w, h) != before:
            bounds = {"x": 0, "y": 0, "w": w, "h": h}
            keys.append({"frame": index, "bounds": bounds, "pivot": pivot})
            before = (pivot, w, h)
    return keys
