"""The demo's inquiries: varied, valid, and the same on every run."""

from collections import Counter

from app.core.email import parse_email
from app.demo.inquiries import inquire
from app.schemas import CreateInteraction

INQUIRIES = inquire(1_000, [1, 2, 3])


def test_are_the_same_on_every_run() -> None:
    """Two users who run the demo can compare the results."""
    assert INQUIRIES == inquire(1_000, [1, 2, 3])


def test_are_all_accepted() -> None:
    """Every inquiry passes validation."""
    for inquiry in INQUIRIES:
        CreateInteraction(**inquiry._asdict())


def test_addresses_are_of_every_kind() -> None:
    """Plus-tagged, international before and after the @, and in capitals."""
    mailboxes, domains = zip(*(inquiry.email.split("@") for inquiry in INQUIRIES), strict=True)

    assert any("+" in mailbox for mailbox in mailboxes)
    assert any(not mailbox.isascii() for mailbox in mailboxes)
    assert any(not domain.isascii() for domain in domains)
    assert any(domain.isupper() for domain in domains)


def test_leads_are_new_and_returning() -> None:
    """Some send one inquiry, others several, at times with their address in another case."""
    leads = Counter(parse_email(inquiry.email) for inquiry in INQUIRIES)

    assert 1 in leads.values()
    assert 5 <= max(leads.values())
    assert len(leads) < len({inquiry.email for inquiry in INQUIRIES})


def test_payloads_are_of_every_shape() -> None:
    """A text, an object, a list, nested objects, and none."""
    payloads = [inquiry.payload for inquiry in INQUIRIES]

    assert {str, dict, list, type(None)} == {type(payload) for payload in payloads}
    assert any(isinstance(payload, dict) and "form" in payload for payload in payloads)
