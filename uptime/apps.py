from django.apps import AppConfig


class UptimeConfig(AppConfig):
    name = "uptime"

    def ready(self) -> None:
        from uptime import celery  # noqa: F401  # by whose app everybody rings; it wants the settings
