from tests.accounts.conftest import _cheap_passwords, _fresh_throttles

__all__ = ["_cheap_passwords", "_fresh_throttles"]
