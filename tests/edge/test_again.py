"""Stale URLs are purged once more with what their calls held that nobody can compare, as far as the budgets allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.cdn.plan import make_plan
from ztpurge.changes.contents import Content, Unknown
from ztpurge.edge.again import plan_again

BASE = "https://a.example/"
FRESH = Content("a" * 40, 5, is_blob=True)
NOBODY_KNOWS = Unknown("no file is known behind it")
PROJECT = {"a.example": "games"}


def urls_of(names: str) -> tuple[str, ...]:
    return tuple(f"{BASE}{name}" for name in names.split())


@pytest.mark.parametrize(
    ("stale", "purged", "dirs", "budget", "again", "left"),
    [
        pytest.param("a", "a b", "", (99, None), "a", 0, id="what is stale, not what is fresh"),
        pytest.param("a", "a api/x b", "", (99, None), "a api/x", 0, id="with what nobody can compare"),
        pytest.param("", "a api/x", "", (99, None), "", 0, id="nothing stale"),
        pytest.param("d/a", "d/a", "d/", (99, None), "d/", 0, id="by the directory above it"),
        pytest.param("d/a", "d/a", "d/ e/", (99, None), "d/ e/", 0, id="with the directories of that call"),
        pytest.param("a", "a", "d/", (99, None), "a", 0, id="not the directories of another call"),
        pytest.param("a b c", "a b c", "", (2, None), "a b", 1, id="few URLs allowed"),
        pytest.param("a b", "a b", "", (0, None), "", 2, id="no URL allowed"),
        pytest.param("a b", "a b", "", (-3, None), "", 2, id="more URLs purged than are allowed"),
        pytest.param("d/a", "d/a", "d/ e/", (1, None), "d/", 1, id="few directories allowed"),
        pytest.param("a d/a", "a d/a", "d/", (99, 1), "a", 2, id="one call allowed: a folded URL counts too"),
        pytest.param("a", "a", "", (99, 0), "", 1, id="no call allowed"),
        pytest.param("a", "a", "", (99, -1), "", 1, id="more calls made than are allowed"),
    ],
)  # fmt: skip
def test_what_is_purged_again(
    stale: str, purged: str, dirs: str, budget: tuple[int, int | None], again: str, left: int
) -> None:
    plan = make_plan(urls_of(purged), urls_of(dirs), projects=PROJECT)
    expected = {url: NOBODY_KNOWS if "api/" in url else FRESH for url in urls_of(purged)}
    found, number = plan_again(urls_of(stale), plan, expected, most_entries=budget[0], most_calls=budget[1])
    assert [entry for batch in found.batches for entry in batch.entries] == [*urls_of(again)]
    assert {batch.project_id for batch in found.batches} <= {"games"}
    assert number == left


@given(
    st.lists(st.sampled_from([f"{BASE}{folder}{number}" for folder in ("", "d/", "e/") for number in range(15)])),
    st.sets(st.sampled_from([f"{BASE}d/", f"{BASE}e/"])),
    st.data(),
)
def test_what_is_stale_is_purged_again_or_counted(urls: list[str], dirs: set[str], data: st.DataObject) -> None:
    plan = make_plan(urls, sorted(dirs))
    stale = tuple(sorted(data.draw(st.sets(st.sampled_from(urls)) if urls else st.just(set[str]()))))
    most_entries, most_calls = data.draw(st.integers(0, 40)), data.draw(st.none() | st.integers(0, 4))
    again, left = plan_again(stale, plan, {}, most_entries=most_entries, most_calls=most_calls)
    sent = {entry for batch in again.batches for entry in batch.entries}
    missed = [url for url in stale if url not in sent and not any(url.startswith(entry) for entry in sent & dirs)]
    assert len(missed) <= left
    assert again.size <= most_entries
    assert most_calls is None or len(again.batches) <= most_calls
