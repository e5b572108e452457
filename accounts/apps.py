from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.access import schema  # noqa: F401  # registers itself with drf-spectacular
