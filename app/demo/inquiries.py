"""Inquiries about flats in several languages, the same on every run."""

# Some sample texts have letters that look like Latin ones.

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

SEED = 1632
RETURNING = 0.4
"""The fraction of inquiries that come from a returning lead."""
IN_CAPITALS = 0.2
"""The fraction of these with the address in capitals, if it has only ASCII letters."""


class SampleInquiry(NamedTuple):
    """An inquiry for a bot to send, to an existing source."""

    email: str
    source_id: int
    payload: Any


class _Language(NamedTuple):
    code: str
    mailboxes: Sequence[str]
    """Local parts of addresses."""
    domains: Sequence[str]
    questions: Sequence[str]


# Domains that are reserved for examples (RFC 2606): none of these people exists.
_LANGUAGES = (
    _Language(
        "ru",
        ("anna.petrova", "i.smirnov", "мария.кузнецова", "олег", "d.volkov"),
        ("example.com", "почта.example", "example.org"),
        (
            "Здравствуйте! Квартира ещё свободна?",
            "Можно посмотреть сегодня после 18:00?",
            "Сколько стоит с коммунальными услугами?",
            "С кошкой можно? Она очень тихая 🐈",
        ),
    ),
    _Language(
        "en",
        ("emily.clark", "j.o'neill", "tom_baker", "sarah-jane", "noah"),
        ("example.com", "mail.example.org", "example.net"),
        (
            "Hi, is the flat still available?",
            "Could I view it on Saturday morning?",
            "Are bills included? And is there a lift?",
            "Thanks! What documents do you need from me?",
        ),
    ),
    _Language(
        "de",
        ("jürgen.groß", "anke.weiss", "k.schäfer", "lukas.bauer"),
        ("münchen.example", "wohnen.example", "example.net"),
        (
            "Guten Tag, ist die Wohnung noch frei?",
            "Wie hoch ist die Kaution?",
            "Wäre eine Besichtigung am Freitag möglich?",
        ),
    ),
    _Language(
        "es",
        ("josé.núñez", "lucia.fernandez", "p.ramirez", "begoña"),
        ("correo-españa.example", "example.com"),
        (
            "¡Hola! ¿Sigue disponible el piso?",
            "¿Se puede visitar mañana por la tarde?",
            "¿Admiten mascotas?",
        ),
    ),
    _Language(
        "zh",
        ("李伟", "wang.fang", "张敏", "chen88"),
        ("例子.example", "example.com"),
        ("你好，请问房子还在吗？", "周末可以看房吗？", "租金包含水电费吗？"),
    ),
    _Language(
        "ar",
        ("محمد", "fatima.alzahra", "omar.k", "ليلى"),
        ("بريد.example", "example.org"),
        ("مرحبا، هل الشقة ما زالت متاحة؟", "متى يمكنني زيارة الشقة؟", "كم الإيجار الشهري؟"),
    ),
    _Language(
        "ja",
        ("佐藤", "yuki.tanaka", "suzuki.k"),
        ("メール.example", "example.net"),
        ("まだ入居可能ですか？", "内見の予約をお願いします。"),
    ),
)


def inquire(count: int, source_ids: Sequence[int], seed: int = SEED) -> list[SampleInquiry]:
    """Inquiries of new and returning leads, in order."""
    random = Random(seed)
    leads: list[tuple[_Language, str]] = []
    inquiries = []
    for number in range(count):
        if leads and random.random() < RETURNING:
            language, email = random.choice(leads)
            email = _vary_case(random, email)
        else:
            language = random.choice(_LANGUAGES)
            email = _new_address(random, language, number)
            leads.append((language, email))
        source_id = random.choice(source_ids)
        inquiries.append(SampleInquiry(email, source_id, _payload(random, language, number)))
    return inquiries


def _new_address(random: Random, language: _Language, number: int) -> str:
    tag = random.choice(("", "", "+flats", "+rent.2026"))
    return f"{random.choice(language.mailboxes)}{number}{tag}@{random.choice(language.domains)}"


def _vary_case(random: Random, email: str) -> str:
    """The address, sometimes in capitals; it identifies the same lead."""
    return email.upper() if email.isascii() and random.random() < IN_CAPITALS else email


def _payload(random: Random, language: _Language, number: int) -> Any:
    """A payload in one of the shapes that bots send."""
    text = random.choice(language.questions)
    [shape] = random.choices(
        ("text", "object", "messages", "form", "thread", "none"), range(6, 0, -1)
    )
    match shape:
        case "text":
            return text
        case "object":
            return {"text": text, "lang": language.code, "flat": random.randint(100, 999)}
        case "messages":
            return random.sample(language.questions, 2)
        case "form":
            return {
                "form": {
                    "text": text,
                    "budget": {"max": random.randint(6, 30) * 50, "currency": "EUR"},
                    "rooms": [random.choice((1, 1.5, 2)), 3],
                    "pets": random.choice((True, False, None)),
                },
                "page": {"path": f"/flats/{number}", "utm": {"campaign": "autumn"}},
            }
        case "thread":
            return {"subject": text, "quoted": [*language.questions] * 12}
        case _:
            return None
