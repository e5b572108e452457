"""The project: settings, routes, the Celery apps and what every request passes through."""

__version__ = "0.1.0"
