"""Who reads pages and asks the API, and what there is to read."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from uuid import UUID

import psycopg
import requests

PASSWORD = secrets.token_urlsafe(12)
YEAR_MONITORS = 5


@dataclass
class Past:
    """What the database holds, as far as it is asked for."""

    monitors: list[UUID]
    """Some of the team's."""
    old: list[UUID]
    """Those with the longest history."""
    pages: int
    """Of the list."""


class Person:
    """Signed in at the pages and at the API, with a session and with a token."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.email = f"reader-{secrets.token_hex(4)}@example.com"
        self.http = requests.Session()
        signed_up = self.http.post(f"{site}/api/auth/signup", json={"email": self.email, "password": PASSWORD})
        signed_up.raise_for_status()
        self.sign_in()

    def sign_in(self) -> None:
        form = {"username": self.email, "password": PASSWORD}
        self.http.get(f"{self.site}/login/")
        form["csrfmiddlewaretoken"] = self.http.cookies["csrftoken"]
        answer = self.http.post(f"{self.site}/login/", data=form, headers={"Referer": f"{self.site}/login/"})
        assert answer.url == f"{self.site}/monitors/", answer.url
        self.renew()

    def renew(self) -> None:
        """Tokens last for five minutes."""
        words = {"email": self.email, "password": PASSWORD}
        answer = requests.post(f"{self.site}/api/auth/login", json=words, timeout=30)
        answer.raise_for_status()
        self.bearer = {"Authorization": f"Bearer {answer.json()['access']}"}

    def get(self, address: str) -> tuple[float, int]:
        """Milliseconds and bytes of one answer."""
        begun = time.perf_counter()
        headers = self.bearer if address.startswith("/api/") else {"Accept-Encoding": "identity"}
        answer = self.http.get(f"{self.site}{address}", headers=headers, timeout=60)
        took_ms = 1000 * (time.perf_counter() - begun)
        honest = {200, 503} if address.endswith("/health") else {200}
        assert answer.status_code in honest, (address, answer.status_code)
        return took_ms, len(answer.content)


def join(database_url: str, email: str) -> Past:
    """Make the person a member of the team that has the most monitors, and look at those."""
    with psycopg.connect(database_url) as connection:
        largest = "SELECT team_id, count(*) FROM monitors_monitor GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
        found = connection.execute(largest).fetchone()
        assert found, "no monitors: fill the database by manage.py seed_demo"
        moved = "UPDATE accounts_membership SET team_id = %s FROM accounts_user WHERE user_id = accounts_user.id"
        connection.execute(f"{moved} AND email = %s", [found[0], email])
        some = "SELECT id FROM monitors_monitor WHERE team_id = %s ORDER BY random() LIMIT 200"
        first = "SELECT min(bucket) FROM checks_rollupday AS day WHERE day.monitor_id = monitor.id"
        old = f"SELECT id FROM monitors_monitor AS monitor WHERE team_id = %s ORDER BY ({first}) LIMIT {YEAR_MONITORS}"  # noqa: S608
        return Past(
            monitors=[row[0] for row in connection.execute(some, [found[0]])],
            old=[row[0] for row in connection.execute(old, [found[0]])],
            pages=-(-found[1] // 50),
        )
