"""What leads of many tongues ask about flats: the same inquiries on every run."""

# letters that look like Latin ones are what the leads write

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

SEED = 1632
RETURNING = 0.4
"""The part of inquiries that come from a lead who asked before."""
IN_CAPITALS = 0.2
"""The part of them that come with the address in capitals, where it has only ASCII letters."""


class SampleInquiry(NamedTuple):
    """An inquiry as a bot is to send it; its source is one of those there are."""

    email: str
    source_id: int
    payload: Any


class _Tongue(NamedTuple):
    code: str
    mailboxes: Sequence[str]
    """Local parts of addresses."""
    domains: Sequence[str]
    questions: Sequence[str]


# Domains that are reserved for examples (RFC 2606): none of these people exists.
_TONGUES = (
    _Tongue(
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
    _Tongue(
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
    _Tongue(
        "de",
        ("jürgen.groß", "anke.weiss", "k.schäfer", "lukas.bauer"),
        ("münchen.example", "wohnen.example", "example.net"),
        (
            "Guten Tag, ist die Wohnung noch frei?",
            "Wie hoch ist die Kaution?",
            "Wäre eine Besichtigung am Freitag möglich?",
        ),
    ),
    _Tongue(
        "es",
        ("josé.núñez", "lucia.fernandez", "p.ramirez", "begoña"),
        ("correo-españa.example", "example.com"),
        (
            "¡Hola! ¿Sigue disponible el piso?",
            "¿Se puede visitar mañana por la tarde?",
            "¿Admiten mascotas?",
        ),
    ),
    _Tongue(
        "zh",
        ("李伟", "wang.fang", "张敏", "chen88"),
        ("例子.example", "example.com"),
        ("你好，请问房子还在吗？", "周末可以看房吗？", "租金包含水电费吗？"),
    ),
    _Tongue(
        "ar",
        ("محمد", "fatima.alzahra", "omar.k", "ليلى"),
        ("بريد.example", "example.org"),
        ("مرحبا، هل الشقة ما زالت متاحة؟", "متى يمكنني زيارة الشقة؟", "كم الإيجار الشهري؟"),
    ),
    _Tongue(
        "ja",
        ("佐藤", "yuki.tanaka", "suzuki.k"),
        ("メール.example", "example.net"),
        ("まだ入居可能ですか？", "内見の予約をお願いします。"),
    ),
)


def inquire(count: int, source_ids: Sequence[int], seed: int = SEED) -> list[SampleInquiry]:
    """Inquiries of new and returning leads, in the order in which they come."""
    random = Random(seed)
    leads: list[tuple[_Tongue, str]] = []
    inquiries = []
    for number in range(count):
        if leads and random.random() < RETURNING:
            tongue, email = random.choice(leads)
            email = _as_typed_this_time(random, email)
        else:
            tongue = random.choice(_TONGUES)
            email = _new_address(random, tongue, number)
            leads.append((tongue, email))
        source_id = random.choice(source_ids)
        inquiries.append(SampleInquiry(email, source_id, _payload(random, tongue, number)))
    return inquiries


def _new_address(random: Random, tongue: _Tongue, number: int) -> str:
    tag = random.choice(("", "", "+flats", "+rent.2026"))
    return f"{random.choice(tongue.mailboxes)}{number}{tag}@{random.choice(tongue.domains)}"


def _as_typed_this_time(random: Random, email: str) -> str:
    """The same address, at times in capitals; the lead is the same."""
    return email.upper() if email.isascii() and random.random() < IN_CAPITALS else email


def _payload(random: Random, tongue: _Tongue, number: int) -> Any:
    """A body of one of the shapes that bots send."""
    text = random.choice(tongue.questions)
    [shape] = random.choices(
        ("text", "object", "messages", "form", "thread", "none"), range(6, 0, -1)
    )
    match shape:
        case "text":
            return text
        case "object":
            return {"text": text, "lang": tongue.code, "flat": random.randint(100, 999)}
        case "messages":
            return random.sample(tongue.questions, 2)
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
            return {"subject": text, "quoted": [*tongue.questions] * 12}
        case _:
            return None
