"""Where the pages answer."""

from django.urls import path

from dashboard.views import incidents, monitors

urlpatterns = [
    path("", monitors.Home.as_view(), name="home"),
    path("monitors/", monitors.MonitorList.as_view(), name="dashboard"),
    path("monitors/rows/", monitors.MonitorRows.as_view(), name="monitor-rows"),
    path("monitors/new/", monitors.MonitorNew.as_view(), name="monitor-new"),
    path("monitors/<uuid:pk>/", monitors.MonitorPage.as_view(), name="monitor"),
    path("monitors/<uuid:pk>/live/", monitors.MonitorLive.as_view(), name="monitor-live"),
    path("monitors/<uuid:pk>/series.json", monitors.MonitorSeries.as_view(), name="monitor-series"),
    path("monitors/<uuid:pk>/edit/", monitors.MonitorEdit.as_view(), name="monitor-edit"),
    path("monitors/<uuid:pk>/pause/", monitors.MonitorPause.as_view(), name="monitor-pause"),
    path("monitors/<uuid:pk>/resume/", monitors.MonitorResume.as_view(), name="monitor-resume"),
    path("monitors/<uuid:pk>/check/", monitors.MonitorCheck.as_view(), name="monitor-check"),
    path("monitors/<uuid:pk>/delete/", monitors.MonitorDelete.as_view(), name="monitor-delete"),
    path("incidents/", incidents.IncidentList.as_view(), name="incidents"),
]
