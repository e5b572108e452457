"""Asking to be told, and saying yes or no to it."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from accounts.access.throttles import ScopedThrottle
from common.languages import spoken
from statuspages.colours import style_mark
from statuspages.forms.subscribe import FORMS, SubscribeForm
from statuspages.models import StatusPage
from statuspages.rules import Road
from statuspages.selectors.subscribers import subscriber_by_token
from statuspages.services import subscribers
from statuspages.views.pages import PublicView, choose_language


class Subscribe(PublicView):
    """A form, and always the same answer: who is subscribed is nobody's business."""

    http_method_names = ["get", "head", "post"]
    throttle_scope = "subscribe"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return self._page()

    @method_decorator(sensitive_post_parameters())
    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        make = FORMS.get(request.POST.get("road", ""))
        if make is None or not self.page.takes_subscribers:
            raise Http404
        throttle = ScopedThrottle()
        if not throttle.allow_request(request, self):
            seconds = ceil(throttle.wait())
            late = self._page(status=429, wait_minutes=-(-seconds // 60))
            late["Retry-After"] = str(seconds)
            return late
        form = make(self.page, request.POST)
        return self._page(asked=True) if self._ask(form) else self._page(form, status=400)

    def _ask(self, form: SubscribeForm) -> bool:
        if form.is_valid():
            page = StatusPage.objects.published().only("pk").get(pk=self.page.id)
            try:
                subscribers.ask(page, kind=form.road, now=timezone.now(), **form.cleaned_data)
            except ValidationError as error:
                for name, words in error.message_dict.items():
                    form.add_error(name if name in form.fields else None, [spoken(word) for word in words])
        return not form.errors

    def _page(self, refused: SubscribeForm | None = None, *, status: int = 200, **context: Any) -> HttpResponse:
        if not self.page.takes_subscribers:
            raise Http404
        forms = {road: make(self.page) for road, make in FORMS.items()}
        if refused is not None:
            forms[refused.road] = refused
        context |= {"email": forms[Road.EMAIL], "webhook": forms[Road.WEBHOOK]}
        response = render(self.request, "statuspages/subscribe.html", {**self.about(), **context}, status=status)
        response["Cache-Control"] = "private, no-store"
        return response


@method_decorator([csrf_exempt, never_cache, sensitive_post_parameters()], name="dispatch")
class Subscription(View):
    """One subscription, for whoever has the link that we sent there. Looking at it changes nothing: programs that check
    mails follow every link. The token is all the right there is, so no cookie has to speak for the visitor."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = subscriber_by_token(kwargs["token"])
        if found is None:
            raise Http404
        self.subscriber = found
        with translation.override(choose_language(tuple(found.page.languages), request)):
            response = super().dispatch(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "no-referrer"
        return response

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return self._page("confirmed" if self.subscriber.confirmed_at else "asked")

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        if request.POST.get("do") == "leave":
            return self._leave()
        subscribers.confirm(self.subscriber, now=timezone.now())
        return redirect("subscription", token=self.kwargs["token"])

    def _leave(self) -> HttpResponseBase:
        subscribers.leave(self.subscriber)
        return self._page("left")

    def _page(self, state: str) -> HttpResponseBase:
        page = self.subscriber.page
        context = {
            "page": page,
            "root": page.path,
            "language": translation.get_language(),
            "style_url": f"{page.path}style-{mark}.css" if (mark := style_mark(page.colours)) else "",
            "state": state,
            "components": self._components() if state != "left" else [],
            "to_webhook": self.subscriber.kind == Road.WEBHOOK,
        }
        return render(self.request, "statuspages/subscription.html", context)

    def _components(self) -> list[str]:
        return [component.name for component in self.subscriber.components.all()]


class OneClickLeave(Subscription):
    """RFC 8058: the reader's mail program posts here. Following the link only shows the page."""

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return redirect("subscription", token=self.kwargs["token"])

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return self._leave()
