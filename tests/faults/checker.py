"""The checker: compares a database with the requests and answers in a history."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple
from unicodedata import normalize
from uuid import UUID

from tests.faults.history import Answer, Entry, Intent
from tests.support.integrity import faults
from tests.support.rows import Rows


class _Stored(NamedTuple):
    """An interaction with the e-mail address of its lead."""

    id: int
    lead_uuid: str
    source_id: int
    operator_id: int | None
    is_active: bool
    payload: str
    created_at: datetime
    closed_at: str | None
    email: str | None

    @property
    def marker(self) -> str:
        """The marker of the inquiry that created it."""
        payload = json.loads(self.payload or "null")
        unnamed = f"interaction {self.id}"
        return str(payload.get("marker", unnamed)) if isinstance(payload, dict) else unnamed

    def as_answer(self) -> dict[str, Any]:
        """The body of the answer for it."""
        answer = {**self._asdict(), "payload": json.loads(self.payload)}
        del answer["email"]
        return answer


def check(history: Sequence[Entry], rows: Rows) -> list[str]:
    """Describe every difference between a history and a database; none if all guarantees held.

    The history must have every inquiry that was sent to the service, and no interaction may have
    been closed or reassigned.
    """
    intents = {entry.marker: entry for entry in history if isinstance(entry, Intent)}
    answers = [entry for entry in history if isinstance(entry, Answer)]
    stored: dict[str, list[_Stored]] = defaultdict(list)
    for interaction in _interactions(rows):
        stored[interaction.marker].append(interaction)
    return [
        *faults(rows),
        *_not_as_sent(intents, stored),
        *_not_as_answered(answers, stored),
        *_wrong_operators(stored, rows),
        *_overtaken(stored),
        *_wrong_leads(intents.values(), rows),
        *_wrong_keys(intents, stored, rows),
    ]


def _interactions(rows: Rows) -> Iterator[_Stored]:
    columns = (
        "id, lead_uuid, source_id, operator_id, is_active, payload, i.created_at, closed_at, email"
    )
    for row in rows.execute(
        f"SELECT {columns} FROM interactions i LEFT JOIN leads ON uuid = lead_uuid"
    ):
        raw = _Stored._make(row)
        yield raw._replace(
            lead_uuid=str(UUID(raw.lead_uuid)),
            is_active=bool(raw.is_active),
            created_at=datetime.fromisoformat(f"{raw.created_at}+00:00"),
        )


def _not_as_sent(
    intents: Mapping[str, Intent], stored: Mapping[str, Sequence[_Stored]]
) -> Iterator[str]:
    for marker, interactions in stored.items():
        if marker not in intents:
            yield f"{marker} was never sent"
            continue
        if len(interactions) > 1:
            yield f"{marker} is stored {len(interactions)} times"
        intent = intents[marker]
        sent = (_fold(intent.email), intent.source_id, json.dumps(intent.payload))
        for interaction in interactions:
            payload = json.dumps(json.loads(interaction.payload or "null"))
            if sent != (interaction.email, interaction.source_id, payload):
                yield f"{marker} is not stored as it was sent"


def _not_as_answered(
    answers: Sequence[Answer], stored: Mapping[str, Sequence[_Stored]]
) -> Iterator[str]:
    for answer in answers:
        interactions = stored.get(answer.marker, ())
        if answer.status == 201 and not interactions:
            yield f"{answer.marker} was acknowledged and is not stored"
        if 400 <= answer.status < 500 and interactions:
            yield f"{answer.marker} was refused and is stored"
        if answer.status == 201:
            answered = {
                **answer.body,
                "created_at": datetime.fromisoformat(answer.body["created_at"]),
            }
            if any(interaction.as_answer() != answered for interaction in interactions):
                yield f"{answer.marker} is not stored as it was acknowledged"


def _wrong_operators(stored: Mapping[str, Sequence[_Stored]], rows: Rows) -> Iterator[str]:
    # Whether each is at its limit, by source and operator.
    rotations: dict[int, dict[int, bool]] = defaultdict(dict)
    for source_id, operator_id, at_limit in rows.execute(
        "SELECT source_id, operator_id, enforce_load_limit AND load_limit IS NOT NULL AND"
        " load_limit <= (SELECT count(*) FROM interactions i"
        "                WHERE i.operator_id = operators.id AND is_active)"
        " FROM source_operator_settings JOIN sources ON sources.id = source_id"
        " JOIN operators ON operators.id = operator_id WHERE active AND weight > 0"
    ):
        rotations[source_id][operator_id] = bool(at_limit)
    for marker, interactions in stored.items():
        for interaction in interactions:
            rotation, operator_id = rotations[interaction.source_id], interaction.operator_id
            if not (operator_id in rotation if operator_id else all(rotation.values())):
                yield f"{marker} has the operator {operator_id}, which is out of rotation"


def _overtaken(stored: Mapping[str, Sequence[_Stored]]) -> Iterator[str]:
    """Interactions that wait although a later one of their source was assigned."""
    latest_assigned: Counter[int] = Counter()
    for interaction in chain.from_iterable(stored.values()):
        if interaction.operator_id is not None:
            latest = max(latest_assigned[interaction.source_id], interaction.id)
            latest_assigned[interaction.source_id] = latest
    for interaction in chain.from_iterable(stored.values()):
        if (
            interaction.operator_id is None
            and interaction.id < latest_assigned[interaction.source_id]
        ):
            yield f"{interaction.marker} was overtaken"


def _wrong_leads(intents: Iterable[Intent], rows: Rows) -> Iterator[str]:
    sent = {_fold(intent.email) for intent in intents}
    addresses = Counter(_fold(email) for (email,) in rows.execute("SELECT email FROM leads"))
    for address, leads in addresses.items():
        if leads > 1:
            yield f"{address} is {leads} leads"
        if address not in sent:
            yield f"{address} never sent an inquiry"


def _wrong_keys(
    intents: Mapping[str, Intent],
    stored: Mapping[str, Sequence[_Stored]],
    rows: Rows,
) -> Iterator[str]:
    expected = {
        (interaction.source_id, intents[marker].key, interaction.id)
        for marker, interactions in stored.items()
        if marker in intents and intents[marker].key is not None
        for interaction in interactions
    }
    found = Counter(rows.execute("SELECT source_id, key, interaction_id FROM idempotency_keys"))
    for source_id, key, _ in expected - found.keys():
        yield f"{key} of source {source_id} is missing"
    for source_id, key, id in found.keys() - expected:
        yield f"{key} of source {source_id} is not the key of interaction {id}"
    slots = Counter((source_id, key) for source_id, key, _ in found.elements())
    for (source_id, key), count in slots.items():
        if count > 1:
            yield f"{key} of source {source_id} has {count} rows"


def _fold(email: str) -> str:
    return normalize("NFC", email.lower())
