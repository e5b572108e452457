"""What the public is shown."""
