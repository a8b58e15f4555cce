"""How a request's JSON body becomes the handler's `data`.

A handler writes `data: CreateJob` and gets a decoded, checked struct. Litestar's own way would coerce types,
take any content type for JSON and answer 500 to bytes that are no UTF-8.
"""

from typing import Any, ClassVar

from litestar import Request

from app import body
from app.errors import Rejected


class JsonRequest(Request[Any, Any, Any]):
    """Decodes by `app.body`, strictly, into the type that the handler asks for."""

    media_types: ClassVar[tuple[str, ...]] = ("application/json",)

    async def json(self) -> Any:
        """The decoded body; Invalid lists every fault."""
        self.require_json()
        field = self.route_handler.parsed_data_field
        return body.decode(await self.body(), field.annotation if field is not None else Any)

    def require_json(self) -> None:
        """Raises Rejected (415) for any other body."""
        media_type, parameters = self.content_type
        charset = parameters.get("charset", "utf-8").lower()
        encoded = self.headers.get("content-encoding", "identity").lower() != "identity"
        if media_type.lower() not in self.media_types or charset not in ("utf-8", "utf8") or encoded:
            raise Rejected(415, "unsupported_media_type", "Send the body as application/json in UTF-8.")


class MergePatchRequest(JsonRequest):
    """Takes the media type of RFC 7396 too."""

    media_types: ClassVar[tuple[str, ...]] = ("application/json", "application/merge-patch+json")
