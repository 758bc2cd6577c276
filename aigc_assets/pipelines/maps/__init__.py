"""Maps that can always be finished: a network draws the terrain, exact code proves it playable.

The network (`map_sagan`) proposes; `repair` joins what is apart, `locks` and `placement` furnish it
with keys, doors, monsters and treasure, `tileset` and `dressing` draw it in the palette of the
pack, and `selfcheck` searches the finished map like a player before it leaves.
"""

from aigc_assets.pipelines.maps.generate import generate_map, generate_maps
from aigc_assets.pipelines.maps.request import MAX_SIZE, MIN_SIZE, THEMES, TILE_SIZE, MapRequest
from aigc_assets.pipelines.maps.requirements import GRAMMAR, Requirements, parse_requirements

__all__ = [
    "GRAMMAR",
    "MAX_SIZE",
    "MIN_SIZE",
    "THEMES",
    "TILE_SIZE",
    "MapRequest",
    "Requirements",
    "generate_map",
    "generate_maps",
    "parse_requirements",
]
