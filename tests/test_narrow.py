"""What spoils a batch is found among its entries, whatever and however many it is, in few calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.answers import Receipt
from ztpurge.errors import ApiError, Failure
from ztpurge.narrow import narrow
from ztpurge.plan import Batch
from ztpurge.retry import Attempted

ENTRIES = tuple(f"http://a.example/{number}" for number in range(10))


class Api:
    """Refuses every batch that holds a culprit."""

    def __init__(self, culprits: frozenset[str], failure: Failure = Failure.CONTENT) -> None:
        self.culprits = culprits
        self.failure = failure
        self.calls: list[tuple[str, ...]] = []

    def attempt(self, batch: Batch) -> Attempted[Receipt]:
        self.calls.append(batch.entries)
        if self.culprits & set(batch.entries):
            return Attempted(None, ApiError(self.failure, "bad"), 1, 0.0)
        return Attempted(Receipt("id"), None, 1, 0.0)

    def submit(self, entries: tuple[str, ...]) -> list[tuple[Batch, Attempted[Receipt]]]:
        batch = Batch("urls", "a.example", entries)
        return list(narrow(batch, self.attempt(batch), self.attempt))


@given(
    st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=10, unique=True), st.frozensets(st.sampled_from(ENTRIES))
)
def test_exactly_the_culprits_are_left(entries: list[str], culprits: frozenset[str]) -> None:
    api = Api(culprits)
    parts = api.submit(tuple(entries))
    assert [entry for batch, _ in parts for entry in batch.entries] == entries
    for batch, ended in parts:
        if ended.error:
            assert len(batch.entries) == 1
            assert batch.entries[0] in culprits
        else:
            assert not culprits & set(batch.entries)
    accepted = [entry for call in api.calls if not culprits & set(call) for entry in call]
    assert len(accepted) == len(set(accepted))
    assert len(api.calls) <= 2 * len(entries)


@pytest.mark.parametrize(
    ("culprits", "calls"),
    [
        pytest.param([], 1, id="none"),
        pytest.param([0], 7, id="the first"),
        pytest.param([9], 6, id="the last"),
        pytest.param([4], 7, id="one amid"),
        pytest.param(list(range(10)), 19, id="all"),
    ],
)
def test_few_calls_are_made(culprits: list[int], calls: int) -> None:
    api = Api(frozenset(ENTRIES[number] for number in culprits))
    api.submit(ENTRIES)
    assert len(api.calls) == calls


@pytest.mark.parametrize("failure", set(Failure) - {Failure.CONTENT}, ids=lambda failure: failure.name)
def test_what_is_refused_for_another_reason_stays_whole(failure: Failure) -> None:
    api = Api(frozenset(ENTRIES), failure)
    assert [batch.entries for batch, _ in api.submit(ENTRIES)] == [ENTRIES]
    assert len(api.calls) == 1
