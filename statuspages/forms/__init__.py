"""What visitors fill in."""
