"""The biomes of a generated terrain."""

from __future__ import annotations

BIOMES = (
    "deep_water", "shallow_water", "beach", "desert", "savanna", "grassland", "forest", "swamp",
    "taiga", "tundra", "rock", "snow",
)  # fmt: skip
"""What `aigc_assets.types.Terrain.biome` of a generated terrain counts."""
(DEEP_WATER, SHALLOW_WATER, BEACH, DESERT, SAVANNA, GRASSLAND, FOREST, SWAMP, TAIGA, TUNDRA, ROCK,
 SNOW) = range(len(BIOMES))  # fmt: skip
