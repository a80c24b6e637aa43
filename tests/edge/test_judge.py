"""Of several servers the worst counts, and what was seen confirms a call that is under way, and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.tables import cases
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict, combine, confirm_by_sight, longest
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from ztpurge.cdn.plan import Kind
    from ztpurge.cdn.purge import State
    from ztpurge.edge.judge import Freshness

A, OOPS = "http://a.example", ApiError(Failure.SERVER, "the service reports `failure` for it")


@cases("kind before fresh state", {
    "all seen fresh": ("urls", "pending", "1", "done"),
    "not all": ("urls", "pending", "2", "pending"),
    "a failure stays one": ("urls", "failed", "1", "failed"),
    "so does a part": ("urls", "partial", "1", "partial"),
    "a directory for its page": ("dirs", "pending", "1", "pending"),
})  # fmt: skip
def test_what_is_seen_confirms_only_urls_under_way(kind: Kind, before: State, fresh: str, state: State) -> None:
    call = Outcome(1, kind, "a.example", (f"{A}/1",), before, "x", 1, 0.5, OOPS)
    (after,) = confirm_by_sight([call], [Verdict(f"{A}/{fresh}", "fresh"), Verdict(f"{A}/3", "stale")])
    seen = ", but each of its URLs was seen fresh" if state == "done" else ""
    assert (after.state, after.error and after.error.cause) == (state, f"{OOPS.cause}{seen}")
    assert confirm_by_sight([call], [Verdict(f"{A}/1", "unverified")]) == (call,)


def said(reason: str, state: Freshness = "stale", **facts: Any) -> Verdict:  # noqa: ANN401 - Verdict's
    return Verdict(A, state, reason, **({"looks": 1} | facts))


FRESH, OLD = said("", "fresh", seconds=2.0), said("serves other content", served="other content", looks=3)
DOWN = said("not seen: no connection", is_seen=False)
LINK = said("a link", "unverified")


@cases("verdicts state reason", {
    "all fresh": ([FRESH, FRESH], "fresh", ""),
    "one is stale": ([FRESH, OLD], "stale", "serves other content at e2; fresh at 1 of 2 edges"),
    "each is stale": ([OLD, OLD], "stale", "serves other content at both edges"),
    "each of three": ([OLD] * 3, "stale", "serves other content at all 3 edges"),
    "some of many": (
        [*[OLD] * 5, FRESH], "stale", "serves other content at e1, e2, e3 and 2 more; fresh at 1 of 6 edges"
    ),
    "in two ways": ([OLD, DOWN], "stale", "serves other content at e1; not seen: no connection at e2"),
    "a place that has a name": (
        [FRESH, replace(OLD, place="FRA")], "stale", "serves other content at e2 (FRA); fresh at 1 of 2 edges"
    ),
    "one does not answer": ([FRESH, DOWN], "stale", "not seen: no connection at e2; fresh at 1 of 2 edges"),
    "by way of a redirect at one": ([FRESH, said("by way of 301", "fresh")], "fresh", "by way of 301 at e2"),
    "nobody can tell": ([LINK, LINK], "unverified", "a link at both edges"),
    "stale is worse than what nobody can tell": (
        [LINK, OLD, FRESH], "stale", "serves other content at e2; fresh at 1 of 3 edges"
    ),
})  # fmt: skip
def test_of_several_servers_the_worst_counts(verdicts: list[Verdict], state: Freshness, reason: str) -> None:
    by_server = {f"e{number}": verdict for number, verdict in enumerate(verdicts, start=1)}
    combined = combine(by_server)
    assert (combined.state, combined.reason, combined.url) == (state, reason, A)
    assert [(sight.server, sight.state) for sight in combined.sights] == [
        (at, one.state) for at, one in by_server.items()
    ]
    assert combined.is_seen is any(verdict.is_seen for verdict in verdicts if verdict.state == state)
    assert combined.looks == max(verdict.looks for verdict in verdicts)
    assert combined.served == ("other content" if "serves other content" in reason else "")


@cases("seconds most", {
    "nobody looked": ([], 0), "the most": ([60, 0, 600], 600), "no bound": ([60, None], None), "none": ([0, 0], 0),
})  # fmt: skip
def test_browsers_keep_a_url_for_the_longest_that_any_server_said(seconds: list[float | None], most: float) -> None:
    assert longest(seconds) == most
    if len(seconds) > 1:
        by_server = {str(number): replace(FRESH, in_browsers=one) for number, one in enumerate(seconds)}
        assert combine(by_server).in_browsers == most


def test_what_came_back_old_at_one_server_came_back() -> None:
    assert combine({"e1": FRESH, "e2": replace(OLD, is_back=True)}).is_back
    assert not combine({"e1": FRESH, "e2": OLD}).is_back


def test_of_a_lone_server_nothing_is_added() -> None:
    assert combine({"": OLD}) is OLD
