"""One row a count."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Count(models.Model):
    """How often something has happened since the installation was made. ``labels`` in the order of the meter's."""

    meter = models.CharField(max_length=40)
    labels = ArrayField(models.CharField(max_length=60))
    value = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["meter", "labels"], name="meters_one_row_a_count")]

    def __str__(self) -> str:
        return f"{self.meter} {self.labels}: {self.value:g}"
