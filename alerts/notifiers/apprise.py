"""Every other service that Apprise knows and that lives at a fixed public host. https://github.com/caronc/apprise

Addresses are Apprise's own, like ``pbul://token``. The message is carried by ``probes/relay.py``, behind our guard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from alerts.message import Message
from alerts.notifiers.base import Relay, Settings, cut, without_mentions
from probes.contract import InvalidSpec
from probes.fields import told
from probes.sentences import say

SERVICES: dict[str, tuple[str, str]] = {
    "46elks": ("fortysixelks", "Notify46Elks"),
    "bulksms": ("bulksms", "NotifyBulkSMS"),
    "clicksend": ("clicksend", "NotifyClickSend"),
    "dingtalk": ("dingtalk", "NotifyDingTalk"),
    "feishu": ("feishu", "NotifyFeishu"),
    "flock": ("flock", "NotifyFlock"),
    "freemobile": ("freemobile", "NotifyFreeMobile"),
    "gchat": ("google_chat", "NotifyGoogleChat"),
    "groupme": ("groupme", "NotifyGroupMe"),
    "ifttt": ("ifttt", "NotifyIFTTT"),
    "ilert": ("ilert", "NotifyILert"),
    "incidentio": ("incidentio", "NotifyIncidentIO"),
    "join": ("join", "NotifyJoin"),
    "lark": ("lark", "NotifyLark"),
    "line": ("line", "NotifyLine"),
    "msgbird": ("messagebird", "NotifyMessageBird"),
    "nexmo": ("vonage", "NotifyVonage"),
    "notifiarr": ("notifiarr", "NotifyNotifiarr"),
    "onesignal": ("one_signal", "NotifyOneSignal"),
    "pagertree": ("pagertree", "NotifyPagerTree"),
    "pbul": ("pushbullet", "NotifyPushBullet"),
    "plivo": ("plivo", "NotifyPlivo"),
    "postmark": ("postmark", "NotifyPostmark"),
    "prowl": ("prowl", "NotifyProwl"),
    "pushed": ("pushed", "NotifyPushed"),
    "pushme": ("pushme", "NotifyPushMe"),
    "pushy": ("pushy", "NotifyPushy"),
    "resend": ("resend", "NotifyResend"),
    "revolt": ("revolt", "NotifyRevolt"),
    "sendgrid": ("sendgrid", "NotifySendGrid"),
    "seven": ("seven", "NotifySeven"),
    "signl4": ("signl4", "NotifySIGNL4"),
    "simplepush": ("simplepush", "NotifySimplePush"),
    "spike": ("spike", "NotifySpike"),
    "splunk": ("splunk", "NotifySplunk"),
    "telnyx": ("telnyx", "NotifyTelnyx"),
    "threema": ("threema", "NotifyThreema"),
    "twilio": ("twilio", "NotifyTwilio"),
    "twist": ("twist", "NotifyTwist"),
    "viber": ("viber", "NotifyViber"),
    "webex": ("webexteams", "NotifyWebexTeams"),
    "wecombot": ("wecombot", "NotifyWeComBot"),
}
"""Scheme -> module and class. Each speaks HTTP alone, and its host is Apprise's, not the address's."""

TEXT_LENGTH = 4_000
_ADDRESS = re.compile(r"([a-z0-9]{1,20})://[\x21-\x7e]{1,1000}")


def _read_address(value: Any, name: str) -> str:
    plain = value.strip() if isinstance(value, str) else ""
    match = _ADDRESS.fullmatch(plain)
    if match is None or match[1] not in SERVICES:
        raise InvalidSpec(
            say("must be an Apprise address that begins with {names} and ://", names=", ".join(SERVICES)), name
        )
    return plain


@dataclass(frozen=True, slots=True)
class AppriseSettings(Settings):
    address: str = told(_read_address, "text", "Apprise's address of the service, like pbul://token", secret=True)


def write(settings: AppriseSettings, message: Message) -> Relay:
    module, name = SERVICES[settings.address.partition("://")[0]]
    return Relay(
        module=module,
        name=name,
        url=settings.address,
        title=without_mentions(cut(message.title, 200)),
        body=without_mentions(cut(f"{message.text}\n\n{message.link}", TEXT_LENGTH)),
        level=message.severity,
    )
