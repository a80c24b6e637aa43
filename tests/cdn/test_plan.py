"""A plan sends nothing twice, nothing that a directory covers, what the API takes in a call, and all by rank."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.cdn.fold import Fold
from ztpurge.cdn.plan import Batch, Folded, Kind, Plan, keep_within, make_plan, plan_prefetch, raise_if_too_many
from ztpurge.errors import ZtpurgeError
from ztpurge.site.order import Rank
from ztpurge.site.urls import host_of

A = "http://a.example"
B = "http://b.example"


def urls(*names: object, origin: str = A, host: str = "a.example") -> Batch:
    return Batch("urls", host, tuple(f"{origin}/{name}" for name in names))


def dirs(*names: object, origin: str = A, host: str = "a.example") -> Batch:
    return Batch("dirs", host, tuple(f"{origin}/{name}/" if name else f"{origin}/" for name in names))


NOT_COVERED = ("https://a.example/d/1", f"{A}:8080/d/1", f"{A}/D/1", f"{A}/d%2F1", f"{A}/dd/1")
# fmt: off
PLANS: dict[str, tuple[list[str], list[str], Plan]] = {
    "nothing": ([], [], Plan()),
    "one": ([f"{A}/1"], [], Plan((urls(1),))),
    "each once, order kept": ([f"{A}/2", f"{A}/1", f"{A}/2"], [], Plan((urls(2, 1),))),
    "ten are one call": ([f"{A}/{number}" for number in range(10)], [], Plan((urls(*range(10)),))),
    "twenty-one are three calls": ([f"{A}/{number}" for number in range(21)], [],
                                   Plan((urls(*range(10)), urls(*range(10, 20)), urls(20)))),
    "a call for each host, as they first come": ([f"{B}/1", f"{A}/1", f"{B}/2"], [],
                                                 Plan((urls(1, 2, origin=B, host="b.example"), urls(1)))),
    "schemes and ports of a host in one call": (
        [f"{A}/1", "https://a.example/1", f"{A}:8080/1"], [],
        Plan((Batch("urls", "a.example", (f"{A}/1", "https://a.example/1", f"{A}:8080/1")),))),
    "URLs and directories apart": (
        [f"{A}/1", f"{B}/1"], [f"{A}/d/", f"{B}/d/"],
        Plan((urls(1), dirs("d"), urls(1, origin=B, host="b.example"), dirs("d", origin=B, host="b.example")))),
    "eleven directories are two calls": ([], [f"{A}/{number}/" for number in range(1, 12)],
                                         Plan((dirs(*range(1, 11)), dirs(11)))),
    "what a directory covers is folded": (
        [f"{A}/d/1", f"{A}/d/e/2?x", f"{A}/e/3"], [f"{A}/d/"],
        Plan((urls("e/3"), dirs("d")), (Folded(f"{A}/d/1", f"{A}/d/"), Folded(f"{A}/d/e/2?x", f"{A}/d/")))),
    "the directory's own URL is folded, the one without a slash is not": (
        [f"{A}/d/", f"{A}/d"], [f"{A}/d/"], Plan((urls("d"), dirs("d")), (Folded(f"{A}/d/", f"{A}/d/"),))),
    "directories in directories": (
        [f"{A}/d/e/f/1"], [f"{A}/d/e/f/", f"{A}/d/", f"{A}/d/e/", f"{A}/d/"],
        Plan((dirs("d"),), tuple(Folded(f"{A}/d/e/{name}", f"{A}/d/") for name in ("f/1", "f/", "")))),
    "a whole host": (
        [f"{A}/", f"{A}/1", f"{A}?/2"], [f"{A}/"],
        Plan((Batch("urls", "a.example", (f"{A}?/2",)), dirs("")),
             (Folded(f"{A}/", f"{A}/"), Folded(f"{A}/1", f"{A}/")))),
    "slashes in a query are no folders": (
        [f"{A}/x?from=/d/1", f"{A}/x?{A}/d/1"], [f"{A}/d/"],
        Plan((urls("x?from=/d/1", f"x?{A}/d/1"), dirs("d")))),
    "another scheme, port, host, case or name is not covered": (
        [*NOT_COVERED, f"{B}/d/1"], [f"{A}/d/"],
        Plan((Batch("urls", "a.example", NOT_COVERED), dirs("d"), urls("d/1", origin=B, host="b.example")))),
}
# fmt: on


@pytest.mark.parametrize(("given_urls", "given_dirs", "plan"), PLANS.values(), ids=PLANS)
def test_a_plan(given_urls: list[str], given_dirs: list[str], plan: Plan) -> None:
    assert make_plan(given_urls, given_dirs) == plan
    assert make_plan(iter(given_urls), iter(given_dirs)) == plan  # which may be read only once


def test_each_batch_has_the_project_of_its_host() -> None:
    projects, wanted = {"a.example": "p1", "c.example": "p2"}, [f"{A}/{number}" for number in range(11)]
    plan = make_plan([*wanted, f"{B}/1"], [f"{A}/d/", f"{B}/d/"], projects=projects)
    assert {(batch.host, batch.project_id) for batch in plan.batches} == {("a.example", "p1"), ("b.example", "")}
    assert [batch.project_id for batch in plan_prefetch(wanted, projects=projects).batches] == ["p1", "p1"]


ORIGINS = st.sampled_from([A, "https://a.example", f"{A}:8080", B])
FOLDERS = st.lists(st.sampled_from(["a/", "b/"]), max_size=4).map("".join)
DIRS = st.builds("{}/{}".format, ORIGINS, FOLDERS)
URLS = st.builds("{}{}".format, DIRS, st.sampled_from(["", "a", "b", "c?a/b/", *(str(n) for n in range(30))]))


def test_a_plan_is_kept_within_a_budget_by_directories_and_says_what_they_take_along() -> None:
    urls = [f"{A}/d/{number}" for number in range(11)] + [f"{A}/e/1", f"{A}/g/1"]
    plan = make_plan(urls, [f"{A}/g/"], projects={"a.example": "p"})
    counts = {f"{A}/d/": 3, f"{A}/e/": 1, f"{A}/": 9}
    kept = keep_within(plan, 2, unchanged_below=counts.get, projects={"a.example": "p"})
    assert kept.folds == (Fold(f"{A}/d/", 11, 3),)
    assert kept.batches == (
        Batch("urls", "a.example", (f"{A}/e/1",), "p"), Batch("dirs", "a.example", (f"{A}/g/", f"{A}/d/"), "p")
    )  # fmt: skip
    assert {(one.url, one.directory) for one in kept.folded} == {
        (f"{A}/g/1", f"{A}/g/"), *((url, f"{A}/d/") for url in urls[:11])
    }  # fmt: skip
    assert keep_within(plan, len(plan.batches), unchanged_below=counts.get, projects={"a.example": "p"}) == plan


def test_what_lay_in_a_directory_that_is_folded_itself_is_in_the_one_above() -> None:
    given = [f"{A}/x/{number}/" for number in range(11)]
    plan = make_plan([f"{A}/x/1/a"], given)
    assert plan.folded == (Folded(f"{A}/x/1/a", f"{A}/x/1/"),)
    kept = keep_within(plan, 1, unchanged_below=lambda _directory: None)
    assert kept.batches == (Batch("dirs", "a.example", (f"{A}/x/",)),)
    assert {(one.url, one.directory) for one in kept.folded} == {(url, f"{A}/x/") for url in (f"{A}/x/1/a", *given)}


@given(given_urls=st.lists(URLS, max_size=60), given_dirs=st.lists(DIRS, max_size=15))
def test_everything_is_purged_once(given_urls: list[str], given_dirs: list[str]) -> None:
    plan = make_plan(given_urls, given_dirs)
    assert plan == make_plan(given_urls, given_dirs)
    sent = [(batch.kind, entry) for batch in plan.batches for entry in batch.entries]
    assert len(sent) == len(set(sent)) == plan.size
    assert all(1 <= len(batch.entries) <= 10 for batch in plan.batches)
    assert all({batch.host} == set(map(host_of, batch.entries)) for batch in plan.batches)
    directories = {entry for kind, entry in sent if kind == "dirs"}
    assert all(folded.directory in directories and folded.url.startswith(folded.directory) for folded in plan.folded)
    assert {entry for _, entry in sent} | {folded.url for folded in plan.folded} == {*given_urls, *given_dirs}
    sent_urls = {entry for kind, entry in sent if kind == "urls"}
    assert not any(url.startswith(directory) for url in sent_urls for directory in directories)
    assert sent_urls <= set(given_urls)
    assert directories <= set(given_dirs)
    assert not any(other != one and other.startswith(one) for one in directories for other in directories)
    # one list for each host and kind, cut into tens: only its last batch may be short
    short = [(batch.kind, batch.host) for batch in plan.batches if len(batch.entries) < 10]
    assert len(short) == len(set(short))


@given(given_urls=st.lists(URLS, unique=True, max_size=60))
def test_order_is_kept_within_a_host(given_urls: list[str]) -> None:
    plan = make_plan(given_urls, [])
    hosts = list(dict.fromkeys(map(host_of, given_urls)))
    assert [entry for batch in plan.batches for entry in batch.entries] == sorted(
        given_urls, key=lambda url: hosts.index(host_of(url))
    )


C = "http://c.example"
RANKS = dict(zip("apd", Rank, strict=True))  # assets, pages, deleted


def ranked(letters: str, *, below: str = A) -> dict[str, Rank]:
    """Return a URL for each letter, which says how it ranks."""
    return {f"{below}/{number}{letter}": RANKS[letter] for number, letter in enumerate(letters)}


def shown(plan: Plan) -> str:
    """Return a letter for each entry, the calls apart, with the host before and a bar before the second wave."""
    calls = [
        batch.host[0].upper() + "".join(entry.rstrip("/")[-1] for entry in batch.entries) for batch in plan.batches
    ]
    first = sum(batch.wave == 1 for batch in plan.batches)
    return " ".join([*calls[:first], *(["|", *calls[first:]] if len(plan.waves) > 1 else [])])


P10, A10 = "p" * 10, "a" * 10


@cases("of_a of_b one_wave two_waves", {
    "assets, pages, deleted": ("dpa", "", "Aapd", "Aa | Apd"),
    "over all hosts": ("p", "dap", "Bapd Ap", "Ba | Ap Bpd"),
    "hosts as given": ("ap", "ap", "Aap Bap", "Aa Ba | Ap Bp"),
    "only assets": ("aa", "a", "Aaa Ba", "Aaa Ba"), "only pages": ("pp", "p", "App Bp", "App Bp"),
    "only deleted": ("dd", "", "Add", "Add"), "pages and deleted": ("dp", "p", "Bp Apd", "Bp Apd"),
    "a call more": ("aaappp", "", "Aaaappp", "Aaaa | Appp"),
    "no call more": (f"p{A10}", "", f"A{A10} Ap", f"A{A10} | Ap"),
    "the end of one rank and the beginning of the next": (
        f"{P10}pa", "a", "Ba Aappppppppp App", f"Aa Ba | A{P10} Ap"),
})  # fmt: skip
def test_entries_are_sent_by_rank_over_all_hosts(of_a: str, of_b: str, one_wave: str, two_waves: str) -> None:
    ranks = ranked(of_a) | ranked(of_b, below=B)
    for most, calls in ((0, one_wave), (inf, two_waves)):
        plan = make_plan(ranks, [], ranks=ranks, most_in_waves=most)
        assert (shown(plan), plan.lacks_wave) == (calls, False)


@cases("letters most calls lacks_wave", {
    "calls enough": ("aapp", 2, "Aaa | App", False), "a call too few": ("aapp", 1, "Aaapp", True),
    "one wave has none": (f"{P10}p", 1, f"A{P10} Ap", False),
    "as many as in one": (f"p{A10}", 2, f"A{A10} | Ap", False),
})  # fmt: skip
def test_there_are_two_waves_if_the_calls_suffice(letters: str, most: int, calls: str, lacks_wave: bool) -> None:
    ranks = ranked(letters)
    plan = make_plan(ranks, [], ranks=ranks, most_in_waves=most)
    assert (shown(plan), plan.lacks_wave) == (calls, lacks_wave)


@cases("beside calls lacks_wave", {
    "a directory of assets, then pages": ("pp", "Ax | App", False),
    "no call is left for a wave": ("ap", "Ax Aap", True),
})  # fmt: skip
def test_what_is_folded_goes_in_two_waves_if_the_calls_suffice(beside: str, calls: str, lacks_wave: bool) -> None:
    ranks = ranked("a" * 21, below=f"{A}/x") | ranked(beside)
    plan = make_plan(ranks, [], ranks=ranks, most_in_waves=2)
    kept = keep_within(plan, 2, unchanged_below=lambda _directory: 0, ranks=ranks)
    assert (shown(kept), kept.lacks_wave) == (calls, lacks_wave)


def rank_of(plan: Plan, ranks: dict[str, Rank], kind: Kind, entry: str) -> Rank:
    if kind == "urls":
        return ranks[entry]
    inside = {ranks[one.url] if one.kind == "urls" else Rank.PAGE for one in plan.folded if one.directory == entry}
    return inside.pop() if len(inside) == 1 else Rank.PAGE


@given(
    ranks=st.dictionaries(URLS, st.sampled_from(Rank), max_size=60),
    dirs=st.lists(DIRS, max_size=6),
    most=st.sampled_from([0, 1, 2, 4, 8, inf]),
)
def test_whatever_the_ranks_all_is_sent_in_their_order(ranks: dict[str, Rank], dirs: list[str], most: float) -> None:
    plain, plan = make_plan(ranks, dirs), make_plan(ranks, dirs, ranks=ranks, most_in_waves=most)
    entries = [[(batch.kind, entry) for batch in one.batches for entry in batch.entries] for one in (plain, plan)]
    assert sorted(entries[0]) == sorted(entries[1])
    assert plan.folded == plain.folded
    by_call = [[rank_of(plan, ranks, batch.kind, entry) for entry in batch.entries] for batch in plan.batches]
    assert all(one[0] <= other[0] and (one[0] < other[0] or one[-1] <= other[-1]) for one, other in pairwise(by_call))
    assert all(found == sorted(found) for found in by_call)
    if len(plan.waves) == 1:
        assert len(plan.batches) == len(plain.batches)
    else:
        assert {rank for found in by_call for rank in found} > {Rank.ASSET}
        waves = [{Rank.ASSET} if batch.wave == 1 else {Rank.PAGE, Rank.DELETED} for batch in plan.batches]
        assert all(wave >= {*found} for wave, found in zip(waves, by_call, strict=True))
        assert len(plan.batches) <= most
        assert len(plan.batches) <= len(plain.batches) + len({(batch.host, batch.kind) for batch in plan.batches})
    if plan.lacks_wave:
        assert len(make_plan(ranks, dirs, ranks=ranks, most_in_waves=inf).batches) > most > 0


@given(ranks=st.dictionaries(URLS, st.sampled_from(Rank), max_size=60), most=st.integers(2, 6), in_waves=st.booleans())
def test_a_budget_holds_whatever_the_ranks(ranks: dict[str, Rank], most: int, in_waves: bool) -> None:
    plan = make_plan(ranks, [], ranks=ranks, most_in_waves=most if in_waves else 0)
    kept = keep_within(plan, most, unchanged_below=lambda _directory: None, ranks=ranks)
    assert len(kept.batches) <= most
    assert {entry for batch in kept.batches for entry in batch.entries} | {one.url for one in kept.folded} >= {*ranks}
    assert len(kept.waves) == 1 or in_waves
    if len(plan.batches) <= most:
        assert kept == plan


@pytest.mark.parametrize(("size", "most"), [(0, 1), (1, 1), (10_000, 10_000)])
def test_a_plan_up_to_the_limit_passes(size: int, most: int) -> None:
    raise_if_too_many(make_plan((f"{A}/{number}" for number in range(size)), []), most)


def test_a_plan_over_the_limit_is_refused() -> None:
    plan = make_plan([f"{A}/1", f"{A}/2", f"{A}/d/3"], [f"{A}/d/"])
    with pytest.raises(ZtpurgeError, match="3 URLs and directories would be purged, more than the 2") as raised:
        raise_if_too_many(plan, 2)
    assert raised.value.place == "max-urls"
    assert "raise `max-urls`" in raised.value.remedy


# fmt: off
PREFETCHES: dict[str, tuple[list[str], tuple[Batch, ...]]] = {
    "nothing": ([], ()),
    "each once, nothing folded": ([f"{A}/2", f"{A}/d/", f"{A}/d/1", f"{A}/2"], (urls(2, "d/", "d/1"),)),
    "eleven are two calls": ([f"{A}/{number}" for number in range(11)], (urls(*range(10)), urls(10))),
    "a call for each host": ([f"{B}/1", f"{A}/1", f"{B}/2"], (urls(1, 2, origin=B, host="b.example"), urls(1))),
}
# fmt: on


@pytest.mark.parametrize(("given_urls", "batches"), PREFETCHES.values(), ids=PREFETCHES)
def test_a_prefetch_is_planned_by_the_same_limits(given_urls: list[str], batches: tuple[Batch, ...]) -> None:
    assert plan_prefetch(iter(given_urls)) == Plan(tuple(replace(batch, kind="prefetch") for batch in batches))


@given(given_urls=st.lists(URLS, max_size=60))
def test_everything_is_prefetched_once(given_urls: list[str]) -> None:
    plan = plan_prefetch(given_urls)
    sent = [entry for batch in plan.batches for entry in batch.entries]
    assert sorted(sent) == sorted(set(given_urls))
    assert plan.folded == ()
    assert all(batch.kind == "prefetch" and 1 <= len(batch.entries) <= 10 for batch in plan.batches)
    assert all({batch.host} == set(map(host_of, batch.entries)) for batch in plan.batches)
