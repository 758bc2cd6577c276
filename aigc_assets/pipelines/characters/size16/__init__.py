"""Characters of 16 px: four directions, six actions."""
