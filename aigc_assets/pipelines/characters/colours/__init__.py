"""Colours of slots and index maps on the palette of the pack."""
