"""Trying an installation on sites of its own: does it do what it should, and how fast?"""
