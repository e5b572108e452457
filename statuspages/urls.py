"""What the public asks for, and the API's routes for what is shown to it.

Published pages answer below /status/<slug>/, unlisted ones with a token, and at the root of their own domain
(``domain_urls``).
"""

from django.urls import include, path

from statuspages.api import badges as badges_api
from statuspages.views import badges, pages

page_urlpatterns = [
    path("", pages.StatusPageView.as_view(), name="status-page"),
    path("live/", pages.LivePart.as_view(), name="status-live"),
    path("history/", pages.History.as_view(), name="status-history"),
    path("history/<int:year>/<int:month>/", pages.History.as_view(), name="status-month"),
    path("chart/<uuid:component>.json", pages.ChartData.as_view(), name="status-chart"),
    path("style-<slug:mark>.css", pages.Style.as_view(), name="status-style"),
    path("logo-<slug:mark>.png", pages.Logo.as_view(), name="status-logo"),
]
anywhere = [path("", include(page_urlpatterns)), path("key/<str:token>/", include(page_urlpatterns))]

urlpatterns = [
    path("status/<slug:slug>/", include(anywhere)),
    path("badge/<slug:token>/<slug:name>.svg", badges.badge, {"form": "svg"}, name="badge"),
    path("badge/<slug:token>/<slug:name>.json", badges.badge, {"form": "json"}, name="badge-json"),
]

api_urlpatterns = [
    path("monitor/<uuid:pk>/badges", badges_api.MonitorBadges.as_view(), name="api-badges"),
    path("monitor/<uuid:pk>/badges/renew", badges_api.MonitorBadgesRenew.as_view(), name="api-badges-renew"),
]
