"""Does a pack hold together: playable maps, and everything that kinds promise each other."""

from __future__ import annotations

from aigc_assets.build.coherence import check_pack
from aigc_assets.types import AssetPack, Tilemap


def check_assets(pack: AssetPack) -> list[str]:
    """Every reason why the pack does not hold together; empty when it does."""
    problems = [
        f"{asset_id}: the map carries no proof that it can be finished"
        for asset_id, asset in pack.assets.items()
        if isinstance(asset, Tilemap) and asset.witness is None
    ]
    return problems + check_pack(pack)
