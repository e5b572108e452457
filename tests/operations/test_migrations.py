"""The code of one version before works on the new tables, while an upgrade rolls on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations import AddField, CreateModel, Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import NOT_PROVIDED, ManyToManyField

from checks.selectors.health import migrations_on_disk, pending_migrations

ROOT = Path(__file__).parents[2]


def test_migrations_are_known_by_their_names() -> None:
    by_django = MigrationLoader(None).disk_migrations
    assert migrations_on_disk() == set(by_django)
    assert not [str(migration) for migration in by_django.values() if migration.replaces]


@pytest.mark.django_db
def test_a_migration_that_was_not_made_is_pending() -> None:
    assert not pending_migrations()
    MigrationRecorder(connection).record_unapplied("accounts", "0001_initial")
    assert pending_migrations()


SETTLED = {
    *("accounts.0004_people", "alerts.0003_tested", "incidents.0002_outbox", "incidents.0004_handling"),
    *("monitors.0002_region_events", "monitors.0003_region_watch", "monitors.0004_sealed", "monitors.0006_failover"),
    *("monitors.0008_maintenance", "monitors.0009_passive", "monitors.0012_region_key", "statuspages.0003_subscribers"),
}
"""From before the rule, and before the first release: no code without these columns serves anybody."""


def own_migrations() -> Iterator[Migration]:
    for (app, _), migration in MigrationLoader(None).disk_migrations.items():
        if (ROOT / app).is_dir() and str(migration) not in SETTLED:
            yield migration


@pytest.mark.parametrize("migration", sorted(own_migrations(), key=str), ids=str)
def test_old_code_can_fill_a_row_without_knowing_the_new_column(migration: Migration) -> None:
    made = {operation.name_lower for operation in migration.operations if isinstance(operation, CreateModel)}
    for operation in migration.operations:
        if not isinstance(operation, AddField) or operation.model_name_lower in made:
            continue
        field = operation.field
        assert field.null or field.db_default is not NOT_PROVIDED or isinstance(field, ManyToManyField), operation.name


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True)
