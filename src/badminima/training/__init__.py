"""Training: the loop, its recipe and schedule, and what it records."""
