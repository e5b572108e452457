"""Routes of the API for incidents."""

from django.urls import path

from incidents import api

api_urlpatterns = [
    path("incidents", api.IncidentList.as_view(), name="api-incidents"),
    path("incidents/<uuid:pk>", api.IncidentDetail.as_view(), name="api-incident"),
]
