"""The forms of the doors, of invitations, of the account page, and of users in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.rules import Theme, zone_names
from accounts.services import people

LONGEST_PASSWORD = 1000


class PasswordField(forms.CharField):
    """The password that one has; spaces at its ends belong to it."""

    def __init__(self, *, autocomplete: str = "current-password", **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(
            **{"label": _("Password"), "strip": False, "max_length": LONGEST_PASSWORD, "widget": widget, **options}
        )


class NewPasswordField(PasswordField):
    def __init__(self, **options: Any) -> None:
        words = _("At least 10 characters, and not one of the common ones. A few unrelated words do well.")
        super().__init__(**{"autocomplete": "new-password", "help_text": words, **options})


class AddressField(forms.EmailField):
    def __init__(self, *, autocomplete: str = "username", **options: Any) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": autocomplete, "autofocus": autocomplete == "username"})
        super().__init__(**{"label": _("E-mail address"), "max_length": 254, "widget": widget, **options})


class ZoneField(forms.ChoiceField):
    """A time zone by its name; one that is stored under an old name is offered as well."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"initial": "UTC", **options})
        self.offer(str(self.initial))

    def offer(self, zone: str) -> None:
        names = zone_names()
        self.choices = [(name, name.replace("_", " ")) for name in (names if zone in names else (zone, *names))]


# --- the doors ---


class LoginForm(forms.Form):
    username = AddressField()
    password = PasswordField()


class SignUpForm(forms.Form):
    email = AddressField()
    password = NewPasswordField()
    # app.js fills it in; without it one begins with UTC.
    time_zone = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput(attrs={"data-own-zone": ""}))


class CodeForm(forms.Form):
    """A code, or what a key has answered."""

    code = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "off"}),
    )
    credential = forms.JSONField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if not cleaned.get("credential") and not cleaned.get("code") and not self.errors:
            self.add_error("code", _("Give the code."))
        return cleaned


class ResetForm(forms.Form):
    email = AddressField()


class NewPasswordForm(forms.Form):
    """On the page that the mail leads to. Django's view hands in the person and calls ``save``."""

    password = NewPasswordField(label=_("New password"))

    def __init__(self, user: User | None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if self.user:
            try:
                people.check_password_strength(password, self.user)
            except forms.ValidationError as error:
                raise forms.ValidationError(error.error_dict["password"]) from error
        return password

    def save(self) -> User | None:
        if self.user:
            people.reset_password(user=self.user, password=self.cleaned_data["password"])
        return self.user


class JoinForm(forms.Form):
    """For an invited person without an account; the address is the invitation's."""

    name = forms.CharField(
        label=_("Your name"), required=False, max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = NewPasswordField()


# --- the account ---


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    time_zone = ZoneField(label=_("Time zone"), help_text=_("All times on pages are told by its clocks."))
    language = forms.ChoiceField(label=_("Language"), required=False)
    theme = forms.ChoiceField(
        label=_("Colours"),
        choices=[
            (Theme.SYSTEM.value, _("As the system")),
            (Theme.LIGHT.value, _("Light")),
            (Theme.DARK.value, _("Dark")),
        ],
        widget=forms.RadioSelect,
    )
    shortcuts = forms.BooleanField(
        label=_("Single keys are shortcuts"),
        required=False,
        help_text=_("Switch it off if keys are pressed for you, by speech or a switch."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["time_zone"].offer(str(self.initial.get("time_zone", "UTC")))  # type: ignore[attr-defined]
        if len(settings.LANGUAGES) > 1:
            self.fields["language"].choices = [("", _("As the browser asks")), *settings.LANGUAGES]  # type: ignore[attr-defined]
        else:
            del self.fields["language"]


class EmailForm(forms.Form):
    email = AddressField(label=_("New e-mail address"), autocomplete="email")
    password = PasswordField(label=_("Your password"))


class PasswordForm(forms.Form):
    password = PasswordField(label=_("Your present password"))
    new_password = NewPasswordField(label=_("New password"))


class SureForm(forms.Form):
    password = PasswordField(label=_("Your password"))


class AppForm(SureForm):
    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    field_order = ["code", "password"]


class KeyForm(SureForm):
    name = forms.CharField(label=_("What you call the key"), max_length=60, required=False)
    credential = forms.JSONField(
        widget=forms.HiddenInput, error_messages={"required": _("The key has not answered. This takes JavaScript.")}
    )

    field_order = ["name", "password"]


class EndingForm(forms.Form):
    """Which session is to end."""

    browser = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    program = forms.UUIDField(required=False)


# --- the admin ---


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["email", "name"]


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"
