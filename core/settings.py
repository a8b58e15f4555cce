"""Settings: read once from the environment into one frozen struct, checked before anything starts.

``docs/configuration.md`` is generated from the fields below, so a field without a description fails the
suite. Secrets have no default.
"""

import base64
import binascii
import re
import typing
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from core.errors import SettingError

_BARE = {"database_url", "port", "public_url", "resend_api_key", "smtp_url", "schedulers"}
_SECRETS = {
    "jwt_secret",
    "master_keys",
    "admin_secret",
    "resend_api_key",
    "database_url",
    "smtp_url",
    "storage_url",
}

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")
_SECRET = re.compile(r"[!-~]{32,}")
_RUNTIMES = ("process", "docker", "kubernetes", "function")
_CAPABILITIES = ("notify", "advisory_locks", "partitions")
_Seconds = Annotated[float, Meta(gt=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of them; a process names the ones it cannot do without."""

    database_url: Annotated[
        str, Meta(description="PostgreSQL to use, `postgresql://…`. Needed by every process.")
    ]
    env: Annotated[
        Literal["development", "production"],
        Meta(description="`development` shows mails at `/dev/outbox` and allows plain cookies."),
    ] = "production"
    host: Annotated[str, Meta(description="Address the servers listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port of the API.")] = 8080
    public_url: Annotated[
        str | None,
        Meta(
            description="Address users reach the API at; links in mails start with it, and where code calls "
            "back. Needed by the API."
        ),
    ] = None
    data_dir: Annotated[str, Meta(description="Folder of the embedded PostgreSQL (development).")] = (
        ".noonmark"
    )
    storage_url: Annotated[
        str | None,
        Meta(
            description="Where files of jobs are kept: `file:///folder`, or "
            "`s3://bucket/prefix?endpoint=https://…&region=…` with `AWS_ACCESS_KEY_ID` and "
            "`AWS_SECRET_ACCESS_KEY`. All processes need the same; without it, `storage` in the data folder."
        ),
    ] = None
    artifact_mb: Annotated[int, Meta(ge=1, le=5_000, description="MiB that one file of a job may have.")] = 50
    artifact_quota_mb: Annotated[
        int, Meta(ge=1, description="MiB that a tenant's files of jobs may have together.")
    ] = 10_240
    jwt_secret: Annotated[
        str | None, Meta(description="Signs access tokens; at least 32 bytes. Needed by the API.")
    ] = None
    master_keys: Annotated[
        str | None,
        Meta(
            description="Keys that encrypt secrets at rest, `id:base64,…` of 32 bytes each; the first "
            "encrypts, all decrypt. Needed by the API and the scheduler."
        ),
    ] = None
    admin_secret: Annotated[str | None, Meta(description="Operator's credential for creating tenants.")] = (
        None
    )
    mail_from: Annotated[str, Meta(description="Sender of mails.")] = "Noonmark <noonmark@localhost>"
    resend_api_key: Annotated[str | None, Meta(description="Sends mail through Resend.")] = None
    smtp_url: Annotated[
        str | None,
        Meta(description="Sends mail through an SMTP server, `smtp[s]://user:password@host:port`."),
    ] = None
    cors_origins: Annotated[
        str,
        Meta(
            description="Web origins whose pages may call the API from a browser, comma-separated and exact, "
            "`https://app.example.com`."
        ),
    ] = ""
    egress_allow: Annotated[
        str, Meta(description="Ranges that jobs may call besides public addresses, comma-separated CIDRs.")
    ] = ""
    concurrency: Annotated[
        int, Meta(ge=1, le=20_000, description="Calls in flight per scheduler replica.")
    ] = 512
    runtimes: Annotated[
        str,
        Meta(
            description="What this scheduler runs besides HTTP calls, comma-separated: `process`, `docker`, "
            "`kubernetes`, `function`. A process runs as the scheduler's own user."
        ),
    ] = ""
    code_concurrency: Annotated[
        int, Meta(ge=1, le=1_000, description="Attempts per scheduler that run code at one time.")
    ] = 16
    output_mb: Annotated[
        int,
        Meta(ge=1, le=1_048_576, description="MiB that an attempt's folder may hold; for more it is ended."),
    ] = 2048
    process_user: Annotated[
        str | None,
        Meta(
            description="Who processes run as, `name` or `uid:gid`; the scheduler must be root for it. "
            "Without it they are the scheduler's own user, and read what that can read."
        ),
    ] = None
    functions: Annotated[
        str,
        Meta(description="Python modules whose functions jobs may call, comma-separated; ours come along."),
    ] = ""
    docker_socket: Annotated[str, Meta(description="Unix socket of the Docker Engine.")] = (
        "/var/run/docker.sock"
    )
    docker_network: Annotated[
        str | None, Meta(description="Network of containers that ask for one; without it none gets one.")
    ] = None
    kubeconfig: Annotated[
        str | None,
        Meta(description="File that leads to the Kubernetes cluster; without it, the one we run in."),
    ] = None
    kubernetes_namespace: Annotated[
        str | None, Meta(description="Namespace of the Jobs; without it, the one of the cluster's context.")
    ] = None
    kubernetes_collector: Annotated[
        str,
        Meta(
            description="Image that runs beside each Job of a cluster and hands on its result; it needs "
            "`sh`, `head`, `base64` and `sleep`."
        ),
    ] = "busybox:1.37"
    images: Annotated[
        str,
        Meta(
            description="Images that containers may be made of, comma-separated: `registry.example/`, "
            "`registry.example/team/`, `registry.example/team/tool`, or `*`. Empty allows none."
        ),
    ] = ""
    docker_config: Annotated[
        str | None,
        Meta(
            description="File with credentials of registries, as `docker login` writes it (`config.json`); "
            "read anew for each pull. Helpers and stores that it names are not asked."
        ),
    ] = None
    beat_seconds: Annotated[_Seconds, Meta(description="Seconds between two beats of a replica.")] = 3.0
    lease_ttl_seconds: Annotated[
        _Seconds, Meta(description="Seconds without a beat after which a replica's leases are reaped.")
    ] = 15.0
    drain_seconds: Annotated[
        Annotated[float, Meta(ge=0)], Meta(description="Seconds that calls in flight may take after SIGTERM.")
    ] = 60.0
    leave_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="Seconds that the API serves on after SIGTERM while `/readyz` says `leaving`, so "
            "that proxies stop sending before it stops accepting.",
        ),
    ] = 0.0
    trusted_proxies: Annotated[
        int,
        Meta(ge=0, le=10, description="Proxies in front of the API whose `X-Forwarded-For` entry counts."),
    ] = 0
    metrics_port: Annotated[
        int,
        Meta(ge=0, le=65535, description="Port of a scheduler's or reaper's health and metrics; 0 is off."),
    ] = 0
    pooled: Annotated[
        bool,
        Meta(description="The database is behind a transaction pooler (API only): keep no session state."),
    ] = False
    without: Annotated[
        str,
        Meta(
            description="What of PostgreSQL not to use although it is there, comma-separated: `notify`, "
            "`advisory_locks`, `partitions`; what a server lacks is found by asking it. The same for all "
            "processes."
        ),
    ] = ""
    schedulers: Annotated[int, Meta(ge=1, le=16, description="Replicas that `make up` starts.")] = 1
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe log line to write.")
    ] = "info"

    @property
    def development(self) -> bool:
        """Whether conveniences of a developer's machine are on."""
        return self.env == "development"


def variable(field: str) -> str:
    """The environment variable of a field."""
    return field.upper() if field in _BARE else f"NOONMARK_{field.upper()}"


def load(environ: Mapping[str, str], *, need: tuple[str, ...] = ()) -> Settings:
    """The settings of this process. Raises SettingError naming the first variable missing or wrong."""
    types = typing.get_type_hints(Settings, include_extras=True)
    given = {
        field: _convert(field, environ[variable(field)], types[field])
        for field in Settings.__struct_fields__
        if environ.get(variable(field), "") != ""
    }
    for field in ("database_url", *need):
        if field not in given:
            raise SettingError(variable(field), "is needed and not set")
    settings = msgspec.convert(given, Settings)
    _check(settings)
    return settings


def _convert(field: str, text: str, kind: object) -> object:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        shown = "the value given" if field in _SECRETS else repr(text)
        raise SettingError(variable(field), f"{shown} does not fit: {error}") from None


def _check(settings: Settings) -> None:
    """The rules that a type cannot say."""
    if not settings.database_url.startswith(("postgresql://", "postgres://")):
        raise SettingError("DATABASE_URL", "must start with postgresql://")
    if settings.jwt_secret is not None and len(settings.jwt_secret.encode()) < 32:
        raise SettingError(variable("jwt_secret"), "must be at least 32 bytes")
    if settings.admin_secret is not None and not _SECRET.fullmatch(settings.admin_secret):
        raise SettingError(variable("admin_secret"), "must be at least 32 visible ASCII characters")
    if settings.master_keys is not None:
        _check_master_keys(settings.master_keys)
    if settings.lease_ttl_seconds < 3 * settings.beat_seconds:
        raise SettingError(
            variable("lease_ttl_seconds"), "must be at least three times NOONMARK_BEAT_SECONDS"
        )
    if settings.public_url is not None and not settings.public_url.startswith(("http://", "https://")):
        raise SettingError("PUBLIC_URL", "must start with http:// or https://")
    _check_lists(settings)


def _check_lists(settings: Settings) -> None:
    for name in parts(settings.runtimes):
        if name not in _RUNTIMES:
            raise SettingError(variable("runtimes"), f"{name!r} is none of {', '.join(_RUNTIMES)}")
    left_out(settings.without)
    for origin in parts(settings.cors_origins):
        if not _ORIGIN.fullmatch(origin):
            raise SettingError(variable("cors_origins"), f"{origin!r} is not written scheme://host[:port]")
    for block in parts(settings.egress_allow):
        try:
            ip_network(block)
        except ValueError as error:
            raise SettingError(variable("egress_allow"), str(error)) from None


def left_out(text: str) -> list[str]:
    """The capabilities that are named here. Raises SettingError."""
    for name in parts(text):
        if name not in _CAPABILITIES:
            raise SettingError(variable("without"), f"{name!r} is none of {', '.join(_CAPABILITIES)}")
    return parts(text)


def parts(text: str) -> list[str]:
    """What stands between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_master_keys(text: str) -> None:
    name = variable("master_keys")
    for part in text.split(","):
        key_id, _, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise SettingError(name, "a key is not valid base64 after its `id:`") from None
        if not key_id.isalnum() or len(key) != 32:
            raise SettingError(name, "each key must be `id:` and base64 of 32 bytes")
