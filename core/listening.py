"""Taking the port that a process serves on, before anything else is opened."""

import socket

from core.errors import SettingError


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises SettingError by the setting's name if taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SettingError(setting, f"cannot listen on {host}:{port}: {error}") from None
