"""Training of the model of dialogue: its works, its grammar, its corpus."""
