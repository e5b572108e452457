"""Where jobs report, and the API's routes for what they said."""

from django.urls import path

from heartbeats import api, views

urlpatterns = [
    path("ping/<str:token>", views.ping, name="ping"),
    path("ping/<str:token>/<str:word>", views.ping, name="ping-word"),
]

api_urlpatterns = [
    path("monitor/<uuid:pk>/heartbeat", api.HeartbeatDetail.as_view(), name="api-heartbeat"),
    path("monitor/<uuid:pk>/pings", api.PingList.as_view(), name="api-pings"),
    path("monitor/<uuid:pk>/ping-url", api.PingUrl.as_view(), name="api-ping-url"),
]
