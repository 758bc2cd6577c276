"""Training of the models of sound effects, and the judge of their clips."""
