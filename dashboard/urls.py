"""Where the pages answer."""

from django.urls import path

from dashboard.views import alerts, incidents, monitors

urlpatterns = [
    path("", monitors.Home.as_view(), name="home"),
    path("monitors/", monitors.MonitorList.as_view(), name="dashboard"),
    path("monitors/rows/", monitors.MonitorRows.as_view(), name="monitor-rows"),
    path("monitors/new/", monitors.MonitorNew.as_view(), name="monitor-new"),
    path("monitors/<uuid:pk>/", monitors.MonitorPage.as_view(), name="monitor"),
    path("monitors/<uuid:pk>/live/", monitors.MonitorLive.as_view(), name="monitor-live"),
    path("monitors/<uuid:pk>/series.json", monitors.MonitorSeries.as_view(), name="monitor-series"),
    path("monitors/<uuid:pk>/edit/", monitors.MonitorEdit.as_view(), name="monitor-edit"),
    path("monitors/<uuid:pk>/pause/", monitors.MonitorPause.as_view(), name="monitor-pause"),
    path("monitors/<uuid:pk>/resume/", monitors.MonitorResume.as_view(), name="monitor-resume"),
    path("monitors/<uuid:pk>/check/", monitors.MonitorCheck.as_view(), name="monitor-check"),
    path("monitors/<uuid:pk>/delete/", monitors.MonitorDelete.as_view(), name="monitor-delete"),
    path("incidents/", incidents.IncidentList.as_view(), name="incidents"),
    path("incidents/<uuid:pk>/", incidents.IncidentPage.as_view(), name="incident"),
    path("incidents/<uuid:pk>/acknowledge/", incidents.IncidentAcknowledge.as_view(), name="incident-acknowledge"),
    path("incidents/<uuid:pk>/resolve/", incidents.IncidentResolve.as_view(), name="incident-resolve"),
    path("incidents/<uuid:pk>/reopen/", incidents.IncidentReopen.as_view(), name="incident-reopen"),
    path("incidents/<uuid:pk>/note/", incidents.IncidentNote.as_view(), name="incident-note"),
    path("incidents/<uuid:pk>/correct/", incidents.IncidentCorrect.as_view(), name="incident-correct"),
    path("alerts/", alerts.ChannelList.as_view(), name="channels"),
    path("alerts/channels/new/", alerts.ChannelNew.as_view(), name="channel-new"),
    path("alerts/channels/<uuid:pk>/", alerts.ChannelPage.as_view(), name="channel"),
    path("alerts/channels/<uuid:pk>/edit/", alerts.ChannelEdit.as_view(), name="channel-edit"),
    path("alerts/channels/<uuid:pk>/test/", alerts.ChannelTest.as_view(), name="channel-test"),
    path("alerts/channels/<uuid:pk>/delete/", alerts.ChannelDelete.as_view(), name="channel-delete"),
    path("alerts/rules/", alerts.RuleList.as_view(), name="rules"),
    path("alerts/rules/new/", alerts.RuleNew.as_view(), name="rule-new"),
    path("alerts/rules/<uuid:pk>/edit/", alerts.RuleEdit.as_view(), name="rule-edit"),
    path("alerts/rules/<uuid:pk>/delete/", alerts.RuleDelete.as_view(), name="rule-delete"),
    path("alerts/deliveries/", alerts.DeliveryList.as_view(), name="deliveries"),
    path("alerts/deliveries/<uuid:pk>/", alerts.DeliveryPage.as_view(), name="delivery"),
    path("alerts/deliveries/<uuid:pk>/redrive/", alerts.DeliveryRedrive.as_view(), name="delivery-redrive"),
]
