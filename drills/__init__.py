"""Trying it out: a target of our own that goes down on purpose, and the past under another policy."""
