"""Every spelling of an address identifies the same lead."""

import pytest
from email_validator import EmailNotValidError, validate_email

from app.core.email import fold_email, parse_email

pytest.importorskip("hypothesis", reason="needs tests/requirements.txt")
from hypothesis import example, given, strategies


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
        "maria",
        "A <a@example.com>",
        "a@example.com, b@example.com",
        "a@b@example.com",
        "a@-example.com",
        "a @example.com",
        "a@ example.com",
        "a\u3000b@example.com",
        "\x1ca@example.com",
        "a@example.com\x1f",
        "a\0@example.com",
        "\0a@example.com",
        "a@localhost",
        "a@invalid",
        "a@test",
        "a..b@example.com",
        "a.@example.com",
        '"a.b"@example.com',
        '"a b"@example.com',
        "\ud800@example.com",
        f"a@{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.com",
        "x" * 1_000_000,
        " " * 1_000_000,
        f"{'x' * 243}@example.com",
    ],
)
def test_what_is_no_bare_address(text: str) -> None:
    """It is refused, and the reason does not quote it."""
    with pytest.raises(ValueError, match=r"^(not an e-mail address|longer than)") as caught:
        parse_email(text)

    assert len(text) < 5 or text not in str(caught.value)


AROUND = [
    "",
    " ",
    "\r\n",
    "\t \v\f",
    "\xa0",
    "\u2003\u3000",
    "\u2028\u2029",
    "\ufeff",
    "\u200b\u2060",
]


@pytest.mark.parametrize("before", AROUND)
@pytest.mark.parametrize("behind", [*AROUND, " " * 300])
def test_white_space_around_is_no_part(before: str, behind: str) -> None:
    """Copied text has spaces and line ends around it; they do not count as length either."""
    longest = f"{'x' * 242}@example.com"

    assert "user@example.com" == parse_email(f"{before}User@example.com{behind}")
    assert longest == parse_email(before + longest + behind)


@pytest.mark.parametrize(
    "domain",
    [
        "telegram.invalid",
        "invalid.invalid",
        "office.local",
        "shop.test",
        "shop.example",
        "example.org",
        "web.localhost",
        "hidden.onion",
        "10.in-addr.arpa",
    ],
)
def test_reserved_domain_is_as_good_as_any(domain: str) -> None:
    """A messenger's user without an e-mail address is a lead like any other."""
    assert f"12345@{domain}" == parse_email(f"12345@{domain.upper()}")


@pytest.mark.parametrize("local", ["user..name", "user.", "a...b..", "1.2..3", "user.name"])
@pytest.mark.parametrize(
    "domain",
    [
        "docomo.ne.jp",
        "ezweb.ne.jp",
        "biz.ezweb.ne.jp",
        "au.com",
        "softbank.ne.jp",
        "i.softbank.jp",
        "t.vodafone.ne.jp",
        "jp-k.ne.jp",
        "ymobile.ne.jp",
        "willcom.com",
    ],
)
def test_carriers_dots(local: str, domain: str) -> None:
    """Japanese carriers issued such addresses; in quotes they are the same ones."""
    address = f"{local}@{domain}"

    assert address == parse_email(address) == parse_email(address.upper())
    assert address == parse_email(f'"{local}"@{domain}') == parse_email(f' "{local}"@{domain}\n')


@pytest.mark.parametrize(
    "text",
    [
        ".user@docomo.ne.jp",
        "..@docomo.ne.jp",
        "@docomo.ne.jp",
        '""@docomo.ne.jp',
        '"@docomo.ne.jp',
        '"user..name@docomo.ne.jp',
        '"user. .name"@docomo.ne.jp',
        '"user@..name"@docomo.ne.jp',
        '"user..\\"name"@docomo.ne.jp',
        "a@user..name@docomo.ne.jp",
        "A <user..name@docomo.ne.jp>",
        "<user..name@docomo.ne.jp>",
        "us\0er..name@docomo.ne.jp",
        "us\ud800er..name@docomo.ne.jp",
        "user..name@docomo.ne.jp.",
        "user..name@notdocomo.ne.jp",
        "user..name@docomo.ne.jp.example.com",
        f"{'x' * 240}..@docomo.ne.jp",
    ],
)
def test_invalid_addresses_of_carriers(text: str) -> None:
    """Only dots are accepted leniently, and only at these domains."""
    with pytest.raises(ValueError, match=r"^(not an e-mail address|longer than)"):
        parse_email(text)


@given(strategies.emails())
def test_folding_is_final(address: str) -> None:
    """Folding a folded address changes nothing."""
    folded = fold_email(address)

    assert folded == fold_email(folded) == fold_email(address.upper())


@given(strategies.text(alphabet=strategies.characters(categories=["L", "M"])))
def test_folding_any_letters_is_final(text: str) -> None:
    """Also for letters whose lower case has two characters."""
    assert fold_email(text) == fold_email(fold_email(text))


_LOCALS = strategies.one_of(
    strategies.text("aZ09.!#$%&'*+/=?^_`{|}~-", min_size=1),
    strategies.text('aZ.@"<>\\ ,\x7fé\u212a\u0338', min_size=1),
    strategies.sampled_from(["Info", "POSTMASTER", "a" * 64, "a" * 65, "a" * 242, "a" * 243]),
)
_LABELS = strategies.one_of(
    strategies.text("aZ09-", max_size=4),
    strategies.sampled_from(["xn--e1afmkfd", "xn--", "XN--P1AI", "é", "com", "a" * 63, "a" * 64]),
)
_ADDRESSES = strategies.builds(
    lambda local, labels: f"{local}@{'.'.join(labels)}",
    _LOCALS,
    strategies.lists(_LABELS, min_size=1, max_size=5),
)


@given(_ADDRESSES)
@example("A.b@Example.COM")
@example("a@example.c0m")
@example("a@example.com\n")
@example("\u212a@example.com")
@example("a@xn--e1afmkfd.xn--p1ai")
def test_plain_addresses_are_checked_as_all_others(text: str) -> None:
    """An address whose domain is known already is valid exactly if the library accepts it."""
    try:
        expected = fold_email(validate_email(text.strip(), check_deliverability=False).normalized)
    except EmailNotValidError:
        with pytest.raises(ValueError, match="address"):
            parse_email(text)
    else:
        assert expected == parse_email(text) == parse_email(text)
