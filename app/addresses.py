"""One canonical form for an e-mail address, or none.

The domain is lower-case IDNA, the local part lower-case ASCII. Nothing is trimmed, unquoted or mapped
besides: whatever two mail systems could read differently is no address here. No provider's own rules (dots,
plus signs) are known. `upper()` is never used: it makes different addresses equal. Names that are never
deliverable (`localhost`, `.local`, `.invalid`) are refused, except `.test`.
"""

from email_validator import EmailNotValidError, validate_email

_MAX_LENGTH = 254


def canonical(text: str) -> str | None:
    """The address two spellings share, or None if `text` is not exactly one address."""
    if len(text) > _MAX_LENGTH or not text.isprintable() or not text.rpartition("@")[0].isascii():
        return None
    try:
        checked = validate_email(
            text,
            allow_smtputf8=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            check_deliverability=False,
            test_environment=True,
            strict=True,
        )
    except EmailNotValidError:
        return None
    return f"{checked.local_part.lower()}@{checked.ascii_domain.lower()}"
