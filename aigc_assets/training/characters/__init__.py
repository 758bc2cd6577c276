"""Training of the models of characters; a room per size, one for words, judges and drawings."""
