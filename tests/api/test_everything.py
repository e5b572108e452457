"""Whatever a page does, a program can do: every page with its operations of the API, or why it has none.

The pages come from the URLconf. One without a line here fails, and so does a line that names no operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

VERBS = ("get", "post", "put", "patch", "delete")

PUBLIC = "answers whoever comes, without an account; for programs already, or a mail leads people there"
BY_MAIL = "a mail leads people there, and what its link holds is for one browser"
IN_A_BROWSER = "browsers tie a security key to our own pages; a token alone must not come near second factors"

PAGES: dict[str, tuple[str, ...] | str] = {
    # --- doors, oneself ---
    "signup": ("POST api-signup",),
    "login": ("POST api-login",),
    "second-factor": ("POST api-login",),
    "elsewhere": "a provider asks the person in a browser",
    "elsewhere-back": "where it sends the browser back to",
    "logout": ("POST api-logout",),
    "check-mail": "says that a mail is on its way, as the answers of the API do",
    "password-reset": ("POST api-password-reset",),
    "password-reset-confirm": BY_MAIL,
    "email-confirm": BY_MAIL,
    "invitation": BY_MAIL,
    "account": ("GET api-me", "PATCH api-me"),
    "account-email": ("POST api-me-email",),
    "account-email-again": ("POST api-me-email-again",),
    "account-password": ("POST api-me-password",),
    "account-sessions": ("GET api-me-sessions", "DELETE api-me-sessions", "DELETE api-me-session"),
    "account-factors": ("GET api-me-factors",),
    "account-factor-app": IN_A_BROWSER,
    "account-factor-key": IN_A_BROWSER,
    "account-factor-codes": IN_A_BROWSER,
    "account-factor-remove": IN_A_BROWSER,
    "account-unlink": ("GET api-me-identities", "POST api-me-unlink"),
    "account-delete": ("POST api-me-delete",),
    # --- the list ---
    "home": ("GET api-views",),
    "dashboard": ("GET api-monitors", "POST api-monitors"),
    "monitor-rows": ("GET api-monitors", "GET api-stats-list"),
    "monitor-bulk": ("POST api-monitor-bulk",),
    "saved-views": ("GET api-views", "POST api-views"),
    "saved-view-first": ("PATCH api-view",),
    "saved-view-delete": ("DELETE api-view",),
    # --- one monitor ---
    "monitor-new": ("POST api-monitors", "POST api-monitoring-test"),
    "monitor": ("GET api-monitor", "GET api-stats", "GET api-windows", "GET api-facts", "GET api-heartbeat"),
    "monitor-first": ("GET api-results-latest", "GET api-channel-kinds", "POST api-saved-channel-trial"),
    "monitor-first-live": ("GET api-results-latest",),
    "monitor-live": ("GET api-monitor-regions", "GET api-stats", "GET api-pings"),
    "monitor-chart": ("GET api-series",),
    "monitor-series": ("GET api-series",),
    "checks": ("GET api-results",),
    "check-at": ("GET api-results",),
    "check": ("GET api-result",),
    "checks-csv": ("GET api-results",),
    "checks-json": ("GET api-results",),
    "monitor-edit": ("PUT api-monitor", "PATCH api-monitor", "POST api-backtest"),
    "monitor-clone": ("POST api-monitor-clone",),
    "monitor-pause": ("POST api-monitor-pause",),
    "monitor-resume": ("POST api-monitor-resume",),
    "monitor-alert": ("PATCH api-monitor",),
    "monitor-check": ("POST api-monitor-check",),
    "monitor-ping-url": ("POST api-ping-url",),
    "monitor-share": ("GET api-badges", "PUT api-badges", "DELETE api-badges", "POST api-badges-renew"),
    "monitor-delete": ("DELETE api-monitor",),
    # --- incidents ---
    "incidents": ("GET api-incidents",),
    "incident": ("GET api-incident", "GET api-incident-explain", "GET api-incident-evidence", "GET api-deliveries"),
    "incident-live": ("GET api-incident",),
    "incident-acknowledge": ("POST api-incident-acknowledge",),
    "incident-resolve": ("POST api-incident-resolve",),
    "incident-reopen": ("POST api-incident-reopen",),
    "incident-note": ("POST api-incident-notes",),
    "incident-correct": ("GET api-corrections", "POST api-corrections"),
    # --- alerts, drills ---
    "channels": ("GET api-channels",),
    "channel-new": ("POST api-channels", "POST api-channel-trial"),
    "channel": ("GET api-channel",),
    "channel-edit": ("PUT api-channel", "PATCH api-channel", "POST api-saved-channel-trial"),
    "channel-confirm": BY_MAIL,
    "channel-ask": ("POST api-channel-confirm",),
    "channel-test": ("POST api-saved-channel-trial",),
    "channel-delete": ("DELETE api-channel",),
    "rules": ("GET api-rules",),
    "rule-new": ("POST api-rules",),
    "rule-edit": ("PUT api-rule", "PATCH api-rule"),
    "rule-delete": ("DELETE api-rule",),
    "deliveries": ("GET api-deliveries",),
    "delivery": ("GET api-delivery",),
    "delivery-redrive": ("POST api-delivery-redrive",),
    "drills": ("GET api-drills", "POST api-drills"),
    "drills-live": ("GET api-drills",),
    "drill": ("GET api-drill",),
    # --- regions, operators ---
    "regions": ("GET api-regions", "GET api-monitoring-status"),
    "regions-live": ("GET api-monitoring-status",),
    "operator": ("GET api-operator",),
    "operator-live": ("GET api-operator",),
    "operator-redrive": ("POST api-operator-redrive",),
    "operator-check-again": ("POST api-operator-batches",),
    # --- maintenance ---
    "maintenance": ("GET api-maintenance",),
    "window-new": ("POST api-maintenance", "POST api-maintenance-plan-preview"),
    "window-start": ("POST api-maintenance-start",),
    "window": ("GET api-maintenance-window", "GET api-maintenance-preview"),
    "window-edit": ("PUT api-maintenance-window", "PATCH api-maintenance-window"),
    "window-start-early": ("POST api-maintenance-start-early",),
    "window-stop": ("POST api-maintenance-stop",),
    "window-delete": ("DELETE api-maintenance-window",),
    # --- status pages ---
    "pages": ("GET api-status-pages",),
    "page-new": ("POST api-status-pages",),
    "page": ("GET api-status-page", "GET api-status-posts"),
    "page-edit": ("PATCH api-status-page",),
    "page-preview": "the page as it would look, for eyes; what stands on it is GET api-status-page",
    "page-token": ("POST api-status-page-token",),
    "page-delete": ("DELETE api-status-page",),
    "page-share": (
        *("GET api-subscribers", "PATCH api-status-page", "DELETE api-subscriber", "POST api-subscribers-redrive"),
    ),
    "page-subscribers": ("GET api-subscribers",),
    "page-section": ("POST api-status-sections",),
    "page-component": ("POST api-status-components",),
    "page-post": ("POST api-status-posts",),
    "section-edit": ("PATCH api-status-section",),
    "section-move": ("PATCH api-status-section",),
    "section-delete": ("DELETE api-status-section",),
    "component-edit": ("PATCH api-status-component",),
    "component-move": ("PATCH api-status-component",),
    "component-delete": ("DELETE api-status-component",),
    "post": ("GET api-status-post",),
    "post-say": ("POST api-status-updates",),
    "post-edit": ("PATCH api-status-post",),
    "post-delete": ("DELETE api-status-post",),
    # --- the team ---
    "team": ("GET api-team", "GET api-members", "GET api-invitations"),
    "settings": "leads on to the page of the team",
    "team-transfer": ("POST api-team-transfer",),
    "team-rename": ("PATCH api-team",),
    "team-invite": ("POST api-invitations",),
    "team-leave": ("POST api-team-leave",),
    "team-delete": ("POST api-team-delete",),
    "team-new": ("POST api-teams",),
    "team-switch": "a program names the team in every request: X-Team",
    "member-role": ("PATCH api-member",),
    "member-remove": ("DELETE api-member",),
    "invitation-again": ("POST api-invitation-resend",),
    "invitation-revoke": ("DELETE api-invitation",),
    "keys": ("GET api-keys", "GET api-tokens"),
    "key-new": ("POST api-keys",),
    "key-revoke": ("DELETE api-key",),
    "token-new": ("POST api-tokens",),
    "token-revoke": ("DELETE api-token",),
    "import": ("POST api-imports",),
    "import-apply": ("POST api-imports",),
    "import-alerts": ("POST api-monitor-bulk",),
    "import-parity": ("POST api-import-parity",),
    "audit": ("GET api-audit-log",),
    "audit-export": ("GET api-audit-log",),
    # --- the public, machines ---
    **dict.fromkeys(("ping", "ping-word", "drill-target", "badge", "badge-json", "readyz", "metrics"), PUBLIC),
    **dict.fromkeys(("subscription", "subscription-leave"), PUBLIC),
    **dict.fromkeys(
        (
            *("status-page", "status-live", "status-history", "status-month", "status-chart", "status-style"),
            *("status-logo", "status-atom", "status-rss", "status-json", "status-summary", "status-subscribe"),
            "status-widget",
        ),
        PUBLIC,
    ),
}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Path, name and view of each."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, entry.name or "", entry.callback


def operations() -> set[str]:
    return {
        f"{verb.upper()} {name}"
        for path, name, view in routes()
        if path.startswith("api/")
        for verb in VERBS
        if hasattr(getattr(view, "cls", None), verb)
    }


def test_whatever_a_page_does_a_program_can_do() -> None:
    pages = {name: view for path, name, view in routes() if name and not path.startswith(("api/", "admin/"))}
    missing = sorted(set(pages) - set(PAGES))
    assert not missing, f"say in PAGES by which operations of the API a program does what these pages do: {missing}"
    assert not (gone := sorted(set(PAGES) - set(pages))), f"pages that are no more: {gone}"
    named = {operation for told in PAGES.values() if not isinstance(told, str) for operation in told}
    assert not (unknown := sorted(named - operations())), f"there are no such operations: {unknown}"


def test_what_a_page_changes_a_program_can_change() -> None:
    looks_only = []
    for _, name, view in routes():
        told = PAGES.get(name, "")
        kind = getattr(view, "view_class", None)
        changes = kind is not None and hasattr(kind, "post") and "post" in kind.http_method_names
        if changes and not isinstance(told, str) and all(operation.startswith("GET ") for operation in told):
            looks_only.append(name)
    # An export is a POST because it is written to the audit log; home and these change nothing else.
    assert looks_only == ["page-subscribers"]
