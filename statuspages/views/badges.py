"""``/badge/<token>/status.svg`` and the like: pictures that anybody may load who knows the address."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from statuspages import badges
from statuspages.badges import CACHE_S, Wanted
from statuspages.selectors.badges import badge_by_token, read_badge
from statuspages.views.public import answer, nothing_here

NO_POWERS = "default-src 'none'; sandbox"
"""A picture that is opened by itself is a document: it may load nothing, run nothing and be nobody."""


@require_safe
def badge(request: HttpRequest, token: str, name: str, form: str) -> HttpResponseBase:
    """One badge as SVG, or as the JSON that shields.io reads. What may not be seen is not there."""
    shared, wanted = badge_by_token(token), Wanted.parse(name)
    if shared is None or wanted is None:
        return nothing_here()
    said = read_badge(shared, wanted, now=timezone.now())
    if form == "json":
        return answer(request, json.dumps(said.as_json()), "application/json", max_age_s=CACHE_S, policy=NO_POWERS)
    return answer(request, badges.draw(said), "image/svg+xml", max_age_s=CACHE_S, policy=NO_POWERS)
