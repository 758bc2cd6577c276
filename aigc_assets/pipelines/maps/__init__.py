"""Maps that can always be finished: a network draws, exact code proves it playable.

`THEMES` names the themes and the module behind each. A network proposes; the code of the theme
repairs, furnishes and draws, and `selfcheck` searches the finished map like a player before it
leaves.
"""

from aigc_assets.pipelines.maps.benchmark_rules import (
    PRESETS,
    generate_for_benchmark,
    generate_preset,
    to_pcg_benchmark,
)
from aigc_assets.pipelines.maps.generate import generate_map, generate_maps
from aigc_assets.pipelines.maps.pins import GRAMMAR as PIN_GRAMMAR
from aigc_assets.pipelines.maps.pins import Pins, parse_pins
from aigc_assets.pipelines.maps.request import (
    GENERATORS,
    MAX_SIZE,
    MIN_SIZE,
    RELIEFS,
    THEMES,
    TILE_SIZE,
    MapRequest,
)
from aigc_assets.pipelines.maps.requirements import GRAMMAR, Requirements, parse_requirements

__all__ = [
    "GENERATORS",
    "GRAMMAR",
    "MAX_SIZE",
    "MIN_SIZE",
    "PIN_GRAMMAR",
    "PRESETS",
    "RELIEFS",
    "THEMES",
    "TILE_SIZE",
    "MapRequest",
    "Pins",
    "Requirements",
    "generate_for_benchmark",
    "generate_map",
    "generate_maps",
    "generate_preset",
    "parse_pins",
    "parse_requirements",
    "to_pcg_benchmark",
]
