"""Deciding: results become region states, region states a verdict, verdicts incidents."""
