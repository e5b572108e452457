"""Scheduling checks, taking in their results, and the figures made from them."""
