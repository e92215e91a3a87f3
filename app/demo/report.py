"""The demo's tables, for terminals of 80 columns or more."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from app.demo.bots import NO_ANSWER
from app.demo.rush import Rush
from app.demo.team import Team


def answers_line(answers: Mapping[int, int], seconds: float) -> str:
    """The number of inquiries, the rate, and the statuses."""
    count = sum(answers.values())
    by_status = ", ".join(f"{_status(status)} {n:,}" for status, n in sorted(answers.items()))
    return f"{count:,} inquiries in {seconds:.1f} s, {count / seconds:,.0f} a second: {by_status}."


def _status(status: int) -> str:
    return "no answer" if status == NO_ANSWER else f"{status} {HTTPStatus(status).phrase}"


def shares_table(
    team: Team,
    settings: Mapping[int, Sequence[Mapping[str, Any]]],
    picks: Mapping[int, Counter[int | None]],
) -> Table:
    """Target and actual share of every operator in every source.

    `settings` are the answers of `GET /sources/{id}/operators`; `picks` counts each source's
    interactions by operator.
    """
    table = _table("Inquiries by operator")
    table.add_column("Source and operator", no_wrap=True)
    for header in ("Weight", "Target", "Actual", "Deviation", "Inquiries"):
        table.add_column(header, justify="right", no_wrap=True)
    for source_id, description in team.sources.items():
        total = picks[source_id].total()
        table.add_row(description, "", "", "", "", f"{total}", style="bold")
        for setting in settings[source_id]:
            target, picked = setting["share"], picks[source_id][setting["operator_id"]]
            actual = picked / total if total else 0.0
            table.add_row(
                f"  {team.operators[setting['operator_id']]}",
                f"{setting['weight']}",
                f"{target:.1%}",
                f"{actual:.1%}",
                f"{(actual - target) * 100:+.1f} pp",
                f"{picked}",
            )
        table.add_section()
    table.caption = "No operator is ever more than one inquiry away from its target."
    return table


def history_table(team: Team, email: str, history: Iterable[Mapping[str, Any]]) -> Table:
    """A lead's interactions, oldest first; `history` is `GET /leads/{uuid}/interactions`."""
    table = _table(f"The history of {email}")
    for header in ("Time, UTC", "Source", "Operator", "State"):
        table.add_column(header, no_wrap=True)
    table.add_column("Payload")
    for interaction in history:
        table.add_row(
            f"{datetime.fromisoformat(interaction['created_at']):%H:%M:%S}",
            team.sources[interaction["source_id"]],
            team.operators.get(interaction["operator_id"], "waiting"),
            "open" if interaction["is_active"] else "closed",
            # Set on the text, not on the column, so that this column shrinks before the others.
            Text(
                json.dumps(interaction["payload"], ensure_ascii=False),
                no_wrap=True,
                overflow="ellipsis",
            ),
        )
    return table


def queue_table(rush: Rush) -> Table:
    """Each operator's load and the number of waiting inquiries, event by event."""
    table = _table("A rush on the night hotline")
    table.add_column("Event", no_wrap=True)
    for header in (*(operator["name"] for operator in rush.moments[0].loads), "Waiting"):
        table.add_column(header, justify="right", no_wrap=True)
    for moment in rush.moments:
        loads = (f"{operator['load']} of {operator['load_limit']}" for operator in moment.loads)
        table.add_row(moment.event, *loads, f"{moment.waiting}")
    return table


def moves_table(rush: Rush) -> Table:
    """The assignments of the interaction that waited first, with their explanations."""
    table = _table(f"The assignments of interaction {rush.interaction}")
    for header in ("Time, UTC", "Reason"):
        table.add_column(header, no_wrap=True)
    table.add_column("Explanation")
    for move in rush.moves:
        time = datetime.fromisoformat(move["created_at"])
        table.add_row(f"{time:%H:%M:%S}", move["reason"], Text(move["explanation"]))
    return table


def _table(title: str) -> Table:
    return Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
