"""The API's routes for configuration as code."""

from django.urls import path

from config import api

api_urlpatterns = [
    path("config/plan", api.ConfigPlan.as_view(), name="api-config-plan"),
    path("config/apply", api.ConfigApply.as_view(), name="api-config-apply"),
    path("config/export", api.ConfigExport.as_view(), name="api-config-export"),
    path("config/schema", api.ConfigSchema.as_view(), name="api-config-schema"),
]
