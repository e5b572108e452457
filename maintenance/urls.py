"""Routes of the API for planned work."""

from django.urls import path

from maintenance import api

api_urlpatterns = [
    path("maintenance", api.WindowList.as_view(), name="api-maintenance"),
    path("maintenance/preview", api.PlanPreview.as_view(), name="api-maintenance-plan-preview"),
    path("maintenance/start", api.MaintenanceStart.as_view(), name="api-maintenance-start"),
    path("maintenance/<uuid:pk>", api.WindowDetail.as_view(), name="api-maintenance-window"),
    path("maintenance/<uuid:pk>/preview", api.WindowPreview.as_view(), name="api-maintenance-preview"),
    path("maintenance/<uuid:pk>/start", api.WindowStart.as_view(), name="api-maintenance-start-early"),
    path("maintenance/<uuid:pk>/stop", api.MaintenanceStop.as_view(), name="api-maintenance-stop"),
]
