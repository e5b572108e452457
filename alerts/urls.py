"""Routes of the API for channels, rules and deliveries."""

from django.urls import path

from alerts import api

api_urlpatterns = [
    path("channels", api.ChannelList.as_view(), name="api-channels"),
    path("channels/kinds", api.ChannelKinds.as_view(), name="api-channel-kinds"),
    path("channels/test", api.ChannelTrial.as_view(), name="api-channel-trial"),
    path("channels/<uuid:pk>", api.ChannelDetail.as_view(), name="api-channel"),
    path("channels/<uuid:pk>/confirm", api.ChannelConfirmation.as_view(), name="api-channel-confirm"),
    path("channels/<uuid:pk>/test", api.SavedChannelTrial.as_view(), name="api-saved-channel-trial"),
    path("rules", api.RuleList.as_view(), name="api-rules"),
    path("rules/<uuid:pk>", api.RuleDetail.as_view(), name="api-rule"),
    path("deliveries", api.DeliveryList.as_view(), name="api-deliveries"),
    path("deliveries/<uuid:pk>", api.DeliveryDetail.as_view(), name="api-delivery"),
    path("deliveries/<uuid:pk>/redrive", api.DeliveryRedrive.as_view(), name="api-delivery-redrive"),
]
