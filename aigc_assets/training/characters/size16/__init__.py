"""Training of people, creatures and poses of 16 px."""
