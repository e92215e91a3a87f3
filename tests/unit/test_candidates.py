"""Candidates are read as they were stored, and a hundred of them take a kilobyte at most."""

from collections.abc import Sequence
from random import Random

import pytest

from app.core.credits import INQUIRY, inquiries
from app.core.distribution import CandidateSnapshot, PassedOver
from app.core.limits import MAX_ID, MAX_LOAD_LIMIT, MAX_WEIGHT
from app.db.candidates_column import FEW, decode, encode

REASONS: list[PassedOver | None] = [None, "inactive", "at_limit", "zero_weight"]


def random_candidates(
    count: int, *, load: int = 5000, gap: int = 1, seed: int = 1
) -> list[CandidateSnapshot]:
    """Operators whose fields have little in common; each id is 1 to `gap` above the one before."""
    random, id, candidates = Random(seed), 0, []
    for _ in range(count):
        id += random.randint(1, gap)
        candidates.append(
            CandidateSnapshot(
                id,
                random.randint(0, MAX_WEIGHT),
                random.randint(-INQUIRY, INQUIRY),
                random.randint(0, load),
                random.choice([None, random.randint(0, MAX_LOAD_LIMIT)]),
                random.choice(REASONS),
            )
        )
    return candidates


def alike(count: int) -> list[CandidateSnapshot]:
    """Operators with the same fields."""
    return [CandidateSnapshot(id, 10, 0, None, None, None) for id in range(1, count + 1)]


def as_shown(candidates: Sequence[CandidateSnapshot]) -> list[tuple[CandidateSnapshot, float]]:
    """Candidates, each with its credit in inquiries."""
    return [(row._replace(credit=0), inquiries(row.credit)) for row in candidates]


EXTREME = [
    CandidateSnapshot(MAX_ID - 1, 0, -4 * INQUIRY, 0, 0, "zero_weight"),
    CandidateSnapshot(MAX_ID, MAX_WEIGHT, 4 * INQUIRY, 2**40, MAX_LOAD_LIMIT, None),
]
NUMBERED = [row._replace(operator_id=number) for number, row in enumerate(EXTREME * 9, start=1)]


@pytest.mark.parametrize(
    "candidates",
    [
        [],
        alike(1),
        alike(FEW),
        alike(FEW + 1),
        alike(1000),
        random_candidates(3),
        random_candidates(FEW + 1),
        random_candidates(33),
        random_candidates(1000, gap=500),
        EXTREME,
        NUMBERED,
        [*NUMBERED, EXTREME[0]],
    ],
)
def test_candidates_are_read_as_stored(candidates: list[CandidateSnapshot]) -> None:
    """In every field; credits to the six decimals that are shown."""
    assert as_shown(candidates) == as_shown(decode(encode(candidates)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("load", "gap"), [(5000, 1), (50_000, 1), (50, 20)])
def test_a_hundred_take_a_kilobyte_at_most(load: int, gap: int, seed: int) -> None:
    """With weights and limits up to a million that have nothing in common."""
    candidates = random_candidates(100, load=load, gap=gap, seed=seed)

    assert 1024 >= len(encode(candidates))
    assert 1024 >= len(encode(candidates[:FEW]))


def test_equal_fields_take_no_space() -> None:
    """A thousand with the same fields take less than the fields of two."""
    assert 100 > len(encode(alike(1000)))


def test_candidates_of_earlier_versions_are_read() -> None:
    """Their credits were in units of weight: of the eligible candidates, or of all if none was."""
    eligible = b'[[1,3,2,null,null,null],[2,1,-1,3,3,"at_limit"]]'
    none_eligible = b'[[1,3,2,null,null,"inactive"],[2,1,-2,3,3,"at_limit"]]'
    weightless = b'[[1,0,0,null,null,"zero_weight"]]'

    assert [2 * INQUIRY // 3, -INQUIRY // 3] == [candidate.credit for candidate in decode(eligible)]
    assert [INQUIRY // 2, -INQUIRY // 2] == [
        candidate.credit for candidate in decode(none_eligible)
    ]
    assert [0] == [candidate.credit for candidate in decode(weightless)]
    assert [] == decode(b"[]")
