"""Platformer levels: seen from the side, under gravity.

The class grid comes from a grammar or a network; what is promised about it (a way to the exit, keys
before doors, no place to be stuck in) is made true and proved by searches over states of a jump.
"""
