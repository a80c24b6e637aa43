"""A budget of calls is kept, and no other choice of directories takes fewer unchanged files along."""

from __future__ import annotations

import random
from itertools import combinations, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.cdn.fold import Fold, fold
from ztpurge.cdn.forest import count_calls
from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import host_of

A = "http://a.example"
S = "https://a.example"
B = "http://b.example"

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def pages(folder: str, count: int) -> list[str]:
    return [f"{folder}{number}.html" for number in range(count)]


# fmt: off
DECISIONS: dict[str, tuple[list[str], list[str], int, dict[str, int | None], list[Fold]]] = {
    "nothing": ([], [], 0, {}, []),
    "what fits is never folded": (pages(f"{A}/a/", 20), [f"{A}/b/"], 3, {f"{A}/a/": 0}, []),
    "one directory, where few files did not change": (
        pages(f"{A}/a/", 16) + pages(f"{A}/b/", 16), [], 3,
        {f"{A}/": 9, f"{A}/a/": 4, f"{A}/b/": 5}, [Fold(f"{A}/a/", 16, 4)]),
    "two small ones rather than a large one": (
        pages(f"{A}/a/", 12) + pages(f"{A}/b/", 12) + pages(f"{A}/c/", 12), [], 3,
        {f"{A}/": 109, f"{A}/a/": 4, f"{A}/b/": 5, f"{A}/c/": 100}, [Fold(f"{A}/a/", 12, 4), Fold(f"{A}/b/", 12, 5)]),
    "the directory above, if that takes no more along": (
        pages(f"{A}/x/a/", 9) + pages(f"{A}/x/b/", 9), [], 1,
        {f"{A}/x/": 3, f"{A}/x/a/": 1, f"{A}/x/b/": 2}, [Fold(f"{A}/x/", 18, 3)]),
    "the deepest that holds the same": (
        pages(f"{A}/x/y/z/", 11), [], 1, {f"{A}/x/y/z/": 5}, [Fold(f"{A}/x/y/z/", 11, 5)]),
    "a whole host": (
        pages(f"{A}/", 10) + pages(f"{A}/a/", 1), [], 1, {f"{A}/": 7, f"{A}/a/": 0}, [Fold(f"{A}/", 11, 7)]),
    "a page at the directory's own address": (
        [f"{A}/a/", *pages(f"{A}/a/", 10)], [], 1, {f"{A}/a/": 0}, [Fold(f"{A}/a/", 11, 0)]),
    "a slash in a query is no folder": (
        [f"{A}/a/x?from=/{number}/" for number in range(11)], [], 1, {f"{A}/a/": 0}, [Fold(f"{A}/a/", 11, 0)]),
    "rather many files than unknown ones": (
        pages(f"{A}/a/", 16) + pages(f"{A}/b/", 16), [], 3,
        {f"{A}/": None, f"{A}/a/": None, f"{A}/b/": 10**12}, [Fold(f"{A}/b/", 16, 10**12)]),
    "where nothing is known, few": (
        pages(f"{A}/x/a/", 6) + pages(f"{A}/x/b/", 6) + pages(f"{A}/y/", 12), [], 2,
        dict.fromkeys([f"{A}/", f"{A}/x/", f"{A}/x/a/", f"{A}/x/b/", f"{A}/y/"]), [Fold(f"{A}/", 24, None)]),
    "where nothing is known, deep ones": (
        pages(f"{A}/a/b/", 16) + pages(f"{A}/c/", 16), [], 3,
        dict.fromkeys([f"{A}/", f"{A}/a/b/", f"{A}/c/"]), [Fold(f"{A}/a/b/", 16, None)]),
    "http and https are folded each": (
        pages(f"{A}/a/", 6) + pages(f"{S}/a/", 6), [], 1,
        {f"{A}/a/": 1, f"{S}/a/": 1}, [Fold(f"{A}/a/", 6, 1), Fold(f"{S}/a/", 6, 1)]),
    "one that spares no entry makes ten of eleven": (
        pages(f"{A}/", 10) + pages(f"{A}/a/", 1), [f"{A}/b/"], 2, {f"{A}/": 9, f"{A}/a/": 2}, [Fold(f"{A}/a/", 1, 2)]),
    "directories are folded, too": (
        [], [f"{A}/a/{number}/" for number in range(11)], 1, {f"{A}/a/": 3}, [Fold(f"{A}/a/", 11, 3)]),
    "a host is not folded for another": (
        pages(f"{A}/a/", 10) + pages(f"{B}/a/", 11), [], 2, {f"{A}/a/": 0, f"{B}/a/": 50}, [Fold(f"{B}/a/", 11, 50)]),
    "a host that is purged whole stays as it is": (
        pages(f"{A}/a/", 11), [f"{S}/"], 2, {f"{A}/a/": 1, f"{S}/": 0}, [Fold(f"{A}/a/", 11, 1)]),
}
# fmt: on


@cases("urls dirs most unchanged folds", DECISIONS)
def test_a_decision(
    urls: list[str], dirs: list[str], most: int, unchanged: dict[str, int | None], folds: list[Fold]
) -> None:
    assert fold(urls, dirs, most=most, unchanged_below=unchanged.__getitem__) == tuple(folds)


@cases(
    "urls dirs most least",
    {
        "no call at all": ([f"{A}/1"], [], 0, 1),
        "a call for two hosts": ([f"{A}/1", f"{B}/1"], [], 1, 2),
        "a call for two kinds": ([f"{A}/1"], [f"{A}/a/"], 1, 2),
        "more ports than a call takes": ([f"{A}:{port}/1" for port in range(1, 12)], [], 1, 2),
    },
)
def test_a_budget_too_small_for_anything_is_refused(urls: list[str], dirs: list[str], most: int, least: int) -> None:
    with pytest.raises(ZtpurgeError, match=f"a budget of {most} calls is too small") as raised:
        fold(urls, dirs, most=most, unchanged_below=lambda _: 0)
    assert raised.value.place == "max-requests"
    assert f"Set it to {least} or more" in raised.value.remedy
    assert sent(urls, dirs, fold(urls, dirs, most=least, unchanged_below=lambda _: 0)) <= least


def is_below(entry: str, *directories: str) -> bool:
    return entry.partition("?")[0].startswith(directories)


def sent(urls: list[str], dirs: list[str], folds: tuple[Fold, ...]) -> int:
    """Return the calls that a purge takes, counted entry by entry."""
    folded = tuple(one.directory for one in folds)
    left = [[entry for entry in given if not is_below(entry, *folded)] for given in (urls, dirs)]
    left[1] += folded
    hosts = {host_of(entry) for entry in left[0] + left[1]}
    return sum(count_calls(*([host_of(entry) for entry in entries].count(host) for entries in left)) for host in hosts)


HOSTS = ((A, S), (B,))
FOLDERS = ("", "a/", "a/a/", "a/b/c/", "b/")
DIRECTORIES = [f"{origin}/{folder}" for host in HOSTS for origin in host for folder in FOLDERS]
ANTICHAINS = [
    chosen
    for size in range(len(FOLDERS))
    for chosen in combinations(FOLDERS, size)
    if not any(one != other and one.startswith(other) for one, other in product(chosen, chosen))
]
CHOICES = [
    tuple(f"{origin}/{folder}" for origin, folders in zip((A, S, B), choice, strict=True) for folder in folders)
    for choice in product(ANTICHAINS, repeat=3)
]
# how many URLs each directory holds, and how many directories that are to be purged
HELD = st.one_of(st.just((0, 0)), st.tuples(st.integers(0, 25), st.sampled_from([0, 0, 0, 1, 12])))
SITES = st.fixed_dictionaries(dict.fromkeys(DIRECTORIES, HELD))
COLD = st.fixed_dictionaries(dict.fromkeys(DIRECTORIES, st.sampled_from([0, 0, 1, 1, 2, 9, None])))


def cost_of(directories: Iterable[str], unchanged: Mapping[str, int | None]) -> tuple[int, int, int, int]:
    chosen = list(directories)
    counts = [unchanged[directory] for directory in chosen]
    depths = [directory.count("/") for directory in chosen]
    return counts.count(None), sum(filter(None, counts)), len(chosen), -sum(depths)


def calls_of(site: dict[str, tuple[int, int]], chosen: tuple[str, ...]) -> int:
    calls = 0
    for host in HOSTS:
        left = [held for one, held in site.items() if one.startswith(host) and not one.startswith(chosen)]
        folds = sum(one.startswith(host) for one in chosen)
        calls += count_calls(sum(urls for urls, _ in left), sum(dirs for _, dirs in left) + folds)
    return calls


@given(site=SITES, cold=COLD, budget=st.integers(0, 30), dice=st.randoms(use_true_random=False))
def test_no_choice_is_better(
    site: dict[str, tuple[int, int]], cold: dict[str, int | None], budget: int, dice: random.Random
) -> None:
    unchanged: dict[str, int | None] = {}
    for directory in DIRECTORIES:
        counts = [count for below, count in cold.items() if below.startswith(directory)]
        unchanged[directory] = None if None in counts else sum(filter(None, counts))
    urls = [url for directory, (count, _) in site.items() for url in pages(directory, count)]
    dirs = [f"{directory}{number}/" for directory, (_, count) in site.items() for number in range(count)]
    most = budget + len({host_of(url) for url in urls}) + len({host_of(one) for one in dirs})
    folds = fold(urls, dirs, most=most, unchanged_below=unchanged.__getitem__)
    assert sent(urls, dirs, folds) <= most
    assert all(one.unchanged == unchanged[one.directory] for one in folds)
    assert all(one.entries == sum(is_below(entry, one.directory) for entry in urls + dirs) for one in folds)
    cheapest_first = sorted(CHOICES, key=lambda chosen: cost_of(chosen, unchanged))
    best = next(chosen for chosen in cheapest_first if calls_of(site, chosen) <= most)
    assert cost_of((one.directory for one in folds), unchanged) == cost_of(best, unchanged)
    dice.shuffle(urls)
    dice.shuffle(dirs)
    assert fold(urls, dirs, most=most, unchanged_below=unchanged.__getitem__) == folds


@pytest.mark.parametrize("most", [4, 5, 25, 60, 120])
def test_beyond_the_exact_a_budget_is_kept_and_no_host_is_folded_in_vain(most: int) -> None:
    dice = random.Random(most)  # noqa: S311 - the same site each time
    folders = [f"{origin}/" for origin in (A, S, B)]
    for number in range(150):
        folders.append(f"{dice.choice(folders)}{number}/")
    cold = {folder: dice.randint(0, 20) for folder in folders}
    unchanged = {one: sum(cold[below] for below in folders if below.startswith(one)) for one in folders}
    urls = [url for folder in folders for url in pages(folder, dice.randint(0, 20))]
    dirs = [f"{folder}d/" for folder in folders[:20]]
    best, near = (
        fold(urls, dirs, most=most, unchanged_below=unchanged.__getitem__, exact_up_to=exact_up_to)
        for exact_up_to in (len(folders), 0)
    )
    assert sent(urls, dirs, near) <= most
    costs = [cost_of((one.directory for one in folds), unchanged) for folds in (best, near)]
    costs.append(cost_of(folders[:3], unchanged))
    assert costs == sorted(costs)
