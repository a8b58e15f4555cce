"""A user who signed in as users do: by the link in a mail, which development shows in its outbox."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from tests.waiting import block_until

_REFRESH_SECONDS = 300.0
_MAIL_SECONDS = 20.0


class Session:
    """Keeps its access token fresh. For fixtures as well, so it needs no event loop."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.email = f"{uuid4().hex}@example.com"
        self._post("/v1/auth/magic-link", {"email": self.email})
        self.link_token = self._mailed()
        granted = self._post("/v1/auth/verify", {"token": self.link_token})
        self._accept(granted)
        self._unlimited(granted["tenant"]["id"])

    def close(self) -> None:
        self._http.close()

    def headers(self) -> dict[str, str]:
        if time.monotonic() - self._since > _REFRESH_SECONDS:
            self._accept(self._post("/v1/auth/refresh", {"refresh_token": self.refresh_token}))
        return {"Authorization": f"Bearer {self.access_token}"}

    def signing_secrets(self) -> list[str]:
        answer = self._http.get("/v1/signing-secrets", headers=self.headers()).raise_for_status()
        return [item["secret"] for item in answer.json()["items"]]

    def _unlimited(self, tenant: str) -> None:
        """Tests ask as fast as they can."""
        answer = self._http.patch(f"/v1/tenants/{tenant}", json={"request_rate": 0}, headers=self.headers())
        answer.raise_for_status()

    def _accept(self, granted: dict[str, Any]) -> None:
        self._since = time.monotonic()
        self.access_token = granted["access_token"]
        self.refresh_token = granted["refresh_token"]

    def _mailed(self) -> str:
        mail = block_until(self._mail, within=_MAIL_SECONDS, what="a mail comes")
        return str(parse_qs(urlsplit(mail["link"]).fragment)["token"][0])

    def _mail(self) -> dict[str, Any]:
        """Nothing while there is none."""
        answer = self._http.get("/dev/outbox", params={"to": self.email}).raise_for_status()
        mails: list[dict[str, Any]] = answer.json()["items"]
        return mails[0] if mails else {}

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        granted: dict[str, Any] = self._http.post(path, json=body).raise_for_status().json()
        return granted
