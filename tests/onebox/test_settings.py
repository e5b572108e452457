"""What a person may ask for, and the secrets that a box makes for itself."""

import base64
from pathlib import Path

import pytest

from onebox.process import StartError
from onebox.settings import SECRETS, keep_secrets, read_env_file, read_settings


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    settings = read_settings({}, directory=tmp_path)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.regions == ("usa", "india")
    assert settings.var_dir == tmp_path / "var"
    assert settings.database_url == settings.broker_url == ""
    assert settings.site_url == "http://127.0.0.1:8000"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# mine\nexport PORT='9000'\nREGIONS=eu\n\nnot a setting\n")
    settings = read_settings({"REGIONS": "usa, eu-west"}, directory=tmp_path)
    assert settings.port == 9000
    assert settings.regions == ("usa", "eu-west")


def test_one_redis_address_serves_as_broker_and_cache(tmp_path: Path) -> None:
    for name in ("REDIS_URL", "CELERY_BROKER_URL"):
        settings = read_settings({name: "redis://elsewhere"}, directory=tmp_path)
        assert settings.redis_url == settings.broker_url == "redis://elsewhere"


def test_a_box_can_do_without_redis(tmp_path: Path) -> None:
    settings = read_settings({"BROKER": "postgres"}, directory=tmp_path)
    assert (settings.without_redis, settings.redis_url, settings.broker_url) == (True, "", "")
    own = {"DATABASE_URL": "postgresql://db/uptime", "CELERY_BROKER_URL": "sqla+postgresql+psycopg://db/uptime"}
    settings = read_settings(own, directory=tmp_path)
    assert (settings.without_redis, settings.redis_url) == (True, "")
    assert settings.broker_url == own["CELERY_BROKER_URL"]


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("box.lan", "http://box.lan:8000")],  # noqa: S104
)
def test_the_address_can_be_typed_into_a_browser(tmp_path: Path, host: str, address: str) -> None:
    assert read_settings({"HOST": host}, directory=tmp_path).site_url == address


@pytest.mark.parametrize(
    "environment",
    [
        {"PORT": "http"},
        {"PORT": "70000"},
        {"DEMO_PORT": "0"},
        {"REGIONS": "usa,usa"},
        {"REGIONS": "USA"},
        {"REGIONS": ","},
        {"BROKER": "rabbit"},
        {"BROKER": "postgres", "CELERY_BROKER_URL": "redis://elsewhere"},
        {"CELERY_BROKER_URL": "sqla+postgresql+psycopg://db/uptime"},
    ],
)
def test_nonsense_is_one_sentence(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(StartError, match=rf"^{next(iter(environment))}\b[^\n]*\.$"):
        read_settings(environment, directory=tmp_path)


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    first = keep_secrets(file)
    assert keep_secrets(file) == first == read_env_file(file)
    assert set(first) == set(SECRETS)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(base64.urlsafe_b64decode(first["FIELD_ENCRYPTION_KEYS"])) == 32


def test_a_secret_added_later_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    first = keep_secrets(file, ["SECRET_KEY"])
    assert keep_secrets(file)["SECRET_KEY"] == first["SECRET_KEY"]
