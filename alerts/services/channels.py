"""Keeping channels, trying them out, and the first one that every team is given."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from django.conf import settings as server
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone, translation
from django.utils.crypto import get_random_string, salted_hmac
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Team
from alerts import selectors, transport, words
from alerts.message import Message
from alerts.models import Channel, Rule, Step, TeamDefaults
from alerts.notifiers import NOTIFIERS, Notifier, Settings
from alerts.rules import Kind, severity_of
from alerts.services import confirming
from alerts.transport import Sent
from common.flaws import flaw_of
from common.languages import in_language_of
from monitors import secrets
from probes import guard
from probes.contract import InvalidSpec
from probes.sentences import say

NAME_LENGTH = 120
TEST_COUNTS_FOR_S = 3_600
"""A test of settings speaks for them when they are saved so soon after it."""

DEFAULT_EVENTS = [Kind.DOWN, Kind.CERTIFICATE, Kind.FLAPPING]


@transaction.atomic
def create_channel(*, team: Team, **fields: Any) -> Channel:
    """``fields``: kind, settings; name, language and enabled if wanted."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if Channel.objects.for_team(team).count() >= server.TEAM_MAX_CHANNELS:
        raise ValidationError({"kind": [say("a team has at most {most} channels", most=server.TEAM_MAX_CHANNELS)]})
    channel = Channel(team=team)
    _apply(channel, {"name": "", "settings": {}, "language": "", "enabled": True} | fields)
    channel.save(force_insert=True)
    audit.created(channel)
    confirming.ask_after_commit(channel)
    return channel


@transaction.atomic
def update_channel(channel: Channel, **fields: Any) -> Channel:
    """Change some fields; what is not named stays. New settings get a new chance."""
    channel = Channel.objects.select_for_update().get(pk=channel.pk)
    before, pictured = (channel.kind, channel.full_settings), audit.picture(channel)
    _apply(channel, fields)
    if changed := (channel.kind, channel.full_settings) != before:
        channel.failures, channel.broken_since, channel.try_after, channel.last_error = 0, None, None, ""
    channel.save()
    audit.changed(channel, pictured)
    if changed:
        confirming.ask_after_commit(channel)
    return channel


@transaction.atomic
def delete_channel(channel: Channel) -> None:
    """With its deliveries; rules lose their steps to it."""
    audit.deleted(channel)
    channel.delete()


def _apply(channel: Channel, fields: dict[str, Any]) -> None:
    """Put new values on a channel and refuse all that is wrong with them at once."""
    channel.enabled = fields.get("enabled", channel.enabled)
    channel.language = _read_language(fields.get("language", channel.language))
    other_kind = "kind" in fields and fields["kind"] != channel.kind
    channel.kind = fields.get("kind", channel.kind)
    channel.name = " ".join(str(fields.get("name", channel.name)).split())
    if "settings" in fields or other_kind:
        kept = {} if other_kind else secrets.unseal(channel.sealed)
        address_before = confirming.address_of(channel)
        given = fields.get("settings", {})
        channel.settings, hidden = _read(channel.kind, given, before=None if other_kind else channel, kept=kept)
        channel.sealed = channel.sealed if hidden == kept and not other_kind else secrets.seal(hidden)
        for name, fact in _tested(channel.team, channel.kind, shown=channel.settings, hidden=hidden).items():
            setattr(channel, name, fact)
        if channel.confirmed_at is None or confirming.address_of(channel) != address_before:
            channel.confirmed_at = None if confirming.is_needed(channel) else timezone.now()
    if not channel.name:
        channel.name = NOTIFIERS[channel.kind].title


def _read_language(code: str) -> str:
    known = ("", *dict(server.LANGUAGES))
    if code not in known:
        raise ValidationError({"language": [say("must be one of {names}, or empty", names=", ".join(known[1:]))]})
    return code


def _read(
    kind: str, given: dict[str, Any], *, before: Channel | None, kept: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings as they may be shown, and their secrets. Raises ``ValidationError`` naming the field."""
    if kind not in NOTIFIERS:
        raise ValidationError({"kind": [say("must be one of {names}", names=", ".join(NOTIFIERS))]})
    described = NOTIFIERS[kind].settings.describe()
    shown, hidden = secrets.split_fields(described, given, kept=kept)
    parsed = parse(kind, shown | hidden)
    if flaw := flaw_of(shown, to_keep=True):
        raise ValidationError({"settings": [f"{flaw[0]}: {flaw[1]}"]})
    if before is not None and before.sealed and _goes_elsewhere(before, parsed):
        # Or an editor could have the secrets of one site sent to another and read them there.
        shown, hidden = secrets.split_fields(described, given, kept={})
    if lost := secrets.lost(hidden):
        raise ValidationError({"settings": [say("{lost} holds only a mask: give its value again", lost=lost[0])]})
    return shown, hidden


def parse(kind: str, given: dict[str, Any]) -> Settings:
    """Settings of this kind that lead nowhere forbidden. Raises ``ValidationError`` for others."""
    try:
        parsed = NOTIFIERS[kind].settings.parse(given)
    except InvalidSpec as error:
        raise ValidationError({"settings": [f"{error.field}: {error}" if error.field else str(error)]}) from error
    if parsed.site is not None and (refusal := guard.refusal_for_host(parsed.site.host, server.PROBE_POLICY)):
        raise ValidationError({"settings": [refusal]})
    return parsed


def _goes_elsewhere(channel: Channel, parsed: Settings) -> bool:
    """Whether messages would go to another site than so far."""
    try:
        before = NOTIFIERS[channel.kind].settings.parse(channel.full_settings)
    except InvalidSpec:
        return True
    return _origin(before) != _origin(parsed)


def _origin(settings: Settings) -> tuple[str, str, int] | None:
    return settings.site.origin if settings.site else None


# -- trying out


def try_out(
    *, team: Team, kind: str, settings: dict[str, Any], language: str = "", channel: Channel | None = None
) -> Sent:
    """Send a test message and say what came of it; a channel with these settings, now or saved soon, tells of it.

    ``channel``: whose saved secrets the masks in ``settings`` stand for. Raises ``ValidationError``.
    """
    known = channel if channel is not None and channel.kind == kind else None
    shown, hidden = _read(kind, settings, before=known, kept=secrets.unseal(known.sealed) if known else {})
    parsed = parse(kind, shown | hidden)
    wanted = Channel(team=team, kind=kind, settings=shown, language=_read_language(language))
    confirmed = known is not None and known.confirmed_at and confirming.address_of(known) == shown.get("to")
    if confirming.is_needed(wanted) and not confirmed:
        raise ValidationError({"settings": [confirming.NOT_YET]})
    sent = hand_over(NOTIFIERS[kind], parsed, _test_message(wanted), hidden)
    _note_test(sent, team, kind, shown=shown, hidden=hidden)
    return sent


UNTESTED: dict[str, Any] = {
    "tested_at": None,
    "test_ok": None,
    "test_status": None,
    "test_answer": "",
    "test_reason": "",
}


def _note_test(sent: Sent, team: Team, kind: str, *, shown: dict[str, Any], hidden: dict[str, Any]) -> None:
    facts = {
        "tested_at": timezone.now(),
        "test_ok": sent.ok,
        "test_status": sent.status,
        "test_answer": sent.answer,
        "test_reason": sent.reason,
    }
    cache.set(_test_key(team, kind, shown | hidden), facts, TEST_COUNTS_FOR_S)
    for channel in Channel.objects.for_team(team).filter(kind=kind, settings=shown):
        if secrets.unseal(channel.sealed) == hidden:
            Channel.objects.filter(pk=channel.pk, settings=shown, sealed=channel.sealed).update(**facts)


def _tested(team: Team, kind: str, *, shown: dict[str, Any], hidden: dict[str, Any]) -> dict[str, Any]:
    """What the last test of these settings showed."""
    return cast(dict[str, Any] | None, cache.get(_test_key(team, kind, shown | hidden))) or UNTESTED


def _test_key(team: Team, kind: str, settings: dict[str, Any]) -> str:
    """Tells nothing of the secrets among the settings."""
    said = json.dumps([str(team.pk), kind, settings], sort_keys=True, default=str)
    return f"alerts:tested:{salted_hmac('alerts.tested', said, algorithm='sha256').hexdigest()}"


def hand_over(notifier: Notifier, settings: Settings, message: Message, hidden: dict[str, Any]) -> Sent:
    return transport.hand_over(
        notifier.write(settings, message), complaint=notifier.complaint, secrets=_texts(hidden.values())
    )


def _texts(values: Iterable[Any]) -> list[str]:
    """Every text among the secrets, those inside of headers too."""
    found: list[str] = []
    for value in values:
        found += _texts(value.values()) if isinstance(value, dict) else [str(value)]
    return found


def _test_message(wanted: Channel) -> Message:
    """In the language in which messages will come."""
    now, key = timezone.now(), f"test-{get_random_string(20)}"
    with in_language_of(selectors.reader_of(wanted)):
        return Message(
            key=key,
            thread=key,
            kind=Kind.TEST,
            severity=severity_of(Kind.TEST),
            title=words.title(Kind.TEST, ""),
            lines=(_("Nothing is wrong. Somebody wanted to see whether messages arrive here."),),
            link=f"{server.SITE_URL}/",
            happened_at=now,
            language=translation.get_language() or server.LANGUAGE_CODE,
            link_words=_("Open in Uptime"),
        )


# -- the first channel


@transaction.atomic
def ensure_defaults(team: Team) -> None:
    """Give a team that has never been looked at its first channel and rule: mail to the owner, about everything.

    Once only: what somebody deletes does not come back.
    """
    if TeamDefaults.objects.filter(team=team).exists():
        return
    owner = selectors.owner_of(team)
    if owner is None or not TeamDefaults.objects.get_or_create(team=team)[1]:
        return
    with translation.override(owner.language or translation.get_language()):
        to_owner = (_("Mail to %(address)s") % {"address": owner.email})[:NAME_LENGTH]
        everything = _("Everything by mail to the owner")
    channel = Channel(team=team)
    _apply(channel, {"kind": "email", "name": to_owner, "settings": {"to": owner.email}})
    channel.save(force_insert=True)
    events = [*DEFAULT_EVENTS, Kind.REGION] if selectors.is_operators(team) else DEFAULT_EVENTS
    rule = Rule.objects.create(team=team, name=everything, events=[*events, Kind.UP])
    Step.objects.create(rule=rule, channel=channel)
