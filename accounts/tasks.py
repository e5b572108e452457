"""What beat rings for in accounts."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts import audit
from accounts.services import letters, sessions, teams


@shared_task(name="accounts.forget_old_sessions", ignore_result=True)
def forget_old_sessions() -> None:
    sessions.forget_old_sessions(now=timezone.now())


@shared_task(name="accounts.send_invitations", ignore_result=True)
def send_invitations() -> None:
    teams.send_invitations(now=timezone.now())


@shared_task(name="accounts.forget_old_audit", ignore_result=True)
def forget_old_audit() -> None:
    audit.forget_old(now=timezone.now(), retention_days=settings.AUDIT_RETENTION_DAYS)


@shared_task(name="accounts.post_letters", ignore_result=True)
def post_letters() -> None:
    letters.post(now=timezone.now())
