"""A forest holds the directories worth purging whole, host by host, and counts what a choice of them leaves to send."""

from __future__ import annotations

import pytest

from tests.tables import cases
from ztpurge.cdn.forest import Host, count_calls, plant_forest

A = "http://a.example"
S = "https://a.example"
B = "http://b.example"


@cases(
    "urls dirs directories",
    {
        "what holds an entry": ([f"{A}/a/1"], [], [f"{A}/a/"]),
        "and where the ways part": ([f"{A}/x/a/b/1", f"{A}/x/a/c/d/1"], [],
                                    [f"{A}/x/a/", f"{A}/x/a/b/", f"{A}/x/a/c/d/"]),
        "not where only letters are alike": ([f"{A}/x/aa/1", f"{A}/x/ab/1"], [],
                                             [f"{A}/x/", f"{A}/x/aa/", f"{A}/x/ab/"]),
        "a directory holds its own page": ([f"{A}/a/"], [], [f"{A}/a/"]),
        "a directory stands in the one above": ([], [f"{A}/a/b/"], [f"{A}/a/"]),
        "nothing is above a host": ([], [f"{A}/"], [f"{A}/"]),
        "a slash in a query is no folder": ([f"{A}/a?b/c/"], [], [f"{A}/"]),
        "schemes and ports are trees of a host": (
            [f"{A}:8080/a/1", f"{S}/a/1", f"{B}/a/1", f"{A}/a/1"], [],
            [f"{A}/a/", f"{A}:8080/a/", f"{S}/a/", f"{B}/a/"]),
    },
)  # fmt: skip
def test_the_directories_of_a_forest(urls: list[str], dirs: list[str], directories: list[str]) -> None:
    assert plant_forest(urls, dirs).directories == tuple(directories)


def test_what_is_left_to_send() -> None:
    urls = [f"{A}/1", f"{A}/a/1", f"{A}/a/b/2", f"{A}/a/b/3", f"{A}/c/4", f"{S}/d/5", f"{B}/6"]
    forest = plant_forest(urls, [f"{A}/a/d/", f"{A}/c/e/", f"{A}/c/f/"])
    assert forest.directories == (f"{A}/", f"{A}/a/", f"{A}/a/b/", f"{A}/c/", f"{S}/d/", f"{B}/")
    assert forest.ends == (4, 3, 3, 4, 5, 6)
    assert forest.hosts == (Host(0, 5, trees=2), Host(5, 6, trees=1))
    assert forest.tops() == (0, 4, 5)
    assert forest.left(()) == [(6, 3), (1, 0)]
    assert forest.left((1, 3)) == [(2, 2), (1, 0)]
    assert forest.left((2, 4, 5)) == [(3, 5), (0, 1)]
    assert forest.left(forest.tops()) == [(0, 2), (0, 1)]
    assert forest.calls(()) == 3


@pytest.mark.parametrize(
    ("urls", "dirs", "calls"), [(0, 0, 0), (1, 0, 1), (10, 0, 1), (11, 0, 2), (1, 1, 2), (20, 21, 5)]
)
def test_ten_entries_of_a_kind_are_a_call(urls: int, dirs: int, calls: int) -> None:
    assert count_calls(urls, dirs) == calls
