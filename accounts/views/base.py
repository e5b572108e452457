"""What the forms of this app have in common: limits on tries, and complaints at their fields."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts.access.throttles import ScopedThrottle
from accounts.exceptions import Locked, NotConfirmed, WrongCode, WrongCredentials
from common.languages import spoken


@method_decorator(sensitive_post_parameters(), name="dispatch")
class LimitedForm(FormView):  # type: ignore[type-arg]
    """A form whose tries are limited. ``act`` does the work and says where to go."""

    throttle_scope: str | None = None

    def act(self, form: Form) -> HttpResponse:
        raise NotImplementedError

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.throttle_scope:
            throttle = ScopedThrottle()
            if not throttle.allow_request(request, self):
                return self.ask_to_wait(throttle.wait())
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Form) -> HttpResponse:
        try:
            return self.act(form)
        except Locked as error:
            return self.ask_to_wait(error.wait)
        except (WrongCredentials, WrongCode, NotConfirmed) as error:
            form.add_error(None, spoken(error.detail))
        except ValidationError as error:
            show(form, error)
        return self.form_invalid(form)

    def ask_to_wait(self, seconds: float) -> HttpResponse:
        """Nothing that was typed comes back: half of it is a password."""
        wait = ceil(seconds)
        form = self.get_form_class()(**(self.get_form_kwargs() | {"data": None, "files": None}))
        words = self.get_context_data(form=form, wait_seconds=wait, wait_minutes=ceil(wait / 60))
        return self.render_to_response(words, status=429, headers={"Retry-After": str(wait)})


def show(form: Form, error: ValidationError) -> None:
    """Each message at its field, and at the top what has none."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, [spoken(message) for message in error.messages])
        return
    for name, messages in error.message_dict.items():
        form.add_error(name if name in form.fields else None, [spoken(message) for message in messages])
