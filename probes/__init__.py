"""The part that looks at the outside world.

Knows neither Django nor a database, so that a region needs neither.
"""

__version__ = "0.1.0"
