"""What a request carries, taken apart again."""

from scheduler.sender.request import Request


def headers_of(request: Request) -> list[tuple[str, str]]:
    """Names and values in their order."""
    found = [line.partition(": ") for line in request.headers.removesuffix("\r\n").split("\r\n")]
    return [(name, value) for name, _, value in found]
