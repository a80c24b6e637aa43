"""What spoils a batch is found among its entries, whatever and however many it is, in few calls."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.calls.retry import Attempted
from ztpurge.calls.workers import as_completed
from ztpurge.cdn.answers import Receipt
from ztpurge.cdn.narrow import Narrowing, narrow
from ztpurge.cdn.plan import Batch
from ztpurge.errors import ApiError, Failure

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


@pytest.mark.parametrize("failure", [one for one in Failure if one is not Failure.CONTENT], ids=lambda one: one.name)
def test_what_is_refused_for_another_reason_stays_whole(failure: Failure) -> None:
    api = Api(frozenset(ENTRIES), failure)
    assert [batch.entries for batch, _ in api.submit(ENTRIES)] == [ENTRIES]
    assert len(api.calls) == 1


def narrow_all(api: Api, batches: list[Batch], *, concurrency: int) -> list[list[tuple[Batch, Attempted[Receipt]]]]:
    """Submit batches several at a time, as a run does."""
    narrowing = Narrowing(api.attempt)
    first_calls = threading.Barrier(concurrency, timeout=20)  # at the worst moment: all are refused before one learns

    def work(batch: Batch) -> list[tuple[Batch, Attempted[Receipt]]]:
        ended = api.attempt(batch)
        if batch in batches[:concurrency]:
            first_calls.wait()
        return list(narrowing.narrow(batch, ended))

    found = dict(as_completed(work, batches, concurrency=concurrency, give_up=lambda: False))
    return [found[index] for index in range(len(batches))]


def batches_of(host: str, number: int, *, size: int = 10) -> list[Batch]:
    return [Batch("urls", host, tuple(f"http://{host}/{first}/{n}" for n in range(size))) for first in range(number)]


@pytest.mark.parametrize("concurrency", [1, 4, 10])
def test_a_host_that_is_refused_as_a_whole_is_taken_apart_once(concurrency: int) -> None:
    batches = batches_of("a.example", 10)
    api = Api(frozenset(entry for batch in batches for entry in batch.entries))
    parts = narrow_all(api, batches, concurrency=concurrency)
    assert len(api.calls) == 10 + 18
    assert [entry for part in parts for batch, _ in part for entry in batch.entries] == [
        entry for batch in batches for entry in batch.entries
    ]
    assert {ended.error.cause for part in parts for _, ended in part if ended.error} == {"bad"}
    assert not [ended for part in parts for _, ended in part if ended.value]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_one_host_says_nothing_of_another(concurrency: int) -> None:
    batches = batches_of("a.example", 4) + batches_of("b.example", 4)
    bad = frozenset(entry for batch in batches[:4] for entry in batch.entries) | {batches[6].entries[3]}
    parts = narrow_all(Api(bad), batches, concurrency=concurrency)
    assert {entry for part in parts for batch, ended in part if ended.value for entry in batch.entries} == {
        entry for batch in batches for entry in batch.entries if entry not in bad
    }


@pytest.mark.parametrize("size", [2, 4])
def test_a_few_bad_entries_say_nothing_of_their_host(size: int) -> None:
    few, many = batches_of("a.example", 1, size=size)[0], batches_of("a.example", 2)[1]
    api = Api(frozenset((*few.entries, many.entries[5])))
    parts = narrow_all(api, [few, many], concurrency=1)
    assert sum(len(batch.entries) for part in parts for batch, ended in part if ended.value) == 9


def test_a_host_that_took_something_is_not_refused_as_a_whole() -> None:
    refused, taken, mixed = batches_of("a.example", 3)
    parts = narrow_all(Api(frozenset((*refused.entries, mixed.entries[5]))), [refused, taken, mixed], concurrency=1)
    assert sum(len(batch.entries) for part in parts for batch, ended in part if ended.value) == 19


def test_other_words_are_another_refusal() -> None:
    first, second = batches_of("a.example", 2)

    class Wordy(Api):
        def attempt(self, batch: Batch) -> Attempted[Receipt]:
            ended = super().attempt(batch)
            words = "the host" if batch.entries[0] in first.entries else "this URL"
            return Attempted(ended.value, ApiError(self.failure, words), 1, 0.0) if ended.error else ended

    api = Wordy(frozenset((*first.entries, second.entries[5])))
    parts = narrow_all(api, [first, second], concurrency=1)
    assert [len(batch.entries) for batch, ended in parts[1] if ended.error] == [1]


@given(
    bad=st.frozensets(st.integers(0, 49)),
    concurrency=st.integers(1, 5),
)
@settings(max_examples=30)
def test_whatever_is_bad_each_entry_has_one_end(bad: frozenset[int], concurrency: int) -> None:
    batches = batches_of("a.example", 5)
    entries = [entry for batch in batches for entry in batch.entries]
    culprits = frozenset(entries[number] for number in bad)
    api = Api(culprits)
    parts = narrow_all(api, batches, concurrency=concurrency)
    assert [entry for part in parts for batch, _ in part for entry in batch.entries] == entries
    accepted = [entry for part in parts for batch, ended in part if ended.value for entry in batch.entries]
    assert not culprits & set(accepted)
    if not any(culprits.issuperset(batch.entries) for batch in batches):
        assert set(accepted) == set(entries) - culprits
