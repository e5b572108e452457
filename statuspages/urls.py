"""What the public asks for, and the API's routes for what is shown to it."""

from django.urls import path

from statuspages.api import badges as badges_api
from statuspages.views import badges

urlpatterns = [
    path("badge/<slug:token>/<slug:name>.svg", badges.badge, {"form": "svg"}, name="badge"),
    path("badge/<slug:token>/<slug:name>.json", badges.badge, {"form": "json"}, name="badge-json"),
]

api_urlpatterns = [
    path("monitor/<uuid:pk>/badges", badges_api.MonitorBadges.as_view(), name="api-badges"),
    path("monitor/<uuid:pk>/badges/renew", badges_api.MonitorBadgesRenew.as_view(), name="api-badges-renew"),
]
