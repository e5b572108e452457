"""What people keep of the pages for themselves."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Membership, User
from dashboard.filters import Filters
from dashboard.models import SavedView

MOST_VIEWS = 30


@transaction.atomic
def save_view(membership: Membership, *, name: str, filters: Filters, is_first: bool) -> SavedView:
    """Keep a list by a name; a name that is there already gets the new filters. Raises ``ValidationError``."""
    User.objects.select_for_update(no_key=True).get(pk=membership.user_id)
    own = SavedView.objects.of(membership)
    name = " ".join(name.split())[:60]
    if not name:
        raise ValidationError({"name": [_("give the view a name")]})
    view = own.filter(name__iexact=name).first()
    if view is None and own.count() >= MOST_VIEWS:
        raise ValidationError({"name": [_("there are %s views already: delete one first") % MOST_VIEWS]})
    view = view or SavedView(team=membership.team, user=membership.user)
    if is_first:
        own.exclude(pk=view.pk).filter(is_first=True).update(is_first=False)
    view.name, view.query, view.is_first = name, filters.query, is_first
    view.save()
    return view


@transaction.atomic
def open_first(membership: Membership, view: SavedView | None) -> None:
    """Which of a person's views they see when they come in; None: the whole list."""
    own = SavedView.objects.of(membership)
    own.filter(is_first=True).update(is_first=False)
    if view is not None:
        own.filter(pk=view.pk).update(is_first=True)
