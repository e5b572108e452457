"""Where the pages answer."""

from django.urls import path

from dashboard import views

urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("monitors/", views.MonitorList.as_view(), name="dashboard"),
    path("monitors/rows/", views.MonitorRows.as_view(), name="monitor-rows"),
    path("monitors/new/", views.MonitorNew.as_view(), name="monitor-new"),
    path("monitors/<uuid:pk>/", views.MonitorPage.as_view(), name="monitor"),
    path("monitors/<uuid:pk>/live/", views.MonitorLive.as_view(), name="monitor-live"),
    path("monitors/<uuid:pk>/series.json", views.MonitorSeries.as_view(), name="monitor-series"),
    path("monitors/<uuid:pk>/edit/", views.MonitorEdit.as_view(), name="monitor-edit"),
    path("monitors/<uuid:pk>/pause/", views.MonitorPause.as_view(), name="monitor-pause"),
    path("monitors/<uuid:pk>/resume/", views.MonitorResume.as_view(), name="monitor-resume"),
    path("monitors/<uuid:pk>/check/", views.MonitorCheck.as_view(), name="monitor-check"),
    path("monitors/<uuid:pk>/delete/", views.MonitorDelete.as_view(), name="monitor-delete"),
    path("incidents/", views.Incidents.as_view(), name="incidents"),
]
