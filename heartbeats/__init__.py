"""Monitors that listen: jobs report by pings, and are missed when they do not.

A ping is one row, written by the web server (``services.hear``). A second later the scheduler draws the conclusions
(``services.turn``), so a ping is never lost because something else is slow, and what is decided depends on when pings
arrived, not on when they were looked at.
"""
