"""Django's admin is for staff alone, and shows staff every list."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD
from tests.tenancy.test_matrix import PARAMETER, routes
from tests.tenancy.world import make_things

pytestmark = pytest.mark.django_db


def test_the_admin_is_for_staff(client: Client, owner: User) -> None:
    client.force_login(owner)
    for path in {path for path, _ in routes() if path.startswith("admin/") and not PARAMETER.search(path)}:
        if "(?P" in path or path in {"admin/login/", "admin/logout/"}:
            continue
        response = client.get(f"/{path}")
        assert response.status_code == 302, path
        assert response.headers["Location"].startswith("/admin/login/"), path


def test_the_admin_shows_every_list_to_an_operator(client: Client, owner: User) -> None:
    ids = make_things(owner)
    operator = User.objects.create_superuser("root@example.com", PASSWORD)
    client.force_login(operator)
    for model in ("user", "team"):
        assert client.get(f"/admin/accounts/{model}/?q=o").status_code == 200
    for path in ("monitors/monitor", "monitors/region", "incidents/incident", "checks/checkbatch", "alerts/channel"):
        assert client.get(f"/admin/{path}/?q=a").status_code == 200, path
    for path in ("checks/monitorstats", "checks/regionworker", "alerts/delivery"):
        assert client.get(f"/admin/{path}/").status_code == 200, path
    page = client.get(f"/admin/checks/monitorstats/{ids['monitor']}/change/")
    assert b"connect_refused" in page.content
    assert client.get(f"/admin/monitors/monitor/{ids['monitor']}/change/").status_code == 200
    assert client.get(f"/admin/incidents/incident/{ids['incident']}/change/").status_code == 200
    assert client.get(f"/admin/alerts/channel/{ids['channel']}/change/").status_code == 200
    assert client.get(f"/admin/alerts/delivery/{ids['delivery']}/change/").status_code == 200
