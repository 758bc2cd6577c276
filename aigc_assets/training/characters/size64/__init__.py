"""Training of people of 64 px from layers of clothes."""
