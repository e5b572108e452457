"""What the public asks for, and the API's routes for what is shown to it.

Published pages answer below /status/<slug>/, unlisted ones with a token, and at the root of their own domain
(``domain_urls``).
"""

from django.urls import include, path

from statuspages.api import badges as badges_api
from statuspages.api import pages as pages_api
from statuspages.api import subscribers as subscribers_api
from statuspages.views import badges, news, pages, subscriptions

page_urlpatterns = [
    path("", pages.StatusPageView.as_view(), name="status-page"),
    path("live/", pages.LivePart.as_view(), name="status-live"),
    path("history/", pages.History.as_view(), name="status-history"),
    path("history/<int:year>/<int:month>/", pages.History.as_view(), name="status-month"),
    path("chart/<uuid:component>.json", pages.ChartData.as_view(), name="status-chart"),
    path("style-<slug:mark>.css", pages.Style.as_view(), name="status-style"),
    path("logo-<slug:mark>.png", pages.Logo.as_view(), name="status-logo"),
    *(path(f"feed.{form}", news.Feed.as_view(), {"form": form}, name=f"status-{form}") for form in news.FEEDS),
    path("summary.json", news.Summary.as_view(), name="status-summary"),
    path("subscribe/", subscriptions.Subscribe.as_view(), name="status-subscribe"),
    path("widget/", news.Widget.as_view(), name="status-widget"),
]
anywhere = [path("", include(page_urlpatterns)), path("key/<str:token>/", include(page_urlpatterns))]

urlpatterns = [
    path("status/<slug:slug>/", include(anywhere)),
    path("subscription/<slug:token>/", subscriptions.Subscription.as_view(), name="subscription"),
    path("subscription/<slug:token>/leave/", subscriptions.OneClickLeave.as_view(), name="subscription-leave"),
    path("badge/<slug:token>/<slug:name>.svg", badges.badge, {"form": "svg"}, name="badge"),
    path("badge/<slug:token>/<slug:name>.json", badges.badge, {"form": "json"}, name="badge-json"),
]

api_urlpatterns = [
    path("status-pages", pages_api.PageList.as_view(), name="api-status-pages"),
    path("status-pages/<uuid:pk>", pages_api.PageDetail.as_view(), name="api-status-page"),
    path("status-pages/<uuid:pk>/token", pages_api.PageToken.as_view(), name="api-status-page-token"),
    path("status-pages/<uuid:pk>/sections", pages_api.SectionList.as_view(), name="api-status-sections"),
    path("status-pages/sections/<uuid:pk>", pages_api.SectionDetail.as_view(), name="api-status-section"),
    path("status-pages/<uuid:pk>/components", pages_api.ComponentList.as_view(), name="api-status-components"),
    path("status-pages/components/<uuid:pk>", pages_api.ComponentDetail.as_view(), name="api-status-component"),
    path("status-pages/<uuid:pk>/posts", pages_api.PostList.as_view(), name="api-status-posts"),
    path("status-pages/posts/<uuid:pk>", pages_api.PostDetail.as_view(), name="api-status-post"),
    path("status-pages/posts/<uuid:pk>/updates", pages_api.PostUpdates.as_view(), name="api-status-updates"),
    path("status-pages/<uuid:pk>/subscribers", subscribers_api.SubscriberList.as_view(), name="api-subscribers"),
    path(
        "status-pages/<uuid:pk>/subscribers/redrive",
        subscribers_api.SubscribersRedrive.as_view(),
        name="api-subscribers-redrive",
    ),
    path("status-pages/subscribers/<uuid:pk>", subscribers_api.SubscriberDetail.as_view(), name="api-subscriber"),
    path("monitor/<uuid:pk>/badges", badges_api.MonitorBadges.as_view(), name="api-badges"),
    path("monitor/<uuid:pk>/badges/renew", badges_api.MonitorBadgesRenew.as_view(), name="api-badges-renew"),
]
