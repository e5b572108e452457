"""The target, and the API's routes for trying things out."""

from django.urls import path

from drills import api, views

urlpatterns = [
    path("drill/<str:token>", views.target, name="drill-target"),
]

api_urlpatterns = [
    path("monitor/<uuid:pk>/backtest", api.MonitorBacktest.as_view(), name="api-backtest"),
    path("drills", api.DrillList.as_view(), name="api-drills"),
    path("drills/<uuid:pk>", api.DrillDetail.as_view(), name="api-drill"),
]
