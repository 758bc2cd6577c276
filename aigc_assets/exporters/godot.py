"""Godot 4: one format name for every kind that has a native Godot resource."""

from __future__ import annotations

from aigc_assets.exporters.godot_frames import export_frames
from aigc_assets.exporters.godot_scene import export_scene
from aigc_assets.types import AssetPack, SpriteSheet, Tilemap


def export_godot(
    asset: Tilemap | SpriteSheet, name: str, pack: AssetPack | None = None
) -> dict[str, bytes]:
    """A map as a scene with its tile set, a sprite sheet as a scene with its sprite frames.

    Godot is not run on these files here; they follow the engine's sources and are held by a strict
    parser and golden files in the test suite. They need Godot 4.3 or later.

    Args:
        asset: A map or a sprite sheet.
        name: File name without suffix.
        pack: The pack that is exported, if there is one; its name enters the uids of the files.
    """
    if isinstance(asset, Tilemap):
        return export_scene(asset, name, pack)
    return export_frames(asset, name, pack)
