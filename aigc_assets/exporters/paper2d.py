"""Unreal's Paper2D: a ``.paper2dsprites`` file, which the editor imports as sprites of a texture.

The editor makes flipbooks of sprites whose names end in a number (select them, "Create Flipbook");
their rates are in ``meta.fps``. A normal map called ``<name>_normal.png`` beside the picture is
found and bound by the importer; Unreal wants its green channel pointing down.

References:
    Unreal Engine sources: ``PaperJsonSpriteSheetImporter.cpp`` (``frames`` as a hash, ``pivot`` as
    shares of the frame from its top left); free-tex-packer-core, template "Unreal" (``target``).
"""

from __future__ import annotations

import json

from aigc_assets import __version__
from aigc_assets.exporters.animation import animations, frame_names, frames_per_second
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png
from aigc_assets.exporters.texture_packer import named_frame
from aigc_assets.types import SpriteSheet


def export_paper2d(asset: SpriteSheet, name: str) -> dict[str, bytes]:
    """Write ``<name>.paper2dsprites`` and ``<name>.png``.

    Args:
        asset: The sheet.
        name: File name without suffix; sprites are called ``<name>_<tag>_<number>``.

    Raises:
        UsageError: If two sprites would get the same name.
    """
    frames = {}
    for index, key in enumerate(frame_names(asset, name)):
        frames[key] = named_frame(asset, index)
        del frames[key]["anchor"]
    document = {
        "frames": frames,
        "meta": {
            "app": "aigc_assets",
            "version": __version__,
            "target": "paper2d",
            "image": f"{name}.png",
            "format": "RGBA8888",
            "size": {"w": int(asset.image.shape[1]), "h": int(asset.image.shape[0])},
            "scale": "1",
            "fps": {tag.name: round(frames_per_second(asset, tag), 4) for tag in animations(asset)},
        },
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return {f"{name}.paper2dsprites": encode(text + "\n"), f"{name}.png": encode_png(asset.image)}
