"""Routes of the API for results, figures and the state of checking."""

from django.urls import path

from checks import api

api_urlpatterns = [
    path("results/<uuid:pk>/checks", api.ResultList.as_view(), name="api-results"),
    path("results/<uuid:pk>/checks/<str:region>", api.ResultDetail.as_view(), name="api-result"),
    path("results/<uuid:pk>/latest", api.LatestResults.as_view(), name="api-results-latest"),
    path("results/<uuid:pk>/cleanup", api.ResultCleanup.as_view(), name="api-results-cleanup"),
    path("monitor/<uuid:pk>/facts", api.FactList.as_view(), name="api-facts"),
    path("site-stats", api.StatsList.as_view(), name="api-stats-list"),
    path("site-stats/<uuid:pk>", api.StatsDetail.as_view(), name="api-stats"),
    path("site-stats/<uuid:pk>/refresh", api.StatsRefresh.as_view(), name="api-stats-refresh"),
    path("incidents/<uuid:pk>/evidence", api.IncidentEvidence.as_view(), name="api-incident-evidence"),
    path("corrections", api.CorrectionList.as_view(), name="api-corrections"),
    path("monitoring/status", api.MonitoringStatus.as_view(), name="api-monitoring-status"),
    path("monitoring/health", api.MonitoringHealth.as_view(), name="api-monitoring-health"),
    path("monitoring/trigger", api.MonitoringTrigger.as_view(), name="api-monitoring-trigger"),
    path("monitoring/test", api.MonitoringTest.as_view(), name="api-monitoring-test"),
]
