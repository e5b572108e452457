"""Where accounts answers: the API below /api/ (``api_urlpatterns``) and the pages."""

from django.urls import path

from accounts import api, views

api_urlpatterns = [
    path("auth/signup", api.SignUp.as_view(), name="api-signup"),
    path("auth/login", api.Login.as_view(), name="api-login"),
    path("auth/refresh", api.Refresh.as_view(), name="api-refresh"),
    path("auth/logout", api.Logout.as_view(), name="api-logout"),
    path("auth/me", api.Me.as_view(), name="api-me"),
]

urlpatterns = [
    path("signup/", views.SignUp.as_view(), name="signup"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", views.Logout.as_view(), name="logout"),
]
