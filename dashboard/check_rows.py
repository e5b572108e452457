"""The rows of a table of checks as HTML, put together as those of the list are (``dashboard.rows``)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.utils import timezone
from django.utils.safestring import SafeString

from checks.models import CheckResult
from common.languages import spoken
from dashboard import pictures, times, words
from dashboard.markup import NOTHING, fill, joined
from dashboard.selectors.checks import Addresses

ROW = """
<tr role="row">
  <td role="cell" class="when"><a href="{address}">{time}</a></td>
  <td role="cell">{region}</td>
  <td role="cell" class="what">
    <span class="word is-{outcome}">{icon} {word}</span>{http}{why}{said}
  </td>
  <td role="cell" class="number">{took}</td>
</tr>"""


def check_rows(checks: Iterable[CheckResult]) -> SafeString:
    addresses, today = Addresses(), timezone.localdate()
    return joined(_row(check, address=addresses.of(check), today=today) for check in checks)


def _row(check: CheckResult, *, address: str, today: date) -> SafeString:
    return fill(
        ROW,
        address=address,
        time=times.of_day(check.checked_at, today=today),
        region=check.region,
        outcome=check.outcome,
        icon=pictures.status_icon(check.outcome),
        word=words.outcome_word(check.outcome),
        http=fill(' <span class="muted">HTTP {}</span>', check.http_status) if check.http_status else NOTHING,
        why=fill(' <span class="why">{}</span>', words.reason_in_words(check.reason)) if check.reason else NOTHING,
        said=fill(' <span class="cause-message">{}</span>', spoken(check.message)) if check.message else NOTHING,
        took=words.milliseconds(check.total_ms),
    )
