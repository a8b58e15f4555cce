"""The egress guard: the operator's allow-list on top of the address filter.

Asked for literals when a job is created (a friendly 422) and for every address of a dial when it is sent; the
second is the one that protects. Names are judged only by the addresses they resolve to, never by how they are
spelt, so an allowed range makes `http://localhost` work and nothing else does. The refusal is the same
sentence for every refused address: we are no scanner of anybody's private network.
"""

from collections.abc import Iterable
from ipaddress import ip_network

from msgspec import Struct

from core.egress.addresses import Network, is_public, parse_address
from core.egress.urls import Refusal, RefusalCode, Url

REFUSED = Refusal(
    RefusalCode.DESTINATION, "The destination is not a public address, and the operator has not allowed it."
)


class Egress(Struct, frozen=True):
    """What may be dialled."""

    allow: tuple[Network, ...] = ()
    """Ranges the operator allows besides public addresses."""

    def permits(self, address: str) -> bool:
        """Whether this address may be dialled. What is not an address may not."""
        parsed = parse_address(address)
        if parsed is None:
            return False
        return is_public(parsed) or any(parsed in network for network in self.allow)

    def permits_all(self, addresses: Iterable[str]) -> bool:
        """Whether a name with these answers may be dialled; one bad answer spoils it."""
        return all(self.permits(address) for address in addresses)

    def refuse_literal(self, url: Url) -> Refusal | None:
        """Why a URL that names an address is refused; none if it is not, or if it has a name to resolve."""
        return REFUSED if url.literal and not self.permits(url.host) else None


def parse_egress(text: str) -> Egress:
    """The guard for a comma-separated list of CIDRs, empty for none. Raises ValueError naming a wrong one."""
    return Egress(tuple(_parse_network(part.strip()) for part in text.split(",") if part.strip()))


def _parse_network(block: str) -> Network:
    try:
        return ip_network(block)
    except ValueError as error:
        raise ValueError(f"{block!r} is not a network in CIDR notation: {error}") from None
