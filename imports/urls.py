"""The API's routes for coming from another tool."""

from django.urls import path

from imports import api

api_urlpatterns = [
    path("imports", api.Imports.as_view(), name="api-imports"),
    path("imports/parity", api.ImportParity.as_view(), name="api-import-parity"),
]
