"""The people of these tests, and how a program of theirs speaks to the API."""

from __future__ import annotations

from typing import Any

from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import people, programs
from accounts.services.tokens import TokenPair

PASSWORD = "three grey herons"
ADA = {"email": "ada@example.org", "password": PASSWORD}


def sign_up(email: str = ADA["email"], **fields: Any) -> User:
    return people.sign_up(email=email, password=PASSWORD, **fields)


def sign_in(user: User) -> TokenPair:
    return programs.open_api_session(user=user)


def program(access: str = "") -> APIClient:
    """A client of the API, with a bearer token if it has one. It never raises what a server would answer."""
    client = APIClient(raise_request_exception=False, enforce_csrf_checks=True)
    if access:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def program_of(user: User) -> APIClient:
    return program(sign_in(user).access)


def browser() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def csrf_token(client: Client, page: str = "/login/") -> str:
    """What the page's form would send: reading the page sets the cookie."""
    client.get(page)
    return client.cookies["csrftoken"].value
