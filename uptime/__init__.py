"""The project: settings, routes, the Celery app and what every request passes through."""

from uptime.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
