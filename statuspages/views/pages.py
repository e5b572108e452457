"""Pages for everybody: found by slug or by host, let in who may, answered in the visitor's language."""

from __future__ import annotations

from datetime import UTC, date
from hashlib import sha256
from math import ceil
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from accounts.access.throttles import ScopedThrottle
from monitors import secrets
from statuspages import kept
from statuspages.colours import style_mark, stylesheet
from statuspages.models import StatusPage
from statuspages.rules import Visibility
from statuspages.selectors import pages as selectors
from statuspages.shown import Page

STALE_S = 60
"""An older answer says how old it is; up to then nobody would have seen a difference."""
MAX_AGE_S = 10
PASS_LASTS_S = 30 * 86_400
PASS_SALT = "statuspages.pass"  # noqa: S105 - a name
FOR_EVER = "max-age=31536000, immutable"


class PublicView(View):
    """Something of a published page. What may not be seen is 404, like what never was."""

    http_method_names = ["get", "head"]
    page: Page
    root: str
    """Where the page answers, in this request: below our own host, or at the root of its own."""
    answer: kept.Answer[Any]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        own_host = getattr(request, "status_page", None)
        slug, token = own_host or kwargs.get("slug", ""), kwargs.get("token")
        self.root = "/" if own_host else f"/status/{slug}/"
        self.root += f"key/{token}/" if token else ""
        found = selectors.published(slug)
        if found.value is None or not _may_know(found.value, token):
            raise Http404
        self.page, self.answer = found.value, found
        # From here on whatever goes wrong is told in the page's language, and leads back to it.
        request.LANGUAGE_CODE, request.home = self.language, self.root  # type: ignore[attr-defined]
        with translation.override(self.language):
            response = super().dispatch(request, *args, **kwargs) if self._has_pass() else self.without_pass()
        return self._with_headers(response)

    def without_pass(self) -> HttpResponseBase:
        """Somebody has to give the password first."""
        return redirect(self.root)

    @property
    def address(self) -> str:
        """The whole address of the page, by the road by which it was asked for."""
        own = getattr(self.request, "status_page", None)
        return self.request.build_absolute_uri(self.root) if own else f"{settings.SITE_URL}{self.root}"

    @property
    def language(self) -> str:
        return choose_language(self.page.languages, self.request)

    @property
    def stale_s(self) -> float | None:
        """How old what is shown is, where that is worth a word."""
        return self.answer.age_s if self.answer.age_s > STALE_S else None

    def _has_pass(self) -> bool:
        return self.page.visibility is not Visibility.PASSWORD or _is_pass(
            self.request.COOKIES.get(pass_name(self.page.id), ""), self.page
        )

    def _with_headers(self, response: HttpResponseBase) -> HttpResponseBase:
        public = self.page.visibility is Visibility.PUBLIC
        if not public:
            response["X-Robots-Tag"] = "noindex, nofollow"
            response["Cache-Control"] = "private, no-store"
        elif "Cache-Control" not in response:
            response["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
        if len(self.page.languages) > 1:
            patch_vary_headers(response, ["Accept-Language"])
        return response

    def show(self, template: str, **context: Any) -> HttpResponseBase:
        """Not sent again while it would be the same."""
        etag = f'"{self._mark(template)}"'
        if self.request.headers.get("If-None-Match", "").removeprefix("W/") == etag:
            response: HttpResponse = HttpResponseNotModified()
        else:
            response = render(self.request, template, {**self.about(), "etag": etag.strip('"'), **context})
        response["ETag"] = etag
        return response

    def about(self) -> dict[str, Any]:
        return {
            "page": self.page,
            "root": self.root,
            "style_url": f"{self.root}style-{mark}.css" if (mark := style_mark(self.page.colours)) else "",
            "logo_url": f"{self.root}logo-{self.page.logo_mark}.png" if self.page.logo_mark else "",
            "language": self.language,
            "languages": named_languages(self.page.languages),
            "stale_s": self.stale_s,
            "query": f"?lang={self.language}" if "lang" in self.request.GET else "",
        }

    def _mark(self, template: str) -> str:
        """Of all that the answer is made from; of its age only the minute, where it is told at all."""
        stale = int(self.stale_s // 60) if self.stale_s else None
        made_from = [self.answer.mark, template, self.about()["query"], self.language, stale, self.root, *files_used()]
        return sha256(repr(made_from).encode()).hexdigest()[:24]


def files_used() -> list[str]:
    """Addresses that change with the files: a page that names old ones is another page."""
    return [static(name) for name in ("style.css", "dark.css", "status.css", "app.js", "plot.js", "status.js")]


@method_decorator(sensitive_post_parameters(), name="dispatch")
class StatusPageView(PublicView):
    """The page; and, where it has a password and the visitor has not given it, the door to it."""

    http_method_names = ["get", "head", "post"]
    throttle_scope = "page_password"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.show("statuspages/page.html")

    def without_pass(self) -> HttpResponseBase:
        return self._let_in() if self.request.method == "POST" else self._door()

    def post(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        """They are in already."""
        return redirect(self.root)

    def _let_in(self) -> HttpResponseBase:
        throttle = ScopedThrottle()
        if not throttle.allow_request(self.request, self):
            seconds = ceil(throttle.wait())
            door = self._door(status=429, wait_s=seconds)
            door["Retry-After"] = str(seconds)
            return door
        stored = StatusPage.objects.published().defer("logo").get(pk=self.page.id)
        given = self.request.POST.get("password", "")[:1_000]
        if not stored.password or not check_password(given, stored.password):
            return self._door(status=403, refused=True)
        response = redirect(self.root)
        mark = selectors.password_mark(stored)
        response.set_cookie(
            pass_name(self.page.id),
            signing.dumps([str(self.page.id), mark], salt=PASS_SALT),
            path=self.root,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        kept.forget(f"page:{self.page.slug}")
        return response

    def _door(self, *, status: int = 200, **context: Any) -> HttpResponse:
        return render(self.request, "statuspages/door.html", {**self.about(), "logo_url": "", **context}, status=status)


class LivePart(PublicView):
    """What the page polls."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.show("statuspages/_live.html")


class History(PublicView):
    """A month; the present one where none is named."""

    def get(self, request: HttpRequest, year: int = 0, month: int = 0, **_: Any) -> HttpResponseBase:
        this_month = timezone.now().astimezone(UTC).date().replace(day=1)
        since = self.page.since.astimezone(UTC).date().replace(day=1)
        first = _month(year, month) if year else this_month
        if not since <= first <= this_month:
            raise Http404
        self.answer = selectors.month(self.page, first)
        return self.show(
            "statuspages/history.html",
            month=self.answer.value,
            earlier=_beside(first, -1) if first > since else None,
            later=_beside(first, 1) if first < this_month else None,
        )


class ChartData(PublicView):
    """A component's response times, as the chart reads them."""

    def get(self, request: HttpRequest, component: UUID, **_: Any) -> HttpResponseBase:
        found = self.page.component(component)
        if found is None or found.chart is None:
            raise Http404
        return JsonResponse(found.chart.as_json())


class Style(PublicView):
    """The page's own colours. Its address changes with them."""

    def get(self, request: HttpRequest, mark: str, **_: Any) -> HttpResponseBase:
        if mark != style_mark(self.page.colours):
            raise Http404
        return HttpResponse(
            stylesheet(self.page.colours), content_type="text/css; charset=utf-8", headers={"Cache-Control": FOR_EVER}
        )


class Logo(PublicView):
    def get(self, request: HttpRequest, mark: str, **_: Any) -> HttpResponseBase:
        png = selectors.logo(self.page) if mark and mark == self.page.logo_mark else None
        if png is None:
            raise Http404
        return HttpResponse(png, content_type="image/png", headers={"Cache-Control": FOR_EVER})


# --- who may ---


def _may_know(page: Page, token: str | None) -> bool:
    """The token is part of the address of an unlisted page, and of no other's."""
    if page.visibility is not Visibility.UNLISTED:
        return token is None
    return token is not None and constant_time_compare(secrets.key_of(token), page.token_key)


def pass_name(page: UUID) -> str:
    return f"status_{page.hex}"


def _is_pass(text: str, page: Page) -> bool:
    """Whether this cookie was given to somebody who knew the password that the page has now."""
    try:
        given, mark = signing.loads(text, salt=PASS_SALT, max_age=PASS_LASTS_S)
    except (signing.BadSignature, ValueError, TypeError):
        return False
    return bool(given == str(page.id) and page.password_mark and constant_time_compare(mark, page.password_mark))


def may_be_framed(response: HttpResponseBase) -> HttpResponseBase:
    """Opens one response to other sites' frames; nothing that takes a password or a form is ever opened."""
    response.xframe_options_exempt = True  # type: ignore[attr-defined]
    response._csp_replace = {"frame-ancestors": ["*"]}  # type: ignore[attr-defined]
    return response


# --- languages, colours, months ---


def choose_language(offered: tuple[str, ...], request: HttpRequest) -> str:
    """Of the page's languages the one that is asked for, then the browser's, then the page's first."""
    if not offered:
        return settings.LANGUAGE_CODE
    wanted = [request.GET.get("lang", "")]
    wanted += [code for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")[:500])]
    for code in wanted:
        for candidate in (code, code.partition("-")[0]):
            if candidate in offered:
                return candidate
    return offered[0]


def named_languages(codes: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each by its own name, where there is more than one."""
    if len(codes) < 2:
        return []
    return [(code, translation.get_language_info(code)["name_local"].capitalize()) for code in codes]


def _month(year: int, month: int) -> date:
    try:
        return date(year, month, 1)
    except ValueError:
        raise Http404 from None


def _beside(first: date, months: int) -> date:
    at = first.year * 12 + first.month - 1 + months
    return date(at // 12, at % 12 + 1, 1)
