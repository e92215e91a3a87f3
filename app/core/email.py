"""Normalizes e-mail addresses: one spelling identifies a lead."""

import re
from functools import lru_cache
from unicodedata import normalize

import email_validator
from email_validator import EmailNotValidError, validate_email

from app.core.limits import MAX_EMAIL_LENGTH

# An address identifies a lead and receives no mail, so reserved domains (RFC 2606, RFC 6761) are
# valid. The list is part of the library's interface, and the only way to allow them.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_AROUND = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u2060\ufeff"
)
"""Unicode's white space, and characters without width that copied text may contain."""

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
"""Domains of Japanese carriers, subdomains included: the carriers issued addresses with doubled
dots or a dot before the `@`, which are still in use. RFC 5321 requires quotes around such names."""
_EXTRA_DOTS = re.compile(r"\.+(?=\.|\Z)")

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@([A-Za-z0-9.-]+)")
"""An ASCII address without quotes (RFC 5322, section 3.2.3); only its domain remains to check."""
_KNOWN_DOMAINS = 4096


def fold_email(address: str) -> str:
    """Convert an address to lower case and NFC, without validating it."""
    # At the end of a word lower() makes a capital sigma final, but leaves a small one as it is.
    return normalize("NFC", address.lower().replace("ς", "σ"))


def parse_email(text: str) -> str:
    """Validate an address and return the spelling that identifies its lead.

    White space around it is removed.

    Raises:
        ValueError: not a bare address, or longer than `MAX_EMAIL_LENGTH`.

    """
    text = text.strip(_AROUND)
    if len(text) > MAX_EMAIL_LENGTH:
        raise ValueError("longer than an e-mail address can be")
    plain = _PLAIN.fullmatch(text)
    if plain is not None and _is_plain_domain(plain[1].lower()):
        return text.lower()
    try:
        folded = fold_email(_normalized(text))
    except (EmailNotValidError, UnicodeError):
        raise ValueError("not an e-mail address") from None
    if len(folded) > MAX_EMAIL_LENGTH:
        raise ValueError("longer than an e-mail address can be")
    return folded


@lru_cache(_KNOWN_DOMAINS)
def _is_plain_domain(domain: str) -> bool:
    """Whether a domain in lower case is valid, and has no other spelling in another script.

    Remembered: the library took 24 µs per address.
    """
    try:
        return validate_email(f"a@{domain}", check_deliverability=False).domain == domain
    except EmailNotValidError:
        return False


def _normalized(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        local, _, domain = text.rpartition("@")
        if not f".{domain.lower()}".endswith(_CARRIERS):
            raise
        return _normalized_at_carrier(local, domain)


def _normalized_at_carrier(local: str, domain: str) -> str:
    """An address as carriers issued it, without the quotes that some programs add."""
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = local[1:-1]
    usual = f"{_EXTRA_DOTS.sub('', local)}@{domain}"
    checked = validate_email(usual, check_deliverability=False, allow_smtputf8=False)
    return f"{local}@{checked.domain}"
