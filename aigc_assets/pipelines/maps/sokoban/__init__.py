"""Sokoban levels: rooms, boxes placed by playing backwards, and a solver that proves them."""
