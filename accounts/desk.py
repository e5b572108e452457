"""What the operators' desk has in common: heavy tables are neither counted nor listed whole, nor searched without an
index."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from accounts.models import Team, User

M = TypeVar("M", bound=Model)

MOST_COUNTED = 10_000


class ReadOnly:
    """Nobody adds, changes or deletes these by hand."""

    def has_add_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False


class UncountedPaginator(Paginator[Any]):
    """Counts as far as anybody leafs, by reading so many keys: a count would read the whole table."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return len(self.object_list.order_by().values_list("pk", flat=True)[:MOST_COUNTED])


class HeavyAdmin(admin.ModelAdmin[M], Generic[M]):
    """The list of a table that may be large."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator
    list_per_page = 50
    list_max_show_all = 0
    search_fields = ["pk"]  # only so that there is a box; ``find`` says what is looked for

    def find(self, term: str) -> Q | None:
        """What a term asks for, by columns that have an index; None: nothing that could be found."""
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
    """A filter by values that are known: the one that Django makes of a plain column asks the whole table for them."""

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
