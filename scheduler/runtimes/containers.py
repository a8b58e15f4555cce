"""What every engine of containers is told of this installation, from the settings."""

import hashlib
from urllib.parse import urlsplit

from core.egress.images import ImagePolicy, parse_image_policy
from core.errors import SettingError
from core.settings import Settings, variable


def images(settings: Settings) -> ImagePolicy:
    """Which images may be run. Raises SettingError."""
    try:
        return parse_image_policy(settings.images)
    except ValueError as error:
        raise SettingError(variable("images"), str(error)) from None


def installation(database_url: str) -> str:
    """A name that all replicas on one database share, as long as their DATABASE_URL leads to the same one."""
    url = urlsplit(database_url)
    place = f"{url.hostname}:{url.port or 5432}{url.path}?{url.query}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]
