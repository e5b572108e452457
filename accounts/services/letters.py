"""Mails about accounts: a page leaves a row, beat's next tick sends it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import audit
from accounts.models import Letter, User
from common.languages import in_language_of

logger = logging.getLogger(__name__)

AT_ONCE = 20
FORGOTTEN_AFTER = timedelta(hours=12)
EMAIL_LINK_LASTS = timedelta(days=3)
EMAIL_SALT = "accounts.confirm-email"


def leave(kind: Letter.Kind, *, to: str, about: str = "") -> None:
    """``about`` is the id of a person, where ``to`` is not yet their address."""
    Letter.objects.create(kind=kind, to=to, about=about)


def post(*, now: datetime) -> None:
    """Send what waits. A letter that cannot be sent is tried again, later each time, and given up after half a day."""
    Letter.objects.filter(created_at__lt=now - FORGOTTEN_AFTER).delete()
    for letter in Letter.objects.filter(next_try_at__lte=now).order_by("next_try_at")[:AT_ONCE]:
        later = now + timedelta(seconds=30 * 2 ** min(letter.tries, 6))
        # Claimed by the time that was read: of two workers at one letter only one goes on.
        claimed = Letter.objects.filter(pk=letter.pk, next_try_at=letter.next_try_at)
        if not claimed.update(next_try_at=later, tries=letter.tries + 1):
            continue
        if letter.kind == Letter.Kind.LOCKED and not letter.tries:
            _note_lock(letter)
        try:
            _send(letter)
        except (OSError, SMTPException) as error:
            logger.warning("A letter about %s could not be sent: %s", letter.kind, error)
        else:
            Letter.objects.filter(pk=letter.pk).delete()


def _note_lock(letter: Letter) -> None:
    """Here and not at the door, where the time it takes would tell who has an account."""
    for person in User.objects.filter(email=letter.to):
        audit.account(person, "log-in locked", why="too many bad passwords")


def _send(letter: Letter) -> None:
    """To nobody when there is no such account: who asked cannot see the difference."""
    named = {"pk": letter.about} if letter.about else {"email": letter.to}
    person = User.objects.filter(is_active=True, **named).first()
    if person is None:
        return
    with in_language_of(person):
        words = {"person": person, "site": settings.SITE_URL, "link": _link(letter, person), "to": letter.to}
        text = render_to_string(f"accounts/mail/{letter.kind}.txt", words)
    subject, _, body = text.strip().partition("\n")
    EmailMessage(subject, body.strip() + "\n", to=[letter.to]).send()


def _link(letter: Letter, person: User) -> str:
    """Below SITE_URL, whatever Host the request that asked for it claimed."""
    match letter.kind:
        case Letter.Kind.CONFIRM:
            token = signing.dumps([str(person.pk), person.email, letter.to], salt=EMAIL_SALT)
            path = reverse("email-confirm", args=[token])
        case Letter.Kind.RESET:
            person_id = urlsafe_base64_encode(force_bytes(person.pk))
            path = reverse("password-reset-confirm", args=[person_id, default_token_generator.make_token(person)])
        case _:
            path = reverse("password-reset")
    return f"{settings.SITE_URL}{path}"


def read_email_token(token: str) -> tuple[str, str, str] | None:
    """Whose address is confirmed: person's id, the address at the time of asking, the address to confirm."""
    try:
        person_id, before, address = signing.loads(token, salt=EMAIL_SALT, max_age=EMAIL_LINK_LASTS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(person_id), str(before), str(address)
