"""The one spelling under which an e-mail address identifies a lead."""

import re
from unicodedata import normalize

import email_validator
from email_validator import EmailNotValidError, validate_email

from app.core.limits import MAX_EMAIL_LENGTH

# Addresses name leads here and get no mail: a reserved domain (RFC 2606, RFC 6761) is as good as
# any other. The list is part of the library's interface, and the only way to say so.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_AROUND = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u2060\ufeff"
)
"""Unicode's white space, and what copied text brings along that has no width at all."""

_CARRIERS = (
    ".au.com",
    ".disney.ne.jp",
    ".docomo.ne.jp",
    ".dwmail.jp",
    ".emnet.ne.jp",
    ".emobile.ne.jp",
    ".ezweb.ne.jp",
    ".ido.ne.jp",
    ".pdx.ne.jp",
    ".rakuten.jp",
    ".softbank.jp",
    ".softbank.ne.jp",
    ".uqmobile.jp",
    ".vodafone.ne.jp",
    ".wcm.ne.jp",
    ".willcom.com",
    ".y-mobile.ne.jp",
    ".ymobile.ne.jp",
    ".ymobile1.ne.jp",
    *(f".jp-{region}.ne.jp" for region in "cdhknqrst"),
)
"""Domains, and their subdomains, of Japanese carriers: they gave out addresses whose dots are
doubled or stand before the `@`, and these are used still. RFC 5321 has them in quotes."""
_EXTRA_DOTS = re.compile(r"\.+(?=\.|\Z)")


def fold_email(address: str) -> str:
    """Spell an address in lower case and NFC, without judging it."""
    # Python's lower() gives a sigma at a word's end its final form, but leaves the other one alone.
    return normalize("NFC", address.lower().replace("ς", "σ"))


def parse_email(text: str) -> str:
    """Check an address and return the spelling that identifies its lead.

    White space around it is no part of it.

    Raises:
        ValueError: not a bare address, or longer than `MAX_EMAIL_LENGTH`.

    """
    text = text.strip(_AROUND)
    if len(text) > MAX_EMAIL_LENGTH:
        raise ValueError("longer than an e-mail address can be")
    try:
        folded = fold_email(_normalized(text))
    except (EmailNotValidError, UnicodeError):
        raise ValueError("not an e-mail address") from None
    if len(folded) > MAX_EMAIL_LENGTH:
        raise ValueError("longer than an e-mail address can be")
    return folded


def _normalized(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        local, _, domain = text.rpartition("@")
        if not f".{domain.lower()}".endswith(_CARRIERS):
            raise
        return _normalized_at_carrier(local, domain)


def _normalized_at_carrier(local: str, domain: str) -> str:
    """An address as carriers gave it out, without the quotes that some programs put around it."""
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = local[1:-1]
    usual = f"{_EXTRA_DOTS.sub('', local)}@{domain}"
    checked = validate_email(usual, check_deliverability=False, allow_smtputf8=False)
    return f"{local}@{checked.domain}"
