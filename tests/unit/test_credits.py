"""Credits are divided and carried over to the last part of an inquiry."""

from fractions import Fraction
from random import Random

import pytest

from app.core.credits import INQUIRY, apportion, carry_over, inquiries


@pytest.mark.parametrize("seed", range(20))
def test_parts_sum_to_the_amount(seed: int) -> None:
    """Each part is less than 1 from the exact one, whatever the sign of the amount."""
    random = Random(seed)
    weights = {id: random.randint(0, 10**6) for id in range(1, random.randint(2, 50))}
    weights[99] = 1
    amount = random.randint(-5 * INQUIRY, 5 * INQUIRY)

    parts = apportion(amount, weights)

    assert amount == sum(parts.values())
    total = sum(weights.values())
    assert all(abs(part - Fraction(amount * weights[id], total)) < 1 for id, part in parts.items())


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    """Among equal remainders the lower ids come first, whatever their order."""
    assert {1: 34, 2: 33, 3: 33} == apportion(100, {3: 1, 1: 1, 2: 1})
    assert {1: 1, 2: 0, 3: 9} == apportion(10, {1: 7, 2: 3, 3: 90})
    assert {1: 0, 2: -1} == apportion(-1, {1: 1, 2: 1})


@pytest.mark.parametrize(
    ("weights", "carried"),
    [
        ({1: 5, 2: 5, 3: 5}, {1: 60, 2: -40, 3: -20}),
        ({1: 1, 2: 3}, {1: 55, 2: -55}),
        ({2: 1, 3: 1, 4: 7}, {2: -10, 3: 10, 4: 0}),
        ({2: 0, 3: 0, 4: 7}, {2: -10, 3: 10, 4: 0}),
        ({1: 0, 2: 1}, {1: 60, 2: -60}),
        ({3: 2}, {3: 0}),
        ({4: 1, 5: 1}, {4: 0, 5: 0}),
        ({}, {}),
    ],
)
def test_credits_under_new_weights(weights: dict[int, int], carried: dict[int, int]) -> None:
    """Operators that stay keep theirs, and share by weight those of removed ones; the sum is 0."""
    assert carried == carry_over({1: 60, 2: -40, 3: -20}, weights)
    assert 0 == sum(carried.values())


def test_credits_are_shown_in_inquiries() -> None:
    """To six decimals, and never as negative zero."""
    assert [0.25, -0.333333, "0.0"] == [
        inquiries(INQUIRY // 4),
        inquiries(-INQUIRY // 3),
        str(inquiries(-1)),
    ]
