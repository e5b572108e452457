"""The forms of status pages: the page, what stands on it, and what is written on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from dashboard.forms.base import MonitorsField, as_id, sentence
from dashboard.forms.maintenance import LocalTimeField
from dashboard.selectors.choices import monitor_choices
from dashboard.selectors.statuspages import incident_choices, window_choices
from dashboard.words import NOTHING
from statuspages.models import Component, Post, StatusPage
from statuspages.rules import COLOURS, STATES, PostKind, PostState, Source, Visibility, colours_problem
from statuspages.words import POSTS

PROSE = {"rows": 3, "class": "prose"}
PLAIN = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}


class MaybeId(forms.TypedChoiceField):
    """One row of several, or none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "coerce": as_id, "empty_value": None, **options})


class PageForm(forms.Form):
    """What a page is, and who may see it. What stands on it is edited on its own page."""

    title = forms.CharField(label=_("Title"), max_length=120)
    slug = forms.CharField(
        label=_("Address"),
        max_length=60,
        help_text=_("Its part of the address: small letters, digits and hyphens."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    description = forms.CharField(
        label=_("Description"), max_length=1_000, required=False, widget=forms.Textarea(attrs=PROSE)
    )
    published = forms.BooleanField(
        label=_("Published"), required=False, help_text=_("Until then nobody but your team sees it.")
    )
    visibility = forms.ChoiceField(
        label=_("Who may see it"),
        choices=[
            (Visibility.PUBLIC.value, _("Everybody")),
            (Visibility.UNLISTED.value, _("Whoever knows its secret address")),
            (Visibility.PASSWORD.value, _("Whoever knows its password")),
        ],
        initial=Visibility.PUBLIC.value,
        widget=forms.RadioSelect,
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1_000,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("For a page that asks for one; at least 8 characters. Left empty, it stays as it is."),
    )
    domain = forms.CharField(
        label=_("Domain of its own"),
        max_length=253,
        required=False,
        help_text=_("A name like status.example.com that leads to this server; its certificate is the proxy's."),
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": "status.example.com"}),
    )
    embeddable = forms.BooleanField(label=_("Other sites may show its overall line in a frame"), required=False)
    lists_outages = forms.BooleanField(
        label=_("Name outages that nobody has written of"),
        required=False,
        initial=True,
        help_text=_("With the component's name and the times, and nothing else."),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        required=False,
        choices=settings.LANGUAGES,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The visitor's own is taken where it is among them. None chosen: the server's."),
    )
    logo = forms.FileField(
        label=_("Logo"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
    )
    no_logo = forms.BooleanField(label=_("Take the logo away"), required=False)
    accent = forms.CharField(label=_("Accent"), required=False)
    up = forms.CharField(label=_("Bars: well"), required=False)
    degraded = forms.CharField(label=_("Bars: degraded"), required=False)
    down = forms.CharField(label=_("Bars: down"), required=False)
    unknown = forms.CharField(label=_("Bars: unknown"), required=False)

    def __init__(self, data: Any = None, files: Any = None, *, page: StatusPage | None = None) -> None:
        super().__init__(data, files, initial=_page_initial(page) if page else None)
        if page is None or not page.logo_mark:
            del self.fields["no_logo"]
        words = _("PNG, JPEG, WebP or GIF, at most %(most)d kB. It stands in the place of the title.")
        self.fields["logo"].help_text = words % {"most": settings.LOGO_MAX_KB}
        if len(settings.LANGUAGES) < 2:
            del self.fields["languages"]
        for name in COLOURS:
            self.fields[name].max_length = 7  # type: ignore[attr-defined]
            self.fields[name].widget.attrs.update({**PLAIN, "placeholder": "#3f51d4"})

    def of(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    @property
    def first(self) -> list[forms.BoundField]:
        return self.of("title", "slug", "description")

    @property
    def who(self) -> list[forms.BoundField]:
        return self.of("published", "visibility", "password")

    @property
    def where(self) -> list[forms.BoundField]:
        return self.of("domain", "embeddable")

    @property
    def what(self) -> list[forms.BoundField]:
        return self.of("lists_outages", "languages")

    @property
    def looks(self) -> list[forms.BoundField]:
        return self.of("logo", "no_logo")

    @property
    def colours(self) -> list[forms.BoundField]:
        return self.of(*COLOURS)

    def clean(self) -> None:
        """Each colour's problem at its own field; to the service they are one."""
        for name in COLOURS:
            value = self.cleaned_data.get(name)
            if value and (problem := colours_problem({name: value.lower()})):
                self.add_error(name, sentence(problem))

    def configuration(self) -> dict[str, Any]:
        cleaned = dict(self.cleaned_data)
        colours = {name: value for name in COLOURS if (value := cleaned.pop(name))}
        logo, no_logo = cleaned.pop("logo"), cleaned.pop("no_logo", False)
        cleaned["colours"] = colours
        if logo:
            cleaned["logo"] = logo.read()
        elif no_logo:
            cleaned["logo"] = None
        return cleaned


def _page_initial(page: StatusPage) -> dict[str, Any]:
    plain = ("title", "slug", "description", "published", "visibility", "embeddable", "lists_outages", "languages")
    return {name: getattr(page, name) for name in plain} | {"domain": page.domain or "", **page.colours}


class SectionForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)


class ComponentForm(forms.Form):
    """A line of the page."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What visitors read; the monitors' own names stay with you.")
    )
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
    section = MaybeId(label=_("Section"))
    source = forms.ChoiceField(
        label=_("Stands for"),
        choices=[
            (Source.MONITOR.value, _("One monitor")),
            (Source.TAG.value, _("All monitors with a tag")),
            (Source.GROUP.value, _("Several monitors")),
        ],
        initial=Source.MONITOR.value,
        widget=forms.RadioSelect,
    )
    monitor = MaybeId(label=_("Monitor"), help_text=_("For one monitor."))
    tag = forms.CharField(label=_("Tag"), max_length=40, required=False, help_text=_("For all with a tag."))
    monitors = MonitorsField(label=_("Monitors"), help_text=_("For several."))
    shows_chart = forms.BooleanField(label=_("Show its response times"), required=False)

    def __init__(self, page: StatusPage, data: Any = None, *, component: Component | None = None) -> None:
        initial = _component_initial(component) if component else {}
        super().__init__(data, initial=initial)
        keep = [*initial.get("monitors", []), *filter(None, [initial.get("monitor")])]
        offered = monitor_choices(page.team, keep=keep)
        sections = [("", _("None"))] + [(str(pk), name) for pk, name in page.sections.values_list("pk", "name")]
        self._offer("monitor", [("", NOTHING), *offered])
        self._offer("monitors", offered)
        self._offer("section", sections)

    def _offer(self, name: str, choices: Any) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def configuration(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


def _component_initial(component: Component) -> dict[str, Any]:
    return {
        "name": component.name,
        "description": component.description,
        "section": component.section_id,
        "source": component.source,
        "monitor": component.monitor_id,
        "tag": component.tag,
        "monitors": [monitor.pk for monitor in component.group.all()],
        "shows_chart": component.shows_chart,
    }


class MomentField(LocalTimeField):
    """A time in UTC."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        local = super().to_python(value)
        return local.replace(tzinfo=UTC) if local else None


class UpdateForm(forms.Form):
    """One more thing to say."""

    state = forms.ChoiceField(label=_("State"))
    text = forms.CharField(
        label=_("What to say"),
        max_length=5_000,
        help_text=_("Markdown, without pictures."),
        widget=forms.Textarea(attrs={"rows": 5, "class": "prose"}),
    )

    def __init__(self, kind: PostKind, data: Any = None, *, state: str | None = None) -> None:
        super().__init__(data, initial={"state": state})
        self.fields["state"].choices = state_choices(kind)  # type: ignore[attr-defined]


class PostForm(forms.Form):
    """A post of one kind: its title and times and what it is about; a new one with the first thing to say."""

    title = forms.CharField(label=_("Title"), max_length=200)
    state = forms.ChoiceField(label=_("State"))
    text = forms.CharField(
        label=_("What to say"),
        max_length=5_000,
        help_text=_("Markdown, without pictures."),
        widget=forms.Textarea(attrs={"rows": 5, "class": "prose"}),
    )
    components = forms.TypedMultipleChoiceField(
        label=_("About"), required=False, coerce=as_id, widget=forms.CheckboxSelectMultiple
    )
    incident = MaybeId(label=_("Incident"), help_text=_("The page then names the outage only once."))
    window = MaybeId(label=_("Window"), help_text=_("Its times are taken where none are given here."))
    starts_at = MomentField(label=_("Begins (UTC)"), required=False)
    ends_at = MomentField(label=_("Ends (UTC)"), required=False)

    def __init__(self, kind: PostKind, page: StatusPage, data: Any = None, *, post: Post | None = None) -> None:
        super().__init__(data, initial=_post_initial(post) if post else {"starts_at": None})
        self.kind = kind
        self._drop("window" if kind is PostKind.INCIDENT else "incident", *(["state", "text"] if post else []))
        self._offer("state", state_choices(kind))
        self._offer("components", [(str(pk), name) for pk, name in page.components.values_list("pk", "name")])
        self._offer("incident", [("", NOTHING), *incident_choices(page.team)])
        self._offer("window", [("", NOTHING), *window_choices(page.team)])

    def _drop(self, *names: str) -> None:
        for name in names:
            del self.fields[name]

    def _offer(self, name: str, choices: Any) -> None:
        if name in self.fields:
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def configuration(self) -> dict[str, Any]:
        """Times that were left empty are not named: they stay, or are those of what the post is about."""
        return {
            name: value for name, value in self.cleaned_data.items() if value is not None or not name.endswith("_at")
        }


def _post_initial(post: Post) -> dict[str, Any]:
    chosen: list[UUID] = [component.pk for component in post.components.all()]
    plain = {name: getattr(post, name) for name in ("title", "starts_at", "ends_at")}
    return plain | {"components": chosen, "incident": post.incident_id, "window": post.window_id}


def state_choices(kind: PostKind) -> list[tuple[str, Any]]:
    return [(state.value, POSTS[PostState(state)]) for state in STATES[kind]]
