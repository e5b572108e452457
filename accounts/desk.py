"""What the operators' desk has in common: heavy tables are neither counted nor listed whole, nor searched without an
index."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar
from uuid import UUID

import django_stubs_ext
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.core.paginator import Paginator
from django.db import OperationalError, connection, transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from accounts import audit
from accounts.models import Team, User

# Lets the desk's classes be written with their types at run time too: admin.ModelAdmin[Monitor].
django_stubs_ext.monkeypatch()

M = TypeVar("M", bound=Model)

MOST_COUNTED = 10_000
LONGEST_SEARCH = "3s"
MOST_FOUND = 200


class ReadOnly:
    """Nobody adds, changes or deletes these by hand."""

    def has_add_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False


class UncountedPaginator(Paginator[Any]):
    """Counts up to ``MOST_COUNTED`` keys: nobody pages further, and a full count would read the whole table."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return len(self.object_list.order_by().values_list("pk", flat=True)[:MOST_COUNTED])


class Told(admin.ModelAdmin):  # type: ignore[type-arg]
    """What operators do here by hand is also written into the logs of the teams it affects."""

    def tell(self, thing: Any, verb: str, **facts: Any) -> None:
        audit.done(thing, verb, **facts)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        self.tell(obj, "created by an operator")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        entry = super().log_change(request, obj, message)
        self.tell(obj, "changed by an operator", what=entry.get_change_message())
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for thing in queryset:
            self.tell(thing, "deleted by an operator")
        return super().log_deletions(request, queryset)


class HeavyAdmin(admin.ModelAdmin[M], Generic[M]):
    """The list of a table that may be large."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator
    list_per_page = 50
    list_max_show_all = 0
    search_fields = ["pk"]  # only so that there is a box; ``find`` says what is looked for

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Those that were chosen. What goes with them is said in general: to list it would read it all."""
        chosen = [f"{self.opts.verbose_name}: {one}, with all that belongs to it" for one in objs]
        return chosen, {self.opts.verbose_name_plural: len(chosen)}, set(), self.kept_back(objs)

    def kept_back(self, chosen: Iterable[M]) -> list[str]:
        """Why some of these cannot be deleted, in words; empty: all of them can."""
        return []

    def find(self, term: str) -> Q | None:
        """What a search term means, by indexed columns only; None when it can match nothing."""
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = self.find(term)
        if wanted is None:
            self.message_user(request, f"Look for: {self.search_help_text}", messages.WARNING)
            return queryset.none(), False
        return queryset.filter(wanted), False


def among(column: str, values: Callable[[], Iterable[tuple[str, str]]]) -> type[admin.SimpleListFilter]:
    """A filter with a known list of values: Django's own filter of a column reads the whole table for them."""

    class Among(admin.SimpleListFilter):
        title = parameter_name = column

        def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
            return list(values())

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{column: self.value()}) if self.value() else queryset

    return Among


def as_uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def in_team_of(term: str) -> Q | None:
    """What belongs to the teams of the person with this address."""
    if "@" not in term:
        return None
    return Q(team__in=Team.objects.filter(memberships__user__email=User.objects.clean_email(term)))


def found_in_time(wanted: QuerySet[Any]) -> Q:
    """A search that no index helps, such as part of a name: bounded in time and in the number of matches."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST_SEARCH}'")
            keys = list(wanted.order_by().values_list("pk", flat=True)[:MOST_FOUND])
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError:
        return Q(pk__in=[])
    return Q(pk__in=keys)
