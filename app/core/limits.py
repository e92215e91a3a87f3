"""Limits that both the HTTP interface and the database enforce."""

MAX_ID = 2**63 - 1
MAX_WEIGHT = 1_000_000
MAX_IDEMPOTENCY_KEY_LENGTH = 255
MAX_OPERATORS_PER_SOURCE = 1_000
MAX_PREVIEW = 1_000
MAX_LOAD_LIMIT = 1_000_000
MAX_PAGE_BYTES = 1024 * 1024
"""Maximum bytes of payloads on a page with more than one interaction."""
MAX_EMAIL_LENGTH = 254
"""Characters; the longest address that SMTP can carry (RFC 5321, erratum 1690)."""
MAX_SHOWN_ERRORS = 20
"""Maximum number of errors that a response lists; it counts further errors."""
