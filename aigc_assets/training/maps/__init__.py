"""Training of the models of maps: tile grids, their tokens, relief; levels of users."""
