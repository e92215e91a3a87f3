"""Whatever admins, bots and staff do, in any order, the service does what the model does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import pytest

pytest.importorskip("hypothesis", reason="needs tests/requirements.txt")
from hypothesis import HealthCheck, register_random
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.core.config import Settings
from app.services import queue
from app.utils import distribution
from tests.support.application import application

pytest.register_assert_rewrite("tests.stateful.agreement")
from tests.stateful import reports
from tests.stateful.agreement import Agreement
from tests.stateful.inputs import (
    FIRST_OPERATOR,
    FIRST_OPERATORS,
    FIRST_SOURCE,
    FIRST_SOURCES,
    FIRST_WEIGHTS,
    MAX_SOURCES,
    MOST_OPERATORS,
    OPERATOR,
    OPERATORS,
    POST,
    POSTS,
    SOURCE,
    SOURCES,
    STRATEGIES,
    WEIGHTS,
)
from tests.stateful.model import Refused
from tests.stateful.records import Post
from tests.stateful.service import Call, Service, run_service
from tests.support.rows import TABLES, Rows

Result = TypeVar("Result")
DELETE_ALL = f"BEGIN; {''.join(f'DELETE FROM {table}; ' for table in reversed(TABLES))} COMMIT;"
NAME: dict[str, Any] = {"name": "Maria"}
DESCRIPTION: dict[str, Any] = {"description": "bot"}


def outcome(call: Callable[[], Result]) -> Result | str:
    """The model's answer, or the code of its refusal."""
    try:
        return call()
    except Refused as refused:
        return refused.code


def listed(weights: Mapping[int, int]) -> list[dict[str, int]]:
    """Weights as a request body has them."""
    return [{"operator_id": id, "weight": weight} for id, weight in weights.items()]


def call_of(post: Post) -> Call:
    """The request that a bot sends."""
    body = {"email": post.email, "source_id": post.source_id, "payload": post.payload}
    headers = {"Idempotency-Key": post.key} if post.key else None
    return Call("POST", "/interaction", body, headers)


class Comparison(Agreement):
    """Does everything twice, over HTTP and in the model, and compares all that can be read."""

    interactions: Bundle[int] = Bundle("interactions")

    @initialize(
        target=interactions,
        operators=st.tuples(*[FIRST_OPERATOR] * FIRST_OPERATORS),
        sources=st.tuples(*[FIRST_SOURCE] * FIRST_SOURCES),
        weights=st.tuples(*[FIRST_WEIGHTS] * FIRST_SOURCES),
        posts=POSTS,
        chunk=st.sampled_from([queue.CHUNK, 1, 2]),
    )
    def set_up(
        self,
        operators: Sequence[dict[str, Any]],
        sources: Sequence[dict[str, Any]],
        weights: Sequence[Mapping[int, int]],
        posts: Sequence[Post],
        chunk: int,
    ) -> MultipleResults[int]:
        queue.CHUNK = chunk
        self.make(
            [Call("POST", "/operators", NAME | fields) for fields in operators]
            + [Call("POST", "/sources", DESCRIPTION | fields) for fields in sources]
        )
        for fields in operators:
            self.model.create_operator(fields)
        for fields in sources:
            self.model.create_source(fields)
        self.make(
            Call("PUT", f"/sources/{id}/operators", listed(chosen))
            for id, chosen in enumerate(weights, start=1)
        )
        for id, chosen in enumerate(weights, start=1):
            self.model.set_weights(id, chosen)
        return self._post(posts)

    @rule(fields=OPERATOR)
    @precondition(lambda self: len(self.model.operators) < MOST_OPERATORS)
    def create_operator(self, fields: dict[str, Any]) -> None:
        created = self.do("POST", "/operators", NAME | fields)

        assert self.model.create_operator(fields) == created["id"]

    @rule(fields=SOURCE)
    @precondition(lambda self: len(self.model.sources) < MAX_SOURCES)
    def create_source(self, fields: dict[str, Any]) -> None:
        created = self.do("POST", "/sources", DESCRIPTION | fields)

        assert self.model.create_source(fields) == created["id"]

    @rule(id=OPERATORS, changes=OPERATOR)
    def update_operator(self, id: int, changes: dict[str, Any]) -> None:
        answer = self.do("PATCH", f"/operators/{id}", changes)
        refusal = outcome(lambda: self.model.update_operator(id, changes))

        assert (refusal or NAME | {"id": id} | vars(self.model.operators[id])) == answer

    @rule(id=SOURCES, changes=SOURCE)
    def update_source(self, id: int, changes: dict[str, Any]) -> None:
        answer = self.do("PATCH", f"/sources/{id}", changes)
        refusal = outcome(lambda: self.model.update_source(id, changes))

        if refusal:
            assert refusal == answer
        else:
            source = self.model.sources[id]
            assert source.strategy == answer["strategy"]
            assert source.enforce_load_limit == answer["enforce_load_limit"]
            assert source.sticky == answer["sticky"]

    @rule(id=SOURCES, weights=WEIGHTS)
    def set_weights(self, id: int, weights: Mapping[int, int]) -> None:
        answer = self.do("PUT", f"/sources/{id}/operators", listed(weights))
        refusal = outcome(lambda: self.model.set_weights(id, weights))

        if refusal:
            assert refusal == answer
        else:
            shares = reports.expected_shares(self.model, self.model.sources[id])
            assert shares == {row["operator_id"]: row["share"] for row in answer}

    @rule(target=interactions, post=POST)
    def post(self, post: Post) -> MultipleResults[int]:
        return self._post([post])

    @rule(target=interactions, posts=POSTS)
    def post_at_once(self, posts: Sequence[Post]) -> MultipleResults[int]:
        """They share a transaction, and are handled in the order of arrival."""
        return self._post(posts)

    @rule(number=st.integers(0, 7))
    @precondition(lambda self: self.model.answers)
    def send_again(self, number: int) -> None:
        posts = [post for post, _ in self.model.answers.values()]
        self._post([posts[number % len(posts)]])

    @rule(ids=st.lists(interactions, min_size=1, max_size=4))
    def close(self, ids: Sequence[int]) -> None:
        """Closing twice is the same as once."""
        closed_before = {id for id in ids if not self.model.interactions[id].is_active}
        responses = self.make(Call("POST", f"/interactions/{id}/close") for id in ids)
        for id, response in zip(ids, responses, strict=True):
            self.model.close(id)
            assert self.now.interactions[id] == response.json()
            if id in closed_before:
                assert self.before.interactions[id] == response.json()

    @rule(id=interactions, operator_id=OPERATORS)
    def assign_by_hand(self, id: int, operator_id: int) -> None:
        self._assign(id, {"operator_id": operator_id}, operator_id)

    @rule(id=interactions)
    def choose_again(self, id: int) -> None:
        self._assign(id, {}, None)

    @rule(
        id=SOURCES,
        count=st.integers(1, 8),
        rules=st.fixed_dictionaries({}, optional={"weights": WEIGHTS, "strategy": STRATEGIES}),
    )
    def preview(self, id: int, count: int, rules: dict[str, Any]) -> None:
        body = {"count": count, **rules}
        if "weights" in rules:
            body["weights"] = listed(rules["weights"])
        answer = self.do("POST", f"/sources/{id}/preview", body)
        sequence = answer.get("sequence", []) if isinstance(answer, dict) else []
        expected = outcome(lambda: reports.preview(self.model, id, sequence, **rules))

        assert expected == answer
        if not isinstance(expected, str):
            assert count == len(sequence)

    def _post(self, posts: Sequence[Post]) -> MultipleResults[int]:
        responses = self.make(map(call_of, posts), at_once=True)
        new = []
        for post, response in zip(posts, responses, strict=True):
            answer = outcome(partial(self.model.post, post))
            if isinstance(answer, str):
                assert answer == response.json()["code"]
                continue
            row = self.now.interactions[answer.id]
            self.emails.setdefault(row["lead_uuid"], post.email.lower())
            then = {"operator_id": answer.operator_id, "is_active": True, "closed_at": None}
            assert row | then == response.json()
            assert answer.replayed == ("Idempotent-Replayed" in response.headers)
            if not answer.replayed:
                new.append(answer.id)
        return multiple(*new)

    def _assign(self, id: int, body: Mapping[str, int], operator_id: int | None) -> None:
        answer = self.do("POST", f"/interactions/{id}/assign", body)
        refusal = outcome(lambda: self.model.assign(id, operator_id))

        assert (refusal or self.now.interactions[id]) == answer


@pytest.fixture
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The application on the test's database; the size of a transaction's chunk may be changed."""
    monkeypatch.setattr(queue, "CHUNK", queue.CHUNK)
    # A repeated run repeats the draws.
    register_random(distribution._random)  # noqa: SLF001  # the service's random numbers
    quiet = settings.model_copy(update={"log_level": "warning"})
    with run_service(application(quiet)) as service:
        yield service


@pytest.mark.parametrize(
    ("database_url", "runs"),
    [
        ("sqlite", 6),
        pytest.param("sqlite", 16, marks=pytest.mark.heavy),
        pytest.param("postgres", 8, marks=pytest.mark.heavy),
    ],
    indirect=["database_url"],
)
def test_service_does_what_the_model_does(runs: int, service: Service, rows: Rows) -> None:
    """After each of 30 steps limits, queues, assignments and reports are as the model says."""

    class FreshComparison(Comparison):
        def __init__(self) -> None:
            rows.executescript(DELETE_ALL)
            super().__init__(service)

    run_state_machine_as_test(
        FreshComparison,
        settings=hypothesis_settings(
            max_examples=runs,
            stateful_step_count=30,
            # The same runs everywhere, so that a failure can be reproduced.
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
