"""People of 64 px with all animations, and portraits."""
