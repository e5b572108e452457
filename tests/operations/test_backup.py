"""A backup of a database with a past, put into an empty one: the same rows, and the same secrets."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.services import factors
from checks.services import days
from monitors.models import Monitor
from monitors.services import rotation
from probes.contract import Outcome
from tests.conftest import MakeMonitor
from tests.operations.running import address_of, manage, run, run_json
from tests.storage.rows import result, store_all

OLD = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECRET = {"url": "http://127.0.0.1:9/", "headers": {"Authorization": "Bearer möhre"}}


@pytest.fixture
def empty() -> Iterator[str]:
    """A database without a table."""
    name = "restored_here"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    yield name
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def everything(database: str) -> dict[str, list[str]]:
    """Every row of every table that a backup keeps, as text."""
    with psycopg.connect(address_of(database)) as db:
        names = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1").fetchall()
        return {
            name: sorted(row[0] for row in db.execute(f'SELECT t::text FROM "{name}" AS t'))  # noqa: S608 - of the catalogue
            for (name,) in names
            if name not in {"django_migrations", "django_session", "kombu_queue", "kombu_message", "uptime_cache"}
        }


@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
def test_what_is_restored_is_what_was_there(make_monitor: MakeMonitor, empty: str, tmp_path: Path) -> None:
    monitor = make_monitor(spec=SECRET)
    past = [result(monitor, OLD), result(monitor, timezone.now(), outcome=Outcome.DOWN), result(make_monitor(), OLD)]
    store_all(past, now=timezone.now())
    days.write_note(days.partition_name(days.RESULTS, OLD.date()), {"kept_until": "2027-01-01T00:00:00+00:00"})
    file = tmp_path / "uptime.zip"
    told = run_json("backup", str(file))
    assert list(told["keys"].values()) == [1], "one secret, under one key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"m\xc3\xb6hre" not in b"".join(contents(file))

    done = manage("restore", str(file), database=empty)
    assert done.returncode == 0, done.stderr
    assert everything(empty) == everything("")
    with psycopg.connect(address_of(empty)) as db:
        ((last, highest),) = db.execute(
            "SELECT nextval(pg_get_serial_sequence('accounts_membership', 'id')), max(id) FROM accounts_membership"
        ).fetchall()
        ((note,),) = db.execute("SELECT obj_description('checks_checkresult_p20260105'::regclass)").fetchall()
    assert last > highest
    assert "kept_until" in note

    with pytest.raises(CommandError, match="The database is not empty"):
        run("restore", str(file))


@pytest.mark.django_db(transaction=True)
def test_single_results_may_be_left_out(make_monitor: MakeMonitor, tmp_path: Path) -> None:
    store_all([result(make_monitor(), OLD)], now=timezone.now())
    run("backup", str(tmp_path / "all.zip"))
    run("backup", str(tmp_path / "lean.zip"), "--without-results")
    whole, lean = (set(zipfile.ZipFile(tmp_path / name).namelist()) for name in ("all.zip", "lean.zip"))
    assert {name for name in whole - lean if "checkresult_p" not in name and "evidence_p" not in name} == {
        "tables/checks_checkbatch.copy"
    }
    assert "tables/checks_rolluphour.copy" in lean


@pytest.mark.django_db(transaction=True)
def test_a_damaged_file_is_refused_before_anything_is_done(make_monitor: MakeMonitor, tmp_path: Path) -> None:
    make_monitor()
    file, wrong = tmp_path / "good.zip", tmp_path / "wrong.zip"
    run("backup", str(file))
    assert run_json("restore", str(file), "--check")["rows"] > 0
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(wrong, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name).replace(b"127.0.0.1", b"127.0.0.2"))
    with pytest.raises(CommandError, match=r"is damaged: .* is not what the manifest says"):
        run("restore", str(wrong), "--check")
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(CommandError, match="is no backup of ours, or it is broken"):
        run("restore", str(file), "--check")


@pytest.mark.django_db(transaction=True)
def test_a_restore_without_the_keys_says_which_are_missing(
    make_monitor: MakeMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_monitor(spec=SECRET)
    needed = rotation.key_id(settings.FIELD_ENCRYPTION_KEYS[0])
    run("backup", str(tmp_path / "b.zip"))
    monkeypatch.setattr(settings, "FIELD_ENCRYPTION_KEYS", [Fernet.generate_key().decode()])
    with pytest.raises(CommandError, match=f"FIELD_ENCRYPTION_KEYS lacks {needed}"):
        run("restore", str(tmp_path / "b.zip"))


@pytest.mark.django_db(transaction=True)
def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file, newer = tmp_path / "b.zip", tmp_path / "newer.zip"
    run("backup", str(file), "--without-results")
    with zipfile.ZipFile(file) as ours, zipfile.ZipFile(newer, "w") as theirs:
        for name in ours.namelist():
            content = ours.read(name)
            if name == "manifest.json":
                manifest = json.loads(content)
                manifest["migrations"].append(["monitors", "9999_from_the_future"])
                content = json.dumps(manifest).encode()
            theirs.writestr(name, content)
    with pytest.raises(CommandError, match="made by a newer version"):
        run("restore", str(newer))
    with pytest.raises(CommandError, match=f"{tmp_path} cannot be written: Is a directory"):
        run("backup", str(tmp_path), "--without-results")
    assert not tmp_path.with_name(f"{tmp_path.name}.part").exists()
    with pytest.raises(CommandError, match=r"nowhere\.zip cannot be read: No such file"):
        run("restore", "nowhere.zip")


def contents(file: Path) -> list[bytes]:
    with zipfile.ZipFile(file) as archive:
        return [archive.read(name) for name in archive.namelist()]


# --- keys ---


@pytest.mark.django_db
def test_every_secret_comes_under_the_first_key(
    owner: User, make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    before = [make_monitor(spec=SECRET) for _ in range(3)]
    app = TOTP.activate(owner, "JBSWY3DPEHPK3PXP").instance
    codes = RecoveryCodes.activate(owner).get_unused_codes()
    monkeypatch.setattr(rotation, "AT_ONCE", 2)
    monkeypatch.setattr(settings, "FIELD_ENCRYPTION_KEYS", [new, old])
    told = run_json("rotate_keys", "--dry-run")
    assert told["keys"] == {rotation.key_id(new): 0, rotation.key_id(old): 5}
    assert told["may_go"] == []
    told = run_json("rotate_keys")
    assert (told["changed"], told["may_go"]) == (5, [rotation.key_id(old)])
    assert run_json("rotate_keys")["changed"] == 0
    monkeypatch.setattr(settings, "FIELD_ENCRYPTION_KEYS", [new])
    assert factors.SealedFactors().decrypt(Authenticator.objects.get(pk=app.pk).data["secret"]) == "JBSWY3DPEHPK3PXP"
    assert Authenticator.objects.get(type=factors.RECOVERY).wrap().get_unused_codes() == codes
    for monitor in before:
        now = Monitor.objects.get(pk=monitor.pk)
        assert now.full_spec["headers"] == SECRET["headers"]
        assert (now.updated_at, now.config_version) == (monitor.updated_at, monitor.config_version)


@pytest.mark.django_db
def test_a_secret_that_fits_no_key_is_named(make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = make_monitor(spec=SECRET)
    monkeypatch.setattr(settings, "FIELD_ENCRYPTION_KEYS", [Fernet.generate_key().decode()])
    done = rotation.rotate(settings.FIELD_ENCRYPTION_KEYS)
    assert done.unreadable == [f"monitors_monitor.sealed {monitor.pk}"]
    assert Monitor.objects.get(pk=monitor.pk).sealed == monitor.sealed


def test_all_columns_of_secrets_are_known() -> None:
    assert {
        "monitors_monitor.sealed",
        "monitors_monitor.ping_sealed",
        "alerts_channel.sealed",
        "imports_importdraft.sealed",
        "api_keptanswer.sealed",
        "statuspages_subscriber.sealed",
        "monitors_region.key_sealed",
        "mfa_authenticator.data.secret",
        "mfa_authenticator.data.seed",
    } <= {str(column) for column in rotation.columns()}
