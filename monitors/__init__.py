"""What to watch, where from and how often."""
