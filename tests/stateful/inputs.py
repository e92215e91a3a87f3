"""What admins and bots may send: few values, so that requests collide often."""

from hypothesis import strategies as st

from tests.stateful.records import Post

MOST_OPERATORS, MAX_SOURCES = 4, 3
FIRST_OPERATORS, FIRST_SOURCES = 3, 2
# The last of each exists only if a rule has created it.
OPERATORS = st.sampled_from([1, 2, 3, 1, 2, 3, 1, 2, 3, 4])
SOURCES = st.sampled_from([1, 2, 1, 2, 1, 2, 3])
LIMITS = st.sampled_from([2, 1, 3, None, 0])
WEIGHT = st.sampled_from([1, 2, 3, 7, 100, 0])
WEIGHTS = st.dictionaries(OPERATORS, WEIGHT, max_size=MOST_OPERATORS)
FIRST_WEIGHTS = st.dictionaries(
    st.integers(1, FIRST_OPERATORS), WEIGHT, min_size=1, max_size=FIRST_OPERATORS
)
STRATEGIES = st.sampled_from(["smooth", "smooth", "smooth", "random"])
_OPERATOR = {"active": st.sampled_from([True, True, True, False]), "load_limit": LIMITS}
_SOURCE = {
    "strategy": STRATEGIES,
    "enforce_load_limit": st.sampled_from([True, True, True, False]),
    "sticky": st.booleans(),
}
# The first ones have every field: with the defaults, no operator would ever be full.
FIRST_OPERATOR = st.fixed_dictionaries(_OPERATOR)
FIRST_SOURCE = st.fixed_dictionaries(_SOURCE)
OPERATOR = st.fixed_dictionaries({}, optional=_OPERATOR)
SOURCE = st.fixed_dictionaries({}, optional=_SOURCE)
POST = st.builds(
    Post,
    email=st.sampled_from(["anna@example.com", "boris@example.com", "Anna@Example.com"]),
    source_id=SOURCES,
    payload=st.sampled_from([None, {"text": "Still free?"}]),
    key=st.none() | st.sampled_from([f"update-{number}" for number in range(8)]),
)
POSTS = st.lists(POST, min_size=2, max_size=5)
