"""Where accounts answers: the API below /api/ (``api_urlpatterns``) and the pages."""

from django.urls import path

from accounts.api import account as account_api
from accounts.api import doors as doors_api
from accounts.api import teams as teams_api
from accounts.views import account, doors, elsewhere, invitation

api_urlpatterns = [
    path("auth/signup", doors_api.SignUp.as_view(), name="api-signup"),
    path("auth/login", doors_api.Login.as_view(), name="api-login"),
    path("auth/refresh", doors_api.Refresh.as_view(), name="api-refresh"),
    path("auth/logout", doors_api.Logout.as_view(), name="api-logout"),
    path("auth/password-reset", doors_api.PasswordReset.as_view(), name="api-password-reset"),
    path("auth/me", account_api.Me.as_view(), name="api-me"),
    path("auth/me/email", account_api.Email.as_view(), name="api-me-email"),
    path("auth/me/email/again", account_api.EmailAgain.as_view(), name="api-me-email-again"),
    path("auth/me/password", account_api.Password.as_view(), name="api-me-password"),
    path("auth/me/sessions", account_api.SessionList.as_view(), name="api-me-sessions"),
    path("auth/me/sessions/<str:pk>", account_api.SessionDetail.as_view(), name="api-me-session"),
    path("auth/me/factors", account_api.Factors.as_view(), name="api-me-factors"),
    path("auth/me/identities", account_api.Identities.as_view(), name="api-me-identities"),
    path("auth/me/identities/<int:pk>/unlink", account_api.Unlink.as_view(), name="api-me-unlink"),
    path("auth/me/delete", account_api.Delete.as_view(), name="api-me-delete"),
    path("teams", teams_api.TeamList.as_view(), name="api-teams"),
    path("team", teams_api.TeamDetail.as_view(), name="api-team"),
    path("team/delete", teams_api.TeamDelete.as_view(), name="api-team-delete"),
    path("team/transfer", teams_api.TeamTransfer.as_view(), name="api-team-transfer"),
    path("team/leave", teams_api.TeamLeave.as_view(), name="api-team-leave"),
    path("team/members", teams_api.MemberList.as_view(), name="api-members"),
    path("team/members/<uuid:pk>", teams_api.MemberDetail.as_view(), name="api-member"),
    path("team/invitations", teams_api.InvitationList.as_view(), name="api-invitations"),
    path("team/invitations/<uuid:pk>", teams_api.InvitationDetail.as_view(), name="api-invitation"),
    path("team/invitations/<uuid:pk>/resend", teams_api.InvitationResend.as_view(), name="api-invitation-resend"),
    path("api-keys", teams_api.KeyList.as_view(), name="api-keys"),
    path("api-keys/<uuid:pk>", teams_api.KeyDetail.as_view(), name="api-key"),
    path("tokens", teams_api.TokenList.as_view(), name="api-tokens"),
    path("tokens/<uuid:pk>", teams_api.TokenDetail.as_view(), name="api-token"),
    path("audit-log", teams_api.AuditLog.as_view(), name="api-audit-log"),
]

urlpatterns = [
    path("signup/", doors.SignUp.as_view(), name="signup"),
    path("login/", doors.Login.as_view(), name="login"),
    path("login/code/", doors.SecondFactor.as_view(), name="second-factor"),
    path("login/elsewhere/", elsewhere.Leave.as_view(), name="elsewhere"),
    path("login/elsewhere/back/", elsewhere.Return.as_view(), name="elsewhere-back"),
    path("logout/", doors.Logout.as_view(), name="logout"),
    path("check-mail/", doors.CheckMail.as_view(), name="check-mail"),
    path("password/reset/", doors.PasswordReset.as_view(), name="password-reset"),
    path("password/reset/<uidb64>/<token>/", doors.PasswordResetConfirm.as_view(), name="password-reset-confirm"),
    path("email/confirm/<str:token>/", doors.EmailConfirm.as_view(), name="email-confirm"),
    path("account/", account.Profile.as_view(), name="account"),
    path("account/email/", account.Email.as_view(), name="account-email"),
    path("account/email/again/", account.EmailAgain.as_view(), name="account-email-again"),
    path("account/password/", account.Password.as_view(), name="account-password"),
    path("account/sessions/", account.Sessions.as_view(), name="account-sessions"),
    path("account/factors/", account.Factors.as_view(), name="account-factors"),
    path("account/factors/app/", account.FactorApp.as_view(), name="account-factor-app"),
    path("account/factors/key/", account.FactorKey.as_view(), name="account-factor-key"),
    path("account/factors/codes/", account.FactorCodes.as_view(), name="account-factor-codes"),
    path("account/factors/<int:pk>/remove/", account.FactorRemove.as_view(), name="account-factor-remove"),
    path("account/elsewhere/<int:pk>/unlink/", account.Unlink.as_view(), name="account-unlink"),
    path("account/delete/", account.Delete.as_view(), name="account-delete"),
    path("invitations/<str:token>/", invitation.InvitationPage.as_view(), name="invitation"),
]
