"""What people keep of the pages for themselves."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Membership, User
from dashboard.filters import Filters
from dashboard.models import SavedView
from probes.sentences import say

MOST_VIEWS = 30


@transaction.atomic
def save_view(membership: Membership, *, name: str, filters: Filters, is_first: bool) -> SavedView:
    """Keep a list by a name; a name that is there already gets the new filters. Raises ``ValidationError``."""
    _one_at_a_time(membership)
    own, name = SavedView.objects.of(membership), _cleaned(name)
    view = own.filter(name__iexact=name).first()
    if view is None and own.count() >= MOST_VIEWS:
        raise ValidationError({"name": [say("there are {count} views already: delete one first", count=MOST_VIEWS)]})
    view = view or SavedView(team=membership.team, user=membership.user)
    return _saved(membership, view, name=name, filters=filters, is_first=is_first)


@transaction.atomic
def change_view(
    membership: Membership,
    view: SavedView,
    *,
    name: str | None = None,
    filters: Filters | None = None,
    is_first: bool | None = None,
) -> SavedView:
    """Change what is not None. Raises ``ValidationError`` where another view has the name."""
    _one_at_a_time(membership)
    name = view.name if name is None else _cleaned(name)
    if SavedView.objects.of(membership).filter(name__iexact=name).exclude(pk=view.pk).exists():
        raise ValidationError({"name": [say("another view has this name")]})
    is_first = view.is_first if is_first is None else is_first
    return _saved(membership, view, name=name, filters=filters, is_first=is_first)


def _one_at_a_time(membership: Membership) -> None:
    User.objects.select_for_update(no_key=True).get(pk=membership.user_id)


def _cleaned(name: str) -> str:
    name = " ".join(name.split())[:60]
    if not name:
        raise ValidationError({"name": [say("give the view a name")]})
    return name


def _saved(membership: Membership, view: SavedView, *, name: str, filters: Filters | None, is_first: bool) -> SavedView:
    if is_first:
        SavedView.objects.of(membership).exclude(pk=view.pk).filter(is_first=True).update(is_first=False)
    view.name, view.is_first = name, is_first
    view.query = view.query if filters is None else filters.query
    view.save()
    return view


def open_first(membership: Membership, view: SavedView | None) -> None:
    """Which of a person's views they see when they come in; None: the whole list."""
    if view is not None:
        change_view(membership, view, is_first=True)
    else:
        SavedView.objects.of(membership).filter(is_first=True).update(is_first=False)
