"""Every spelling of an address identifies the same lead."""

import pytest

from app.core.email import fold_email, parse_email

pytest.importorskip("hypothesis", reason="needs tests/requirements.txt")
from hypothesis import given, strategies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("User@EXAMPLE.com", "user@example.com"),
        ("first.last+tag@example.com", "first.last+tag@example.com"),
        ("cafe\u0301@example.com", "café@example.com"),
        ("ЮРИЙ@пример.рф", "юрий@пример.рф"),
        ("ΑΣ.Β@example.com", "ασ.β@example.com"),
        ("ας.β@example.com", "ασ.β@example.com"),
        ("user@xn--e1afmkfd.xn--p1ai", "user@пример.рф"),
    ],
)
def test_one_spelling(text: str, expected: str) -> None:
    """Lower case, NFC, and domains in their own script."""
    assert expected == parse_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "A <a@example.com>",
        "a@example.com, b@example.com",
        "a@b@example.com",
        "a@-example.com",
        " a@example.com",
        "a\0@example.com",
        "\ud800@example.com",
        f"a@{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.com",
        "x" * 1_000_000,
    ],
)
def test_what_is_no_bare_address(text: str) -> None:
    """Refused, and the reason does not quote it."""
    with pytest.raises(ValueError, match=r"^(not an e-mail address|longer than)") as caught:
        parse_email(text)

    assert len(text) < 5 or text not in str(caught.value)


@given(strategies.emails())
def test_folding_is_final(address: str) -> None:
    """What was folded once does not change when it is folded again."""
    folded = fold_email(address)

    assert folded == fold_email(folded) == fold_email(address.upper())


@given(strategies.text(alphabet=strategies.characters(categories=["L", "M"])))
def test_folding_any_letters_is_final(text: str) -> None:
    """Also for letters whose lower case is two characters."""
    assert fold_email(text) == fold_email(fold_email(text))
