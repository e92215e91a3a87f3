"""What must agree after every step: everything that the service reports, with the model."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.stateful import reports
from tests.stateful.model import Model
from tests.stateful.records import Assignment, Candidate
from tests.stateful.service import NOTHING, Call, Service


class Agreement(RuleBasedStateMachine):
    """The service and the model side by side; subclasses do the same to both."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.model = Model()
        self.emails: dict[str, str] = {}
        """By the UUID of the lead."""
        self.before = self.now = NOTHING
        self._service = service

    def do(self, method: str, path: str, json: Any = None) -> Any:
        """The JSON of the response, or the code of its problem."""
        [response] = self.make([Call(method, path, json)])
        answer = response.json()
        return answer if response.is_success else answer["code"]

    def make(self, calls: Iterable[Call], *, at_once: bool = False) -> Sequence[Any]:
        """The responses of calls that are made in turn, or at once."""
        self.before = self.now
        responses, self.now = self._service.step(
            calls, at_once=at_once, before=self.before, sources=list(self.model.sources)
        )
        self.model.seen = {id: row["operator_id"] for id, row in self.now.interactions.items()}
        return responses

    @invariant()
    def everything_agrees(self) -> None:
        self._interactions_are_where_the_model_has_them()
        self._every_move_is_explained()
        self._reports_agree()
        self._limits_hold()
        self._queues_are_served()

    def _interactions_are_where_the_model_has_them(self) -> None:
        expected = {
            id: (row.email, row.source_id, row.payload, row.operator_id, row.is_active)
            for id, row in self.model.interactions.items()
        }
        rows = self.now.interactions

        assert expected == {
            id: (
                self.emails[row["lead_uuid"]],
                *(row[name] for name in ("source_id", "payload", "operator_id", "is_active")),
            )
            for id, row in rows.items()
        }
        assert [row["is_active"] for row in rows.values()] == [
            row["closed_at"] is None for row in rows.values()
        ]
        assert [rows[id] for id, row in self.model.interactions.items() if row.waits] == list(
            self.now.waiting
        )

    def _every_move_is_explained(self) -> None:
        for id, moves in self.now.moved.items():
            expected = self.model.interactions[id].assignments

            assert expected == [
                Assignment(
                    move["operator_id"],
                    move["reason"],
                    move["strategy"],
                    [candidate_of(**fields) for fields in move["candidates"]],
                )
                for move in moves
            ]

    def _reports_agree(self) -> None:
        assert reports.operator_loads(self.model) == [
            {name: value for name, value in row.items() if name != "name"} for row in self.now.loads
        ]
        for id, report in self.now.reports.items():
            expected = reports.source_report(self.model, id)
            # The service counts targets in whole billionths.
            assert (
                expected
                | {"operators": [pytest.approx(row, abs=1e-6) for row in expected["operators"]]}
                == report
            )
            if any(self.model.sources[id].weights.values()):
                targets = [row["target"] for row in report["operators"]]
                assert pytest.approx(sum(targets), abs=1e-12) == (
                    report["interactions"] + report["waiting"]
                )

    def _limits_hold(self) -> None:
        """An operator that got an interaction from a source with limits had capacity for it."""
        for operator in self.now.loads:
            gained = [
                self.model.sources[self.now.interactions[id]["source_id"]].enforce_load_limit
                for id in self.now.moved
                if self.now.interactions[id]["operator_id"] == operator["id"]
            ]
            if any(gained) and operator["load_limit"] is not None:
                assert operator["load"] <= operator["load_limit"] + gained.count(False)

    def _queues_are_served(self) -> None:
        """No waiting interaction has an available operator or was overtaken in its queue."""
        for waiting in self.now.waiting:
            source_id = waiting["source_id"]
            source = self.model.sources[source_id]
            for operator in self.now.loads:
                if source.weights.get(operator["id"]) and operator["active"]:
                    assert source.enforce_load_limit
                    assert operator["load"] >= operator["load_limit"]
            for id, moves in self.now.moved.items():
                if self.now.interactions[id]["source_id"] == source_id:
                    assert id < waiting["id"] or moves[-1]["reason"] in ("waiting", "manual")


def candidate_of(load: int | None, load_limit: int | None, **fields: Any) -> Candidate:
    """A candidate of an assignment; a load beyond the limit need not be exact."""
    if load is not None and load_limit is not None:
        load = min(load, load_limit)
    return Candidate(load=load, load_limit=load_limit, **fields)
