"""Dungeons, caves and bases seen from above: drawn by a network, furnished and proved by code.

`sampling` asks the network for terrain, `repair` joins what is apart, `locks` and `placement` add
doors, keys and inhabitants, `generate` puts the map together.
"""
