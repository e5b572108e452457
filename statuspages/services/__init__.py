"""What changes what the public sees."""
