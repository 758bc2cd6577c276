"""Relief: height fields (theme ``terrain``) and maps of whole lands (theme ``overworld``).

A network draws the coarse shape, octaves of noise with the statistics of real relief refine it,
running water carves it, and what follows from the ground is derived from it: lakes and rivers,
climate and biomes, settlements and roads.
"""
