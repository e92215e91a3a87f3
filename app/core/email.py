"""The one spelling under which an e-mail address identifies a lead."""

from unicodedata import normalize

from email_validator import EmailNotValidError, validate_email

from app.core.limits import MAX_EMAIL_LENGTH


def fold_email(address: str) -> str:
    """Spell an address in lower case and NFC, without judging it."""
    # Python's lower() gives a sigma at a word's end its final form, but leaves the other one alone.
    return normalize("NFC", address.lower().replace("ς", "σ"))


def parse_email(text: str) -> str:
    """Check an address and return the spelling that identifies its lead.

    Raises:
        ValueError: not a bare address, or longer than `MAX_EMAIL_LENGTH`.

    """
    if len(text) > MAX_EMAIL_LENGTH:
        raise ValueError("longer than an e-mail address can be")
    try:
        folded = fold_email(validate_email(text, check_deliverability=False).normalized)
    except (EmailNotValidError, UnicodeError):
        raise ValueError("not an e-mail address") from None
    if len(folded) > MAX_EMAIL_LENGTH:
        raise ValueError("longer than an e-mail address can be")
    return folded
