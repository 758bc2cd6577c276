"""Pictures of 32 px with an idle of two frames, and crowds."""
