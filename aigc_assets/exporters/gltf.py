"""Binary glTF of what has a shape: the level of a map, the ground of a terrain."""

from __future__ import annotations

from aigc_assets.exporters.glb import export_glb as export_level
from aigc_assets.exporters.terrain_glb import export_terrain
from aigc_assets.types import AssetPack, Terrain, Tilemap


def export_glb(
    asset: Tilemap | Terrain, name: str, pack: AssetPack | None = None
) -> dict[str, bytes]:
    """`aigc_assets.exporters.glb` for a map, `aigc_assets.exporters.terrain_glb` for a terrain."""
    if isinstance(asset, Terrain):
        return export_terrain(asset, name)
    return export_level(asset, name, pack)
