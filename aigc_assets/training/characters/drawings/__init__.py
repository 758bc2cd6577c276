"""Fine-tuning on drawings of users, and the files they come in."""
