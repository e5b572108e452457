"""Routes of the API for incidents."""

from django.urls import path

from incidents import api

api_urlpatterns = [
    path("incidents", api.IncidentList.as_view(), name="api-incidents"),
    path("incidents/<uuid:pk>", api.IncidentDetail.as_view(), name="api-incident"),
    path("incidents/<uuid:pk>/explain", api.IncidentExplain.as_view(), name="api-incident-explain"),
    path("incidents/<uuid:pk>/acknowledge", api.IncidentAcknowledge.as_view(), name="api-incident-acknowledge"),
    path("incidents/<uuid:pk>/notes", api.IncidentNotes.as_view(), name="api-incident-notes"),
    path("incidents/<uuid:pk>/resolve", api.IncidentResolve.as_view(), name="api-incident-resolve"),
    path("incidents/<uuid:pk>/reopen", api.IncidentReopen.as_view(), name="api-incident-reopen"),
]
