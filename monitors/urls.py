"""Routes of the API for monitors and regions."""

from django.urls import path

from monitors import api

api_urlpatterns = [
    path("monitor", api.MonitorList.as_view(), name="api-monitors"),
    path("monitor/bulk", api.MonitorBulk.as_view(), name="api-monitor-bulk"),
    path("monitor/<uuid:pk>", api.MonitorDetail.as_view(), name="api-monitor"),
    path("monitor/<uuid:pk>/pause", api.MonitorPause.as_view(), name="api-monitor-pause"),
    path("monitor/<uuid:pk>/resume", api.MonitorResume.as_view(), name="api-monitor-resume"),
    path("monitor/<uuid:pk>/check", api.MonitorCheck.as_view(), name="api-monitor-check"),
    path("monitor/<uuid:pk>/clone", api.MonitorClone.as_view(), name="api-monitor-clone"),
    path("tags", api.TagList.as_view(), name="api-tags"),
    path("regions", api.RegionList.as_view(), name="api-regions"),
    path("regions/fallback", api.DefaultFallbackView.as_view(), name="api-default-fallback"),
]
