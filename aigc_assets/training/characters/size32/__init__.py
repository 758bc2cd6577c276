"""Training of pictures of 32 px: tokens and their prior, paper dolls, crowds."""
