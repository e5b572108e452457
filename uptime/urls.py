"""Every address that the server answers."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

import accounts.urls
import alerts.urls
import checks.urls
import config.urls
import dashboard.urls
import drills.urls
import heartbeats.urls
import imports.urls
import incidents.urls
import maintenance.urls
import monitors.urls
import operations.urls
import statuspages.urls
from api.views import Docs, Schema
from checks.views import readyz
from operations.views import metrics_for_prometheus

admin.autodiscover()
admin.site.site_header = admin.site.site_title = "Uptime"
admin.site.index_title = "The operators' desk"

api_urlpatterns = [
    *accounts.urls.api_urlpatterns,
    *monitors.urls.api_urlpatterns,
    *incidents.urls.api_urlpatterns,
    *alerts.urls.api_urlpatterns,
    *maintenance.urls.api_urlpatterns,
    *checks.urls.api_urlpatterns,
    *heartbeats.urls.api_urlpatterns,
    *drills.urls.api_urlpatterns,
    *imports.urls.api_urlpatterns,
    *statuspages.urls.api_urlpatterns,
    *config.urls.api_urlpatterns,
    *operations.urls.api_urlpatterns,
    *dashboard.urls.api_urlpatterns,
    path("schema", Schema.as_view(), name="api-schema"),
    path("docs", Docs.as_view(), name="api-docs"),
]

urlpatterns = [
    # One door for people: the admin's own log-in page would know no limit on tries.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("api/", include(api_urlpatterns)),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics_for_prometheus, name="metrics"),
    path("", include("heartbeats.urls")),
    path("", include("drills.urls")),
    path("", include("statuspages.urls")),
    path("", include("accounts.urls")),
    path("", include("dashboard.urls")),
]

handler400 = handler403 = handler404 = "uptime.errors.refused"
handler500 = "uptime.errors.failed"
