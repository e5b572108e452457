"""The pages that people look at. Sees everything below, decides nothing."""
