"""Configuration as code: what a team has set up, in one file that can be planned, applied and exported."""
