"""The service's reports and previews, counted from the model."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from fractions import Fraction
from typing import Any

from tests.stateful.model import Model
from tests.stateful.records import Post, Source


def operator_loads(model: Model) -> list[dict[str, Any]]:
    """The response of `GET /stats/operators`, without the names."""
    return [
        {
            "id": id,
            "active": operator.active,
            "load": model.load(id),
            "load_limit": operator.load_limit,
            "waiting": sum(
                len(model.queue(source_id))
                for source_id, source in model.sources.items()
                if source.weights.get(id)
            ),
        }
        for id, operator in model.operators.items()
    ]


def source_report(model: Model, source_id: int) -> dict[str, Any]:
    """The response of `GET /stats/sources/{id}`."""
    source = model.sources[source_id]
    owners = [
        interaction.operator_id
        for interaction in model.interactions.values()
        if interaction.source_id == source_id
    ]
    total = len(owners) - owners.count(None)
    targets = sum(source.target.values())
    waiting = len(model.queue(source_id))
    weights = sum(source.weights.values())

    def row(operator_id: int) -> dict[str, Any]:
        target = source.target.get(operator_id, Fraction(0))
        weight = source.weights.get(operator_id, 0)
        share = Fraction(owners.count(operator_id), total) if total else None
        target_share = target / targets if targets else None
        deviation = None if share is None or target_share is None else share - target_share
        return {
            "operator_id": operator_id,
            "weight": weight,
            "interactions": owners.count(operator_id),
            "target": _number(target + waiting * Fraction(weight, weights or 1)),
            "share": _number(share),
            "target_share": _number(target_share),
            "deviation": _number(deviation),
            "lost_to_limit": _number(source.lost.get((operator_id, "at_limit"), Fraction(0))),
            "lost_to_inactivity": _number(source.lost.get((operator_id, "inactive"), Fraction(0))),
        }

    valued = {id for id, target in source.target.items() if target}
    return {
        "interactions": total,
        "waiting": waiting,
        "operators": [row(id) for id in sorted(source.weights.keys() | source.assigned | valued)],
    }


def expected_shares(model: Model, source: Source) -> dict[int, float]:
    """The share of each operator of a source by weight, while it is active."""
    weights = {
        id: weight if model.operators[id].active else 0 for id, weight in source.weights.items()
    }
    total = sum(weights.values())
    return {id: weight / total if total else 0.0 for id, weight in weights.items()}


def preview(
    model: Model,
    source_id: int,
    sequence: Sequence[int | None],
    *,
    weights: Mapping[int, int] | None = None,
    strategy: str | None = None,
) -> dict[str, Any]:
    """The response of `POST /sources/{id}/preview`: what as many inquiries of new leads would do.

    The sequence that the service returned decides the draws, nothing else.
    """
    trial = deepcopy(model)
    source = trial.source(source_id)
    for waiting in trial.queue(source_id):
        trial.interactions[waiting].is_active = False
    if weights is not None:
        trial.set_weights(source_id, weights)
    source.strategy = strategy or source.strategy
    trial.seen = dict(enumerate(sequence, start=len(trial.interactions) + 1))
    full_after = _full(trial, source, 0)
    picks = []
    for number in range(1, len(sequence) + 1):
        picks.append(trial.post(Post(f"new lead {number}", source_id)).operator_id)
        full_after = _full(trial, source, number) | full_after
    picked = len(picks) - picks.count(None)
    shares = expected_shares(trial, source)
    return {
        "sequence": picks,
        "operators": [
            {
                "operator_id": id,
                "weight": weight,
                "picks": picks.count(id),
                "share": picks.count(id) / picked if picked else None,
                "target_share": shares[id],
                "full_after": full_after.get(id),
            }
            for id, weight in source.weights.items()
        ],
    }


def _full(model: Model, source: Source, number: int) -> dict[int, int]:
    return {
        row.operator_id: number for row in model.candidates(source) if row.passed_over == "at_limit"
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
