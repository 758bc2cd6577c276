"""Pictures: the tilesets of the themes in the colours of a pack, and which tile lies where."""
