"""What beat rings for in accounts."""

from celery import shared_task
from django.utils import timezone

from accounts import services


@shared_task(name="accounts.forget_old_sessions", ignore_result=True)
def forget_old_sessions() -> None:
    services.forget_old_sessions(now=timezone.now())
