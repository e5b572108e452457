"""Planned work: when monitors are not to wake anybody, are not to be checked, or do not count."""
