"""What the database's set-up and our own settings mean for the promises. Pure."""

from ipaddress import ip_address, ip_network

import msgspec

from app.doctor.findings import graded
from app.doctor.schemas import Finding, Verdict
from app.doctor.store import Server
from core.capabilities import Capabilities
from core.settings import Settings, left_out, parts, variable

_OLDEST_VERSION = 15
_UNSAFE = {"fsync", "full_page_writes", "synchronous_commit"}
# What it costs to be without.
_COSTS = {
    "notify": "a job that is due at once may wait a second, a cancel for a beat",
    "advisory_locks": "those who take turns lock one row",
    "partitions": "history is removed row by row",
}
# Where clouds tell a machine its own credentials.
_METADATA = (ip_address("169.254.169.254"), ip_address("fd00:ec2::254"))


def of_server(server: Server) -> list[Finding]:
    """PostgreSQL: what it is, how it is set up, how far vacuum is."""
    return [
        _version(server),
        _writable(server),
        _durable(server),
        _vacuuming(server),
        graded(
            "connections_used_ratio", server.connections, 0.8, 0.95, "connections are running out",
            "raise max_connections, or put the APIs behind a pooler",
        ),
        graded(
            "frozen_age_transactions", server.frozen_age, 5e8, 1.5e9, "transaction numbers are running out",
            "let autovacuum freeze: see what holds it back, then VACUUM FREEZE",
        ),
        graded(
            "horizon_age_transactions", server.horizon_age, 1e6, 1e8,
            "a session, a replication slot or a prepared transaction holds vacuum back",
            "find it by age(backend_xmin) in pg_stat_activity, in pg_replication_slots or pg_prepared_xacts",
        ),
        graded(
            "dead_rows", server.dead_rows, 2e5, 2e6, "autovacuum does not keep up with a busy table",
            "see what holds it back; VACUUM timers, ready, leases",
        ),
        _astray(server),
    ]  # fmt: skip


def of_capabilities(found: Capabilities, without: str) -> list[Finding]:
    """What of PostgreSQL is used. What is not costs something, and is no fault."""
    taken = left_out(without)
    return [_capability(name, used, name in taken) for name, used in msgspec.structs.asdict(found).items()]


def of_settings(settings: Settings) -> list[Finding]:
    """Mail, where jobs may go, and where users are sent."""
    return [_mail(settings), _egress(settings), _address(settings)]


def _capability(name: str, used: bool, taken: bool) -> Finding:
    if used:
        return Finding(f"uses_{name}", Verdict.FINE, 1)
    why = f"forced off by {variable('without')}" if taken else "this database has none"
    return Finding(f"uses_{name}", Verdict.FINE, 0, f"{why}: {_COSTS[name]}")


def _version(server: Server) -> Finding:
    name = "postgresql_version"
    if server.version >= _OLDEST_VERSION:
        return Finding(name, Verdict.FINE, server.version)
    trouble = f"this version needs PostgreSQL {_OLDEST_VERSION} or newer"
    return Finding(name, Verdict.FAILING, server.version, trouble, "upgrade the database")


def _writable(server: Server) -> Finding:
    if not server.in_recovery:
        return Finding("database_writable", Verdict.FINE, 1)
    trouble = "this is a standby: nothing can be written"
    return Finding("database_writable", Verdict.FAILING, 0, trouble, "point DATABASE_URL at the primary")


def _durable(server: Server) -> Finding:
    unsafe = [name for name in server.off if name in _UNSAFE]
    if not unsafe:
        return Finding("durable_commits", Verdict.FINE, 1)
    trouble = f"{', '.join(unsafe)} is off: a crash can lose jobs that were accepted"
    return Finding("durable_commits", Verdict.FAILING, 0, trouble, "turn it on, and reload the database")


def _vacuuming(server: Server) -> Finding:
    idle = [name for name in server.off if name not in _UNSAFE]
    if not idle:
        return Finding("autovacuum", Verdict.FINE, 1)
    trouble = f"{', '.join(idle)} is off: dead rows pile up"
    return Finding("autovacuum", Verdict.FAILING, 0, trouble, "turn it on, and reload the database")


def _astray(server: Server) -> Finding:
    if not server.astray:
        return Finding("history_astray", Verdict.FINE, 0)
    trouble = "history lies in a default partition: its day had none of its own"
    advice = "keep a reaper running; what is there goes row by row, when its time is over"
    return Finding("history_astray", Verdict.WARNING, 1, trouble, advice)


def _mail(settings: Settings) -> Finding:
    if settings.development or settings.resend_api_key or settings.smtp_url:
        return Finding("mail_service", Verdict.FINE, 1)
    trouble = "there is none: nobody can sign in by mail"
    return Finding("mail_service", Verdict.FAILING, 0, trouble, "set RESEND_API_KEY or SMTP_URL")


def _egress(settings: Settings) -> Finding:
    """How many ranges besides public addresses; which ones is nobody's business here."""
    allowed = [ip_network(block) for block in parts(settings.egress_allow)]
    name = "egress_ranges_allowed"
    if not any(address in network for address in _METADATA for network in allowed):
        return Finding(name, Verdict.FINE, len(allowed))
    trouble = "jobs may call a cloud's metadata service, which hands out credentials"
    return Finding(name, Verdict.WARNING, len(allowed), trouble, "narrow NOONMARK_EGRESS_ALLOW")


def _address(settings: Settings) -> Finding:
    secure = (settings.public_url or "").startswith("https://")
    if secure or settings.development:
        return Finding("public_url", Verdict.FINE, 1)
    trouble = "it is not https: tokens and links travel in the clear"
    return Finding(
        "public_url", Verdict.WARNING, 0, trouble, "set PUBLIC_URL to the https address of the proxy"
    )
