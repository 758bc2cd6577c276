"""What the words of a prompt mean: lexicons, kinds, and a network for what they do not know."""
