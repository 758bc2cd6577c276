"""Measures of characters by judges that no model is trained with."""
