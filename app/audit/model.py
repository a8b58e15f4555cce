"""What is audited."""

from enum import StrEnum


class Action(StrEnum):
    """Everything that leaves a row."""

    TENANT_CREATED = "tenant.created"
    TENANT_CHANGED = "tenant.changed"
    TENANT_ERASED = "tenant.erased"
    TOKEN_CREATED = "token.created"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    SECRETS_ROTATED = "signing_secrets.rotated"
    QUEUE_CREATED = "queue.created"
    QUEUE_CHANGED = "queue.changed"
    QUEUE_PAUSED = "queue.paused"
    QUEUE_RESUMED = "queue.resumed"
    QUEUE_DELETED = "queue.deleted"
    DEFINITION_CREATED = "definition.created"
    DEFINITION_CHANGED = "definition.changed"
    DEFINITION_DELETED = "definition.deleted"
    JOB_ERASED = "job.erased"
    JOBS_CANCELLED = "jobs.cancelled"
    """Many at once."""
    DEAD_LETTERS_PURGED = "dead_letters.purged"
    DEAD_LETTERS_REPLAYED = "dead_letters.replayed"
    """Many at once."""
