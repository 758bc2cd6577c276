"""Training of the network that reads prompts."""
