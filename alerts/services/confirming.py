"""Mail to people who are not of the team: they are asked first, by a link, and hear nothing else until they agree.

Whoever makes a channel learns nothing of an address by it, and nobody can be pestered: an address is asked at most
``ASKED_A_DAY`` times a day, whoever asks, and a team asks at most ``TEAM_ASKS_A_DAY`` times.
"""

from __future__ import annotations

import logging
from functools import partial
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.html import escape
from django.utils.translation import gettext as _

from alerts import selectors, transport
from alerts.models import Channel
from alerts.notifiers import Mail
from probes.sentences import say

SALT = "alerts.confirm"
LINK_LASTS_S = 7 * 86_400
ASKED_A_DAY = 3
TEAM_ASKS_A_DAY = 20
DAY_S = 86_400

NOT_YET = say("to: whoever reads there has to agree first; save the channel, and a mail with a link is sent there")

logger = logging.getLogger(__name__)


def address_of(channel: Channel) -> str | None:
    """Where a channel's mail goes; None for other kinds."""
    return str(channel.settings.get("to", "")) if channel.kind == "email" else None


def is_needed(channel: Channel) -> bool:
    """Whether somebody has to agree before messages go there."""
    address = address_of(channel)
    return address is not None and not selectors.is_members(channel.team, address)


def ask_after_commit(channel: Channel) -> None:
    if channel.confirmed_at is None:
        transaction.on_commit(partial(ask, channel), robust=True)


def ask(channel: Channel) -> bool:
    """Send the mail with the link; False when the address or the team was asked often enough today."""
    address = address_of(channel)
    if address is None or channel.confirmed_at is not None:
        return False
    mark = sha256(address.lower().encode()).hexdigest()
    if not (_may(f"team:{channel.team_id}", TEAM_ASKS_A_DAY) and _may(f"address:{mark}", ASKED_A_DAY)):
        return False
    sent = transport.hand_over(_mail(channel, address))
    if not sent.ok:
        logger.warning("The question to confirm channel %s was not taken: %s", channel.pk, sent.reason)
    return True


def _may(who: str, most: int) -> bool:
    """Count one more; without a cache there is nothing to count with, and nobody is asked."""
    key = f"alerts:confirm:{who}"
    cache.add(key, 0, DAY_S)
    try:
        count: int | None = cache.incr(key)
    except ValueError:
        return False
    return count is not None and count <= most


def _mail(channel: Channel, address: str) -> Mail:
    """It says nothing that whoever made the channel has written: else we would carry anybody's words to anybody."""
    link = f"{settings.SITE_URL}/alerts/confirm/{token_of(channel)}/"
    words = (
        _("Somebody wants to send messages about the state of their websites to this address, by Uptime."),
        _("If that is right, follow this link within a week: %(link)s") % {"link": link},
        _("If not, do nothing: you will get no messages."),
    )
    html = "".join(f"<p>{escape(line)}</p>" for line in words)
    return Mail(
        to=address,
        subject=_("Do you want messages from Uptime?"),
        text="\n\n".join(words) + "\n",
        html=f"<!DOCTYPE html><html><body>{html}</body></html>",
        key=f"confirm-{get_random_string(20)}",
        thread=f"confirm-{channel.pk}",
    )


def token_of(channel: Channel) -> str:
    return signing.dumps({"channel": str(channel.pk), "to": address_of(channel)}, salt=SALT)


def channel_of(token: str) -> Channel | None:
    """The channel that a link is about, unless the link is too old or the channel leads elsewhere by now."""
    try:
        said: dict[str, Any] = signing.loads(token, salt=SALT, max_age=LINK_LASTS_S)
    except signing.BadSignature:
        return None
    channel = Channel.objects.filter(pk=said["channel"]).select_related("team").first()
    return channel if channel is not None and address_of(channel) == said["to"] else None


def confirm(channel: Channel) -> None:
    """Whoever reads there agrees."""
    Channel.objects.filter(pk=channel.pk, confirmed_at=None, settings=channel.settings).update(
        confirmed_at=timezone.now()
    )
