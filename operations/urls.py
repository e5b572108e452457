"""Routes of the API for who operates the installation."""

from django.urls import path

from operations import api

api_urlpatterns = [
    path("operator", api.Overview.as_view(), name="api-operator"),
    path("operator/deliveries/<uuid:pk>/redrive", api.DeliveryRedrive.as_view(), name="api-operator-redrive"),
    path("operator/batches/redrive", api.BatchesRedrive.as_view(), name="api-operator-batches"),
]
