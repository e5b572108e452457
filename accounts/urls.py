"""Where accounts answers: the API below /api/ (``api_urlpatterns``) and the pages."""

from django.urls import path

from accounts import api, team_api, team_views, views

api_urlpatterns = [
    path("auth/signup", api.SignUp.as_view(), name="api-signup"),
    path("auth/login", api.Login.as_view(), name="api-login"),
    path("auth/refresh", api.Refresh.as_view(), name="api-refresh"),
    path("auth/logout", api.Logout.as_view(), name="api-logout"),
    path("auth/me", api.Me.as_view(), name="api-me"),
    path("teams", team_api.TeamList.as_view(), name="api-teams"),
    path("team", team_api.TeamDetail.as_view(), name="api-team"),
    path("team/delete", team_api.TeamDelete.as_view(), name="api-team-delete"),
    path("team/transfer", team_api.TeamTransfer.as_view(), name="api-team-transfer"),
    path("team/leave", team_api.TeamLeave.as_view(), name="api-team-leave"),
    path("team/members", team_api.MemberList.as_view(), name="api-members"),
    path("team/members/<uuid:pk>", team_api.MemberDetail.as_view(), name="api-member"),
    path("team/invitations", team_api.InvitationList.as_view(), name="api-invitations"),
    path("team/invitations/<uuid:pk>", team_api.InvitationDetail.as_view(), name="api-invitation"),
    path("team/invitations/<uuid:pk>/resend", team_api.InvitationResend.as_view(), name="api-invitation-resend"),
    path("api-keys", team_api.KeyList.as_view(), name="api-keys"),
    path("api-keys/<uuid:pk>", team_api.KeyDetail.as_view(), name="api-key"),
    path("tokens", team_api.TokenList.as_view(), name="api-tokens"),
    path("tokens/<uuid:pk>", team_api.TokenDetail.as_view(), name="api-token"),
    path("audit-log", team_api.AuditLog.as_view(), name="api-audit-log"),
]

urlpatterns = [
    path("signup/", views.SignUp.as_view(), name="signup"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", views.Logout.as_view(), name="logout"),
    path("invitations/<str:token>/", team_views.InvitationPage.as_view(), name="invitation"),
]
