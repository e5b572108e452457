"""How a visitor asks to be told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from statuspages.rules import Road
from statuspages.shown import Page


class SubscribeForm(forms.Form):
    """``components``: left out, all of the page."""

    road: Road
    address: forms.Field
    components = forms.TypedMultipleChoiceField(
        label=_("Only of these"),
        required=False,
        coerce=lambda value: UUID(str(value)),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: of everything on the page."),
    )

    def __init__(self, page: Page, data: Any = None) -> None:
        super().__init__(data, prefix=self.road)
        offered = [(str(component.id), component.name) for component in page.components]
        if len(offered) > 1:
            self.fields["components"].choices = offered  # type: ignore[attr-defined]
        else:
            del self.fields["components"]


class EmailForm(SubscribeForm):
    road = Road.EMAIL
    address = forms.CharField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    field_order = ["address"]


class WebhookForm(SubscribeForm):
    road = Road.WEBHOOK
    address = forms.CharField(
        label=_("Address of the webhook"),
        max_length=2_000,
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hook"}),
        help_text=_("Gets JSON by POST; redirects are not followed. The first message holds a link to confirm."),
    )
    secret = forms.CharField(
        label=_("Secret"),
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Signs what we send (HMAC-SHA256) when it is given; at least 8 characters."),
    )
    field_order = ["address", "secret"]


FORMS: dict[str, type[SubscribeForm]] = {Road.EMAIL: EmailForm, Road.WEBHOOK: WebhookForm}
