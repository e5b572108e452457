"""What becomes of who has signed in at the provider: known, linked, made, or refused with a reason."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.exceptions import ElsewhereRefused, RegistrationClosed
from accounts.models import Identity, Team, User
from accounts.rules import Account, Elsewhere, from_elsewhere
from accounts.services import people
from accounts.services.oidc import Claims

REFUSED = {
    Elsewhere.UNPROVEN_THERE: _("%(provider)s has not confirmed your e-mail address."),
    Elsewhere.UNPROVEN_HERE: _(
        "There is an account with your e-mail address, which nobody has confirmed yet. Set a new password for it by "
        "mail first; after that %(provider)s opens it."
    ),
    Elsewhere.OPERATOR: _("Operators of this installation log in with their password."),
    Elsewhere.NOT_OURS: _("This account cannot be opened by %(provider)s."),
}


@transaction.atomic
def come(claims: Claims) -> User:
    """Who the person is here whom the provider has signed in; on the first visit linked, or made.

    Raises ``ElsewhereRefused`` with the reason, and ``RegistrationClosed`` where there is no such account and none may
    be made. A second factor is still asked for by the door.
    """
    email, now = User.objects.clean_email(claims.email), timezone.now()
    identity = Identity.objects.filter(issuer=claims.issuer, subject=claims.subject).select_related("user").first()
    user = identity.user if identity else User.objects.select_for_update().filter(email=email).first()
    account = _account_of(user, claims.issuer)
    known, same_address = (account, None) if identity else (None, account)
    verdict = from_elsewhere(known=known, same_address=same_address, verified=claims.email_verified and bool(email))
    if verdict in REFUSED:
        raise ElsewhereRefused(REFUSED[verdict] % {"provider": settings.OIDC_NAME})
    if identity:
        Identity.objects.filter(pk=identity.pk).update(last_used_at=now)
        return identity.user
    if user is None:
        if not settings.REGISTRATION_OPEN:
            raise RegistrationClosed
        user = people.create_person(email=email, password=None, name=claims.name, confirmed_at=now)
        Team.objects.create_personal(user)
    else:
        people.tell_of_change(user=user)
    try:
        with transaction.atomic():
            Identity.objects.create(user=user, issuer=claims.issuer, subject=claims.subject)
    except IntegrityError as error:  # the same person twice at once
        raise ElsewhereRefused from error
    audit.account(user, "sign-in linked", by=user, provider=settings.OIDC_NAME, issuer=claims.issuer)
    return user


@transaction.atomic
def unlink(*, user: User, pk: int) -> bool:
    """From now on that provider opens this account no more, until its person signs in there once more and is linked
    anew, as on the first day. Says whether there was such a link.

    Raises ``ValidationError`` where it is the only way in. Whoever is signed in stays so.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    identity = user.identities.filter(pk=pk).first()
    if identity is None:
        return False
    if not user.has_usable_password():
        raise ValidationError(people.NO_PASSWORD)
    identity.delete()
    audit.account(user, "sign-in unlinked", by=user, provider=name_of(identity), issuer=identity.issuer)
    people.tell_of_change(user=user)
    return True


def name_of(identity: Identity) -> str:
    """What people call the provider; of one that is not asked any more, its address."""
    return str(settings.OIDC_NAME) if identity.issuer == settings.OIDC_SERVER_URL else identity.issuer


def _account_of(user: User | None, issuer: str) -> Account | None:
    if user is None:
        return None
    return Account(
        active=user.is_active,
        staff=user.is_staff or user.is_superuser,
        confirmed=user.email_confirmed_at is not None,
        linked=user.identities.filter(issuer=issuer).exists(),
    )
