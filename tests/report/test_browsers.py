"""Purged URLs that browsers may still show are counted, with the longest time; new names were in no browser."""

from __future__ import annotations

from tests.report.reports import A, seen
from tests.tables import cases
from ztpurge.report.browsers import InBrowsers, find_in_browsers
from ztpurge.site.mapping import Mapped, Sites, Target
from ztpurge.site.serving import Site

WEEK = 604800.0
SITES = Sites((Site(base_urls=(A,), root="dist", name="site 1"),))
NAMED = "assets/app.3f2a1b9c.js"


@cases("kept found", {
    "none": ({}, InBrowsers()),
    "asked for each time, or gone": ({"1": 0.0, "2": 0.0}, InBrowsers()),
    "the longest": ({"1": 60.0, "2": WEEK, "3": 0.0}, InBrowsers(2, 0, WEEK)),
    "some without a bound": ({"1": 60.0, "2": None}, InBrowsers(2, 1, 60.0)),
    "none with a bound": ({"1": None}, InBrowsers(1, 1, 0.0)),
    "a name that is new with its content": ({NAMED: WEEK, "1": 60.0}, InBrowsers(1, 0, 60.0)),
})  # fmt: skip
def test_what_may_stay_in_browsers_is_counted(kept: dict[str, float | None], found: InBrowsers) -> None:
    mapped = Mapped(tuple(Target(A + name, f"dist/{name}", "site 1") for name in kept))
    verdicts = [seen(name, "fresh", in_browsers=seconds) for name, seconds in kept.items()]
    assert find_in_browsers(verdicts, SITES, mapped) == found


def test_a_url_that_another_file_gives_too_may_be_in_browsers() -> None:
    targets = (Target(f"{A}x", f"dist/{NAMED}", "site 1"), Target(f"{A}x", "dist/x", "rule 1"))
    verdict = seen("x", "fresh", in_browsers=60.0)
    assert find_in_browsers([verdict], SITES, Mapped(targets)).urls == 1
    assert find_in_browsers([verdict], SITES, Mapped(targets[:1])).urls == 0


@cases("found sentence", {
    "none": (InBrowsers(), ""),
    "a week": (InBrowsers(17, 0, WEEK), "17 purged URLs may stay in browsers for up to 7 days"),
    "one": (InBrowsers(1, 0, 600.0), "1 purged URL may stay in browsers for up to 10 min"),
    "no bound": (
        InBrowsers(1234, 1234),
        "1,234 purged URLs may stay in browsers for an unknown time: no header limits it",
    ),
    "both": (
        InBrowsers(17, 5, 3600.0),
        "17 purged URLs may stay in browsers: 12 for up to 1 h, 5 for an unknown time",
    ),
})  # fmt: skip
def test_it_is_said_in_one_line(found: InBrowsers, sentence: str) -> None:
    assert found.sentence == sentence
