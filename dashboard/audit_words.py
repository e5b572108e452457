"""Plain words for the audit log, which is kept in the words of the code."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from common.languages import Words

VERBS: Mapping[str, str] = Words(
    {
        "account deleted": _("has deleted the account"),
        "acknowledged": _("has acknowledged"),
        "address renewed": _("has renewed the address of"),
        "all second factors removed": _("has removed all second factors of"),
        "badge addresses renewed": _("has renewed the badges' addresses of"),
        "badges revoked": _("has revoked the badges of"),
        "badges shared": _("has shared the badges of"),
        "badges switched off": _("has switched off the badges of"),
        "begun": _("has begun"),
        "changed": _("has changed"),
        "changed by an operator": _("has changed, as an operator,"),
        "configuration applied": _("has applied a configuration to"),
        "corrected": _("has corrected"),
        "correction withdrawn": _("has withdrawn the correction of"),
        "created": _("has created"),
        "created by an operator": _("has created, as an operator,"),
        "dead messages sent again": _("has sent the dead messages again of"),
        "default fallback chosen": _("has chosen the usual fallback region of"),
        "deleted": _("has deleted"),
        "deleted by an operator": _("has deleted, as an operator,"),
        "e-mail address confirmed": _("has confirmed the e-mail address of"),
        "imported": _("has imported into"),
        "joined": _("has joined as"),
        "left": _("has left as"),
        "log-in locked": _("has locked the log-in of"),
        "noted": _("has noted something on"),
        "other sessions ended": _("has ended the other sessions of"),
        "password changed": _("has changed the password of"),
        "password reset": _("has reset the password of"),
        "paused": _("has paused"),
        "ping address renewed": _("has renewed the ping address of"),
        "recovery codes made": _("has made recovery codes for"),
        "removed": _("has removed"),
        "renamed": _("has renamed"),
        "reopened": _("has reopened"),
        "resolved": _("has resolved"),
        "results removed": _("has removed results of"),
        "resumed": _("has resumed"),
        "revoked": _("has revoked"),
        "role changed": _("has changed the role of"),
        "second factor added": _("has added a second factor for"),
        "second factor removed": _("has removed a second factor of"),
        "sent again": _("has sent again"),
        "session ended": _("has ended a session of"),
        "sign-in linked": _("has linked a sign-in elsewhere with"),
        "sign-in unlinked": _("has unlinked a sign-in elsewhere from"),
        "checked again": _("has had checked again"),
        "stopped": _("has stopped"),
        "subscriber removed": _("has removed a subscriber of"),
        "subscribers exported": _("has exported the subscribers of"),
        "updated": _("has posted an update to"),
    }
)
"""What stands between who did it and to what."""

KINDS: Mapping[str, str] = Words(
    {
        "monitor": _("monitor"),
        "channel": _("channel"),
        "rule": _("alert rule"),
        "window": _("maintenance window"),
        "incident": _("incident"),
        "correction": _("correction"),
        "delivery": _("message"),
        "drill": _("drill"),
        "team": _("team"),
        "membership": _("member"),
        "invitation": _("invitation"),
        "apikey": _("API key"),
        "user": _("person"),
        "statuspage": _("status page"),
        "section": _("section"),
        "component": _("component"),
        "post": _("post"),
        "region": _("region"),
    }
)
"""What can be in the log, and be looked for in it."""


def verb_word(verb: str) -> str:
    return VERBS.get(verb, verb)


def kind_word(kind: str) -> str:
    return KINDS.get(kind, kind)
