"""The rows of the list of attacks, each a test with its number, and variants of our own."""
