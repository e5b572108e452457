"""Settings, Audit log: who did what, with filters, page by page, and to take away."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from accounts import selectors
from accounts.models import AuditEntry
from accounts.rules import Role
from accounts.serializers.teams import AuditOutput
from common.paging import page_by
from dashboard.audit_words import KINDS
from dashboard.selectors.checks import cell
from dashboard.selectors.periods import typed_moment
from dashboard.views.base import TeamView

PAGE = 50
A_DAY = timedelta(days=1)
COLUMNS = ("at", "by", "actor", "verb", "kind", "object_id", "name", "changes", "address", "user_agent", "request_id")


class AuditView(TeamView):
    look_needs = change_needs = Role.OWNER

    def found(self) -> QuerySet[AuditEntry]:
        query = self.request.GET
        since, until = (typed_moment(query.get(name, "")[:40]) for name in ("since", "until"))
        kind = query.get("kind", "") if query.get("kind") in KINDS else ""
        return selectors.audit_of(
            self.membership.team,
            who=query.get("who", "")[:254].replace("\x00", ""),
            kind=kind,
            since=since,
            until=timezone.localtime(until) + A_DAY if until else None,
        )


class AuditPage(AuditView):
    def get(self, request: HttpRequest) -> HttpResponse:
        asked = {"cursor": request.GET.get("cursor", ""), "limit": str(PAGE)}
        try:
            page, more = page_by(self.found(), asked, order=("-id",))
        except ValidationError:  # an address that was cut off or bent: the list begins at its beginning
            page, more = page_by(self.found(), asked | {"cursor": ""}, order=("-id",))
        return self.show(
            "dashboard/audit.html", entries=page, more=more, kinds=KINDS.items(), days=settings.AUDIT_RETENTION_DAYS
        )


class AuditExport(AuditView):
    """``?as=csv`` or ``json``, with the page's filters; streamed, so that its length costs no memory."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        as_json = request.GET.get("as") == "json"
        rows = self.found().iterator(chunk_size=500)
        lines = _json_lines(rows) if as_json else _csv_lines(rows)
        kind, name = ("application/json", "audit-log.json") if as_json else ("text/csv; charset=utf-8", "audit-log.csv")
        return StreamingHttpResponse(
            lines, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )


class _Echo:
    def write(self, line: str) -> str:
        return line


def _csv_lines(rows: Iterator[AuditEntry]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in rows:
        told = AuditOutput(row).data | {"changes": json.dumps(row.changes, ensure_ascii=False)}
        yield writer.writerow([cell(told[name]) for name in COLUMNS])


def _json_lines(rows: Iterator[AuditEntry]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield ("," if number else "") + "\n" + json.dumps(AuditOutput(row).data, default=str)
    yield "\n]\n"
