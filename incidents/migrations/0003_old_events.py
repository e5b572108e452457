from typing import Any

from django.db import migrations
from django.db.models import F, OuterRef, Subquery


def carry_over(apps: Any, schema_editor: Any) -> None:
    """Events from before there was anybody to tell them: they get their monitor, and nobody is told of the past."""
    event, incident = apps.get_model("incidents", "IncidentEvent"), apps.get_model("incidents", "Incident")
    mine = incident.objects.filter(pk=OuterRef("incident"))
    event.objects.filter(planned_at=None, monitor=None).exclude(incident=None).update(
        monitor=Subquery(mine.values("monitor")),
        team=Subquery(mine.values("monitor__team")),
        planned_at=F("happened_at"),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0002_outbox"),
    ]

    operations = [
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
