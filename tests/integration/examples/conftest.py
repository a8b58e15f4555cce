"""The API on a socket, and a user's token, for examples that call it."""

from tests.integration.noonmark.conftest import api, ask, edge, keyring, routes, settings, sign_in, token, url

__all__ = ["api", "ask", "edge", "keyring", "routes", "settings", "sign_in", "token", "url"]
