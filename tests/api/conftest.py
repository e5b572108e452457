from tests.accounts.conftest import _cheap_passwords

__all__ = ["_cheap_passwords"]
