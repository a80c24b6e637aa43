"""A run is told everywhere in the same sense: outputs, exit code, headline, annotations, the summary's first line."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runner import read_outputs
from tests.report.reports import NO_ANSWER, A, call, run, see, seen, status, told
from tests.tables import cases
from ztpurge.changes.paths import changes_of
from ztpurge.edge.judge import Sight, Verdict, confirm_by_sight
from ztpurge.errors import ApiError, Failure, InvalidInputs, Position, ZtpurgeError
from ztpurge.inputs import parse
from ztpurge.report.announce import announce, announce_plan, announce_refusal
from ztpurge.report.endings import held_back, refused
from ztpurge.report.outputs import outputs
from ztpurge.report.values import Report
from ztpurge.runner import Runner
from ztpurge.site.mapping import Mapped, Skip, Target

if TYPE_CHECKING:
    from pathlib import Path

    from ztpurge.cdn.purge import State
    from ztpurge.edge.judge import Freshness

FIRST = "First of them: http://a.example/"
OOPS = "the API answered 500: oops. Wait."
TIME_OVER = "still under way (`run`) after 300 s. Ask again."
REFUSED = ApiError(Failure.AUTH, "the API answered 400: invalid token")
SKIPPED = Mapped(skipped=(Skip("a", "outside root x"), Skip("b", "y"), Skip("c", "y")))
MAYBE = "may have been purged, but that was not confirmed (1 call): no answer within 100 s. Wait."
STALE = "purged, but not fresh."
NOT_VERIFIED = "purged, but not verified to be fresh"
NOT_WHOLE = "The lists of URLs are not whole:"
ELSEWHERE = "the step that purged has them all in its outputs"
HALF = (
    "with a comma or `&`, where some of the CDN's providers cut a URL, not verified, so it may stay stale. Purge the "
    "folder above with `dirs`."
)
ADVICE = (
    "The edge fetched that after the purge, so the origin (or a cache in between) still served it: deploy before this "
    "step, or raise `delay`; a site that is built takes `manifest`."
)
BY_SIGHT = (
    "still under way (`run`) after 300 s, but each of its URLs was seen fresh. If this CDN never reports an end, do "
    "without `wait`: `verify` sees for itself."
)


LATE = (seen("2", "stale", "at the origin: old", said=(("Age", "7"),), looks=3, served="other content"),)
PREFETCH_ENDS: list[tuple[State, str, str]] = [
    ("failed", "prefetched", OOPS), ("partial", "prefetched", OOPS), ("pending", "confirmed as prefetched", TIME_OVER),
]  # fmt: skip


def by_sight(report: Report) -> Report:
    """Return the report with those as done whose every URL was seen fresh."""
    return replace(report, outcomes=confirm_by_sight(report.outcomes, report.verdicts))


def case(name: str, report: Report, in_short: str, *says: str) -> Any:  # noqa: ANN401 - as pytest.param
    return pytest.param(report, in_short, says, id=name)


# each: a report; icon, result, rate and the words of its calls, then what was purged, what may be stale, what is stale;
# headline and annotations
# fmt: off
TOLD = [
    case("nothing given", run(), "⚪ nothing 100.0",
         "Nothing to purge: no file changed, and no urls or dirs were given",
         "notice: Nothing to purge: no file changed, and no urls or dirs were given"),
    case("all skipped", run(mapped=SKIPPED), "⚪ nothing 100.0",
         "Nothing to purge: 3 changed files skipped (2 y, 1 outside root x)",
         "notice: Nothing to purge: 3 changed files skipped (2 y, 1 outside root x)"),
    case("dry run", run(call("planned", "1 2 3"), call("planned", "d/", "dirs")), "📝 dry-run 0.0 dry-run dry-run",
         "Dry run, nothing was sent. This would purge 3 URLs and 1 directory on a.example, in 2 calls"),
    case("purged", run(call("accepted", "1 2 3", req_id="h"), call("accepted", "d/", "dirs", host="b.example")),
         "✅ purged 100.0 purged purged | 1 2 3 http://b.example/d/",
         "3 URLs and 1 directory on 2 hosts purged in 0.0 s"),
    case("purged and done", run(call("done", "1 2 3"), waited=True), "✅ purged 100.0 purged | 1 2 3",
         "3 URLs on a.example purged and reported done in 0.0 s"),
    case("a directory failed, and what was folded into it",
         run(call("accepted", "1 2"), call("failed", "d/", "dirs"), folded={"d/x": "d/"}),
         "❌ partial 66.6 purged failed | 1 2 | d/ d/x", "1 of 3 entries on a.example NOT purged and maybe stale",
         f"error: 1 directory of a.example not purged (1 call): {OOPS} {FIRST}d/"),
    case("partly accepted", run(call("partial", "1 2"), call("accepted", "d/", "dirs")),
         "❌ partial 33.3 partial purged | d/ | 1 2", "2 of 3 entries on a.example NOT purged and maybe stale",
         f"error: 2 URLs of a.example not purged (1 call): {OOPS} {FIRST}1"),
    case("nothing but partly accepted", run(call("partial")), "❌ failed 0.0 partial |  | 1",
         "1 of 1 URL on a.example NOT purged and maybe stale",
         f"error: 1 URL of a.example not purged (1 call): {OOPS} {FIRST}1"),
    case("one cause is one annotation, the widest first",
         run(call("failed", "d/", "dirs", error=REFUSED), call("failed", "0 1"), call("failed", "2")),
         "❌ failed 0.0 failed failed failed |  | d/ 0 1 2", "4 of 4 entries on a.example NOT purged and maybe stale",
         f"error: 3 URLs of a.example not purged (2 calls): {OOPS} {FIRST}0",
         f"error: 1 directory of a.example not purged (1 call): the API answered 400: invalid token. {FIRST}d/"),
    case("maybe purged", run(call("accepted", "1 2"), call("failed", "3 4 5", error=NO_ANSWER)),
         "❌ partial 40.0 purged failed | 1 2 | 3 4 5",
         "3 of 5 URLs on a.example NOT confirmed as purged and maybe stale",
         f"error: 3 URLs of a.example {MAYBE} {FIRST}3"),
    case("maybe purged, and not", run(call("failed", error=NO_ANSWER), call("failed", "2")),
         "❌ failed 0.0 failed failed |  | 1 2", "2 of 2 URLs on a.example NOT purged and maybe stale",
         f"error: 1 URL of a.example {MAYBE} {FIRST}1",
         f"error: 1 URL of a.example not purged (1 call): {OOPS} {FIRST}2"),
    case("not confirmed", run(call("pending", "1 2"), waited=True), "❌ failed 0.0 pending |  | 1 2",
         "2 of 2 URLs on a.example NOT confirmed as purged and maybe stale",
         f"error: 2 URLs of a.example not confirmed (1 call): {TIME_OVER} {FIRST}1"),
    case("not confirmed, and not purged", run(call("done"), call("pending", "2"), call("failed", "3", req_id="j")),
         "❌ partial 33.3 purged pending failed | 1 | 2 3", "2 of 3 URLs on a.example NOT purged and maybe stale",
         f"error: 1 URL of a.example not confirmed (1 call): {TIME_OVER} {FIRST}2",
         f"error: 1 URL of a.example not purged (1 call): {OOPS} {FIRST}3"),
    case("looked at",
         run(call("accepted", "1 2 3 4"), verdicts=see(fresh="1 2", stale="3", unverified="4")),
         "❌ partial 100.0 purged | 1 2 3 4 |  | 3",
         "4 URLs on a.example purged in 0.0 s; 2 seen fresh, 1 STILL STALE, 1 not verified",
         f"error: 1 URL of a.example {STALE} {FIRST}3",
         f"notice: 1 URL {NOT_VERIFIED} (1: a link). {FIRST}4"),
    case("all fresh", run(call("accepted"), verdicts=see(fresh="1")), "✅ purged 100.0 purged | 1",
         "1 URL on a.example purged in 0.0 s, all seen fresh"),
    case("one failed, the other fresh", run(call("accepted"), call("failed", "2"), verdicts=see(fresh="1")),
         "❌ partial 50.0 purged failed | 1 | 2", "1 of 2 URLs on a.example NOT purged and maybe stale; 1 seen fresh",
         f"error: 1 URL of a.example not purged (1 call): {OOPS} {FIRST}2"),
    case("all stale", run(call("accepted", "1 2"), verdicts=see(stale="1 2")), "❌ failed 100.0 purged | 1 2 |  | 1 2",
         "2 URLs on a.example purged in 0.0 s; 2 STILL STALE",
         f"error: 2 URLs of a.example {STALE} {FIRST}1"),
    case("all stale but a directory",
         run(call("accepted", "1 2"), call("accepted", "d/", "dirs"), verdicts=see(stale="1 2")),
         "❌ partial 100.0 purged purged | 1 2 d/ |  | 1 2",
         "2 URLs and 1 directory on a.example purged in 0.0 s; 2 STILL STALE",
         f"error: 2 URLs of a.example {STALE} {FIRST}1"),
    case("stale, which is fine: one annotation a host",
         run(call("accepted", "1 2 3"), call("accepted", "4", host="b.example"), stale_is_fine=True,
             verdicts=(*see(stale="1 3", fresh="2"), seen("4", "stale", host="b.example"))),
         "⚠ purged 100.0 purged purged | 1 2 3 http://b.example/4 |  | 1 3 http://b.example/4",
         "4 URLs on 2 hosts purged in 0.0 s; 1 seen fresh, 3 STILL STALE",
         f"warning: 2 URLs of a.example {STALE} {FIRST}1",
         f"warning: 1 URL of b.example {STALE} First of them: http://b.example/4"),
    case("stale, as an old origin serves it",
         run(call("accepted", "1 2"), verdicts=(seen("1", "stale"), seen("2", "stale", blame="origin"))),
         "❌ failed 100.0 purged | 1 2 |  | 1 2", "2 URLs on a.example purged in 0.0 s; 2 STILL STALE",
         f"error: 2 URLs of a.example {STALE} {ADVICE} {FIRST}1"),
    case("stale after two purges, the second of which was not accepted for one",
         run(call("accepted", "1 2"), verdicts=tuple(seen(name, "stale", served="other content", blame="edge")
                                                     for name in "12"),
             again=(call("accepted", "1", req_id="j"), call("failed", "2"))),
         "❌ failed 100.0 purged purged failed | 1 2 |  | 1 2", "2 URLs on a.example purged in 0.0 s; 2 STILL STALE",
         f"error: 2 URLs of a.example {STALE} The purge has not reached this edge: set `wait`, or raise "
         f"`verify-timeout`; if it stays, ask the CDN. {FIRST}1  (kept from before the purge)",
         f"warning: 1 URL of a.example not purged again (1 call): {OOPS} {FIRST}2"),
    case("fresh after two purges", run(call("accepted", "1 2"), verdicts=see(fresh="1 2"), again=(call("accepted"),)),
         "✅ purged 100.0 purged purged | 1 2", "2 URLs on a.example purged in 0.0 s, all seen fresh"),
    case("fresh at each of two edges",
         run(call("accepted"), verdicts=(seen("1", "fresh", sights=(Sight("e1", "", "fresh", ""),) * 2),)),
         "✅ purged 100.0 purged | 1", "1 URL on a.example purged in 0.0 s, all seen fresh at 2 edges"),
    case("the origin is late",
         held_back(run(call("planned", "1 2"), call("planned", "d/", "dirs")), LATE),
         "❌ failed 0.0 failed failed |  | 1 2 d/",
         "Nothing was purged: the origin is not new yet for 1 of 2 URLs; 2 URLs and 1 directory may be stale",
         "error: Nothing was purged: the origin is not new yet for 1 of 2 URLs. The deployment has to end before this "
         "step: wait for it, or raise `verify-timeout`. Then run the job again. "
         f"{FIRST}2  (at the origin: old; Age: 7)"),
    case("never looked at", run(call("accepted"), verdicts=(seen("1", "stale", is_seen=False),)),
         "❌ failed 100.0 purged | 1 |  | 1", "1 URL on a.example purged in 0.0 s; 1 NOT SEEN",
         f"error: 1 URL of a.example purged, but not verified to be fresh. {FIRST}1"),
    case("no answer", run(call("accepted"), verdicts=(seen("1", "stale", looks=3, is_seen=False),)),
         "❌ failed 100.0 purged | 1 |  | 1", "1 URL on a.example purged in 0.0 s; 1 NOT SEEN",
         f"error: 1 URL of a.example purged, but not seen to be fresh; can the runner reach the host? {FIRST}1"),
    case("one failed, the rest stale, which is fine",
         run(call("accepted", "1 2"), call("failed", "d/", "dirs"), verdicts=see(stale="1 2"), stale_is_fine=True),
         "❌ partial 66.6 purged failed | 1 2 | d/ | 1 2",
         "1 of 3 entries on a.example NOT purged and maybe stale; 2 STILL STALE",
         f"error: 1 directory of a.example not purged (1 call): {OOPS} {FIRST}d/",
         f"warning: 2 URLs of a.example {STALE} {FIRST}1"),
    case("stale is fine, not confirmed is not",
         run(call("pending"), call("accepted", "d/", "dirs"), verdicts=see(stale="1"), stale_is_fine=True),
         "❌ partial 50.0 pending purged | d/ | 1",
         "1 of 2 entries on a.example NOT confirmed as purged and maybe stale; 1 STILL STALE",
         f"error: 1 URL of a.example not confirmed (1 call): {TIME_OVER} {FIRST}1"),
    case("under way, one of two seen fresh",
         by_sight(run(call("pending", "1 2"), verdicts=see(fresh="1", stale="2"), waited=True)),
         "❌ partial 50.0 pending | 1 | 2",
         "1 of 2 URLs on a.example NOT confirmed as purged and maybe stale; 1 seen fresh, 1 STILL STALE",
         f"error: 1 URL of a.example not confirmed (1 call): {TIME_OVER} {FIRST}2"),
    case("under way, all seen fresh",
         by_sight(run(call("pending", "1 2"), verdicts=see(fresh="1 2"), waited=True)),
         "⚠ purged 100.0 purged | 1 2", "2 URLs on a.example purged in 0.0 s, all seen fresh",
         f"warning: 2 URLs of a.example not reported done (1 call): {BY_SIGHT} {FIRST}1"),
    case("a page that was seen fresh says nothing of the directory at its address",
         run(call("pending", "d/", "dirs"), folded={"d/": "d/", "d/x": "d/"},
             verdicts=see(fresh="d/", unverified="d/x d/")),
         "❌ failed 0.0 pending |  | d/ d/x",
         "1 of 1 directory on a.example NOT confirmed as purged and maybe stale; 1 seen fresh, 2 not verified",
         f"error: 1 directory of a.example not confirmed (1 call): {TIME_OVER} {FIRST}d/"),
    case("none could be compared",
         run(call("accepted", "d/", "dirs"), call("accepted", "1"), call("accepted", "2"),
             verdicts=(seen("1", "unverified", "a"), seen("2", "unverified", "b"), seen("d/", "unverified", "b"))),
         "⚠ purged 100.0 purged purged purged | 1 2 d/",
         "2 URLs and 1 directory on a.example purged in 0.0 s; 3 not verified",
         f"notice: 3 URLs {NOT_VERIFIED} (2: b; 1: a). {FIRST}1"),
    case("what providers may cut, and nobody can compare",
         run(call("accepted", "?a=1&b=2 a,b a"), verdicts=see(unverified="?a=1&b=2", fresh="a,b")),
         "✅ purged 100.0 purged | ?a=1&b=2 a,b a", "3 URLs on a.example purged in 0.0 s; 1 seen fresh, 1 not verified",
         f"warning: 1 URL {HALF} {FIRST}?a=1&b=2",
         f"notice: 1 URL {NOT_VERIFIED} (1: a link). {FIRST}?a=1&b=2"),
    case("refused",
         refused(run(call("planned", "1 2")), ZtpurgeError("too many", remedy="Raise it", place="max-urls")),
         "❌ failed 0.0 failed |  | 1 2", "Nothing was purged; 2 URLs may be stale",
         "error: max-urls: too many. Raise it"),
    case("refused, with nothing to purge", refused(run(), ZtpurgeError("no")), "❌ failed 100.0", "Nothing was purged",
         "error: no"),
    case("broken off", run(call("accepted"), has_bug=True), "❌ partial 100.0 purged | 1",
         "1 URL on a.example purged in 0.0 s", "error: ztpurge has a bug; the log has the traceback"),
    case("status of nothing", status(), "✅ done 100.0", "No reqIds to ask after"),
    case("status: done, whatever is listed",
         status(call("done"), call("done", "d/", "dirs"), call("done", "3", "prefetch"), call("done", "")),
         "✅ done 100.0 done done done done | 1 d/", "4 reqIds asked after: 4 done"),
    case("status: one under way, only asked",
         status(call("done"), call("done", "2"), call("pending", "3", error=None)),
         "⏳ pending 66.6 done done pending | 1 2 | 3", "3 reqIds asked after: 1 still under way, 2 done"),
    case("status: under way, waited for", status(call("pending")), "⏳ pending 0.0 pending |  | 1",
         "1 reqId asked after: 1 still under way",
         f"error: 1 URL of a.example not known to be done (1 call): {TIME_OVER} {FIRST}1"),
    case("status: of a failure and one under way the failure counts; a prefetch is no purge",
         status(call("pending"), call("failed", "2 3", "prefetch"), call("done")),
         "❌ failed 33.3 pending failed done | 1 | 1", "3 reqIds asked after: 1 FAILED, 1 still under way, 1 done",
         f"error: 1 URL of a.example not known to be done (1 call): {TIME_OVER} {FIRST}1",
         f"error: 2 URLs of a.example not done (1 call): {OOPS} {FIRST}2"),
    case("status: nothing is listed",
         status(call("failed", "", host="", req_id="j"), call("failed", "", host="", req_id="k")),
         "❌ failed 0.0 failed failed", "2 reqIds asked after: 2 FAILED", f"error: 2 reqIds: {OOPS} First of them: j"),
    case("status: refused", status(call("pending", error=REFUSED)), "⏳ pending 0.0 pending |  | 1",
         "1 reqId asked after: 1 NOT TOLD",
         f"error: 1 URL of a.example not known to be done (1 call): the API answered 400: invalid token. {FIRST}1"),
    case("prefetch without an answer",
         run(call("accepted"), prefetched=(call("failed", error=NO_ANSWER, kind="prefetch"),)),
         "✅ purged 100.0 purged | 1", "1 URL on a.example purged in 0.0 s",
         f"warning: 1 URL of a.example not prefetched (1 call): no answer within 100 s. Wait. {FIRST}1"),
    *(case(f"prefetch {state}", run(call("accepted"), prefetched=(call(state, "1 2", "prefetch", req_id="p"),) * 2),
           "✅ purged 100.0 purged | 1", "1 URL on a.example purged in 0.0 s",
           f"warning: 4 URLs of a.example not {what} (2 calls): {why} {FIRST}1")
      for state, what, why in PREFETCH_ENDS),
    case("status: one of two lists cut", status(call("done", "1 2", is_cut=True), call("done", "3")),
         "✅ done 100.0 done done | 1 2 3", "2 reqIds asked after: 2 done",
         f"notice: {NOT_WHOLE} of 1 reqId the service lists only the first 2 of what was sent; {ELSEWHERE}"),
    case("status: both lists cut", status(call("done", "1 2", is_cut=True), call("done", "3", is_cut=True)),
         "✅ done 100.0 done done | 1 2 3", "2 reqIds asked after: 2 done",
         f"notice: {NOT_WHOLE} of 2 reqIds the service lists only the first 3 of what was sent; {ELSEWHERE}"),
    case("status: nothing is listed in full", status(call("done", "", is_cut=True)), "✅ done 100.0 done",
         "1 reqId asked after: 1 done",
         f"notice: {NOT_WHOLE} of 1 reqId the service lists nothing of what was sent in full; {ELSEWHERE}"),
]
# fmt: on


@pytest.mark.parametrize(("report", "in_short", "says"), TOLD)
def test_a_run_is_told_everywhere_in_the_same_sense(report: Report, in_short: str, says: tuple[str, ...]) -> None:
    found = told(report)
    assert found["in short"] == in_short
    assert (found["headline"], *found["annotations"]) == says
    is_green = found["result"] in {"purged", "nothing", "dry-run", "done"} or "still under way, 2 done" in says[0]
    assert found["code"] == (2 if report.refusal else 0 if is_green else 1)
    assert (found["code"] == 0) == (found["error"] == [])
    maybe_stale, stale = found["failed-urls"].split(), found["stale-urls"].split()
    folded = sum(fate.is_folded for fate in report.maybe_stale)
    counts = [
        len(maybe_stale) - folded,
        len(stale),
        *(len(found[f"purged-{kind}"].split()) for kind in ("urls", "dirs")),
    ]
    counts += [len(report.mapped.skipped), len(report.outcomes)]
    names = ("failed", "stale", "url", "dir", "skipped", "request")
    assert [int(found[f"{name}-count"]) for name in names] == counts
    not_verified = re.findall(r"(\d+) URLs? purged, but not ver", str(says))
    assert sum(map(int, not_verified)) == int(found["unverified-count"])
    ids = (json.loads(found[name]) for name in ("req-ids", "prefetch-req-ids"))
    calls_of = ((*report.outcomes, *report.again), report.prefetched)
    assert [*ids] == [[c.req_id for c in calls if c.req_id] for calls in calls_of]
    # whatever it is called, a later step can read what is stale, once
    seen_stale = {verdict.url.removeprefix(A) for verdict in report.verdicts if verdict.state == "stale"}
    assert seen_stale <= {*maybe_stale, *stale}
    assert len(maybe_stale + stale) == len({*maybe_stale, *stale})
    borne = told(report, fail_on_error="false")
    assert borne["code"] == (2 if report.refusal else 0)
    if not report.refusal:
        assert (borne["error"], borne["warning"]) == ([], found["error"] + found["warning"])


def test_the_log_lists_what_may_be_stale_with_what_was_seen() -> None:
    verdicts = see(stale="1 2", unverified="3", reason="why")
    found = told(run(call("failed", "%E6%98%A5"), call("pending", "1"), call("accepted", "2 3"), verdicts=verdicts))
    assert [line for line in found["log"] if not line.startswith(("::error", "::notice"))][:-1] == [
        "Not purged or not confirmed, maybe stale", f"  {A}%E6%98%A5  \u6625", f"  {A}1  (why)",
        "Purged, but not fresh", f"  {A}2  (why)",
        "::group::Purged, but not verified", f"  {A}3  (why)", "::endgroup::",
    ]  # fmt: skip
    assert found["error"][0].endswith(f"{FIRST}%E6%98%A5  \u6625")


def test_the_log_names_first_what_is_late_at_the_origin() -> None:
    found = told(held_back(run(call("planned", "1 2"), call("planned", "d/", "dirs"), folded={"d/x": "d/"}), LATE))
    assert found["log"][:-2] == [
        "Not new at the origin yet", f"  {A}2  (at the origin: old; Age: 7)",
        "Not purged, maybe stale", f"  {A}1", f"  {A}d/", f"  {A}d/x",
    ]  # fmt: skip


def test_the_log_says_what_took_two_purges_and_what_browsers_keep() -> None:
    verdicts = (seen("1", "fresh", in_browsers=600.0), seen("2", "fresh"))
    found = told(run(call("accepted", "1 2"), verdicts=verdicts, again=(call("accepted", "2", req_id="j"),)))
    assert found["log"][:-1] == [
        "::group::Purged again, since they were stale", f"  {A}2  j  fresh now", "::endgroup::",
        "1 purged URL may stay in browsers for up to 10 min",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [1, 20, 21])
def test_what_may_be_stale_is_in_sight_unless_it_is_much(number: int) -> None:
    listed = [f"  {A}{at}" for at in range(number)]
    title, *lines = told(run(call("failed", " ".join(map(str, range(number))))))["log"][:-2]
    assert title == f"{'::group::' if number > 20 else ''}Not purged, maybe stale"
    assert lines == [*listed, *(["::endgroup::"] if number > 20 else [])]


def test_a_log_lists_so_many_urls_that_a_browser_still_shows_it() -> None:
    found = told(run(call("failed", " ".join(map(str, range(20_003))))))
    assert found["log"].count("  and 3 more; `report-file` has them all") == 1
    assert f"  {A}19999" in found["log"]
    assert f"  {A}20000" not in found["log"]


def test_lists_that_no_output_takes_are_warned_of(tmp_path: Path) -> None:
    many = run(call("failed", " ".join(f"{'x' * 100}{number}" for number in range(3000))))
    where = "set `report-file` to have them in a file"
    assert told(many)["warning"] == [f"too long for a step output, left empty: failed-urls; {where}"]
    assert told(many, report_file=str(tmp_path / "x"))["warning"][0].startswith("report-file: ")


@pytest.mark.parametrize(("causes", "fail_on_error"), [(10, "true"), (11, "true"), (500, "true"), (500, "false")])
def test_no_level_has_more_annotations_than_the_runner_keeps(causes: int, fail_on_error: str) -> None:
    hosts = [f"{number}.example" for number in range(causes - 1)]
    report = run(
        call("failed"),
        *[call("accepted", host=host) for host in hosts],
        verdicts=tuple(seen("1", "stale", host=host) for host in hosts),
        prefetched=tuple(call("failed", kind="prefetch", host=host) for host in hosts),
    )
    found = told(report, fail_on_error=fail_on_error)
    messages = found["error" if fail_on_error == "true" else "warning"]
    assert (len(messages), len(found["warning"])) == (10, min(len(found["warning"]), 10))
    assert "not purged" in messages[0]
    rest = " more causes; the log and the outputs have them all"
    assert messages[-1].endswith(rest) == (causes > 10 or fail_on_error == "false")
    assert (messages[-1] == f"and {causes - 9}{rest}") == (causes > 10 and fail_on_error == "true")


@pytest.mark.parametrize("number", [1, 10, 14])
def test_a_run_that_was_not_understood_names_every_problem_and_promises_nothing(number: int, tmp_path: Path) -> None:
    out = io.StringIO()
    problems = tuple(ZtpurgeError(f"wrong {index}", place=f"input-{index}") for index in range(number))
    environ = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    why = InvalidInputs(problems) if number > 1 else problems[0]
    assert announce_refusal(why, Runner(environ, out)) == 2
    *messages, last = out.getvalue().splitlines()
    assert last == "Nothing was purged"
    assert len(messages) == min(number, 10)
    shown = "; ".join(messages).replace("::error title=ztpurge::", "")
    assert shown == "; ".join(f"input-{index}: wrong {index}" for index in range(number))
    assert (tmp_path / "summary").read_text(encoding="utf-8").count("input-") == number
    values = read_outputs((tmp_path / "output").read_bytes())
    assert values.keys() == outputs(Report()).keys()
    told_of = {name: value for name, value in values.items() if value not in {"[]", "0", ""}}
    assert told_of == {"result": "failed", "success-rate": "0.0"}


def test_what_is_wrong_in_a_file_is_shown_beside_its_line() -> None:
    out = io.StringIO()
    problem = ZtpurgeError("it is wrong", remedy="Write it right")
    places: list[str | Position] = ["root", *(Position("c.yml", line, 3) for line in range(1, 12))]
    announce_refusal(InvalidInputs(tuple(problem.at(place) for place in places)), Runner({}, out))
    first, second, *_, last, _ = out.getvalue().splitlines()
    told = "it is wrong. Write it right"
    assert first == f"::error title=ztpurge::root: {told}"
    assert second == f"::error file=c.yml,line=1,col=3,title=ztpurge::c.yml:1:3: {told}"
    rest = "; ".join(f"c.yml:{line}:3: {told}" for line in (9, 10, 11))
    assert last == f"::error file=c.yml,line=9,col=3,title=ztpurge::{rest}"


@pytest.mark.parametrize("unseen", [0, 1, 12])
def test_a_plan_names_what_is_skipped_and_warns_of_what_is_no_file(unseen: int) -> None:
    below = "it may be stale: 0 (a link). Purge" if unseen == 1 else "them may be stale: 0 (a link), 1 (a link), "
    out = io.StringIO()
    skipped = (Skip("x", "y"), *(Skip(str(number), "a link", is_unseen=True) for number in range(unseen)))
    announce_plan(Report(mapped=Mapped(skipped=skipped)), (), Runner({}, out), seconds=0.123)
    lines = out.getvalue().splitlines()
    assert lines[0] == f"What changed: 0 changed files, {unseen + 1} skipped; nothing to purge in 0 calls (0.12 s)"
    assert "  x  (y)" in lines
    warnings = [line for line in lines if line.startswith("::warning")]
    assert [f"what is served below {below}" in line for line in warnings] == ([True] if unseen else [])
    assert (" and 2 more. Purge it" in lines[-1]) == (unseen == 12)


@pytest.mark.parametrize(
    ("number", "more"), [(1, []), (1000, []), (1003, ["  and 3 more; `report-file` has them all"])]
)
def test_a_plan_names_what_changed_up_to_a_number(number: int, more: list[str]) -> None:
    out = io.StringIO()
    announce_plan(run(), changes_of(map(str, range(number))), Runner({}, out), seconds=1)
    title, *listed = out.getvalue().splitlines()
    files = f"{number:,} changed file{'s' if number > 1 else ''}"
    assert title == f"::group::What changed: {files}; nothing to purge in 0 calls (1.00 s)"
    assert listed == [*(f"  {name}" for name in range(min(number, 1000))), *more, "::endgroup::"]


GREEN, RED = run(call("accepted"), verdicts=see(fresh="1")), run(call("failed"))
BORNE = run(call("accepted"), verdicts=see(stale="1"), stale_is_fine=True)
BY_EYE = by_sight(run(call("pending"), verdicts=see(fresh="1"), waited=True))


@cases("report inputs is_written", {
    **{f"{when}, {what}": (report, {"summary": when}, is_written) for when, what, report, is_written in (
        ("always", "purged", GREEN, True), ("always", "failed", RED, True), ("never", "failed", RED, False),
        ("on-failure", "purged", GREEN, False), ("on-failure", "nothing to purge", run(), False),
        ("on-failure", "failed", RED, True), ("on-failure", "stale, which is fine", BORNE, True),
        ("on-failure", "not reported done, but seen fresh", BY_EYE, False),
        ("on-failure", "refused", refused(run(), ZtpurgeError("no")), True),
        ("on-failure", "only asked", status(call("pending", error=None)), False),
        ("on-failure", "a dry run", run(call("planned")), False),
    )},
    "on-failure, failed, which is borne": (RED, {"summary": "on-failure", "fail_on_error": "false"}, True),
})  # fmt: skip
def test_the_summary_is_written_when_it_is_wanted(report: Report, inputs: dict[str, str], is_written: bool) -> None:
    assert bool(told(report, **inputs)["summary"]) == is_written


PAGE = {"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"}


@pytest.mark.parametrize("summary", ["always", "never"])
def test_the_last_line_says_all_and_where_the_summary_is(tmp_path: Path, summary: str) -> None:
    given = parse({"INPUT_TOKEN": "x", "INPUT_URLS": "[]", "INPUT_SUMMARY": summary})
    where = "; summary: https://git.example/o/r/actions/runs/7" if summary == "always" else ""
    for environ, found in ((PAGE | {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}, where), (PAGE, "")):
        out = io.StringIO()
        announce(replace(RED, seconds=1.26), given, Runner(environ, out))
        assert out.getvalue().endswith(f"\n1 of 1 URL on a.example NOT purged and maybe stale (1.3 s){found}\n")
        out = io.StringIO()
        announce_refusal(ZtpurgeError("no"), Runner(environ, out), has_summary=summary == "always")
        assert out.getvalue() == f"::error title=ztpurge::no\nNothing was purged{found}\n"


STATES: tuple[Freshness, ...] = ("fresh", "stale", "unverified")
COMMANDS = ["##[error]x", "::error::x", "\n", "\r", "\r\n", "::stop-commands::x", "%0A::set-output::", " ", "\u2028"]
HOSTILE = st.text(min_size=1) | st.lists(st.sampled_from([*COMMANDS, "\x1b[31m"]), min_size=1, max_size=4).map("".join)
HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
OURS = re.compile(r"::(group|(error|warning|notice) (file=[^,:]+,)?title=ztpurge)::.|::endgroup::$")


@given(reason=HOSTILE, said=HOSTILE, error=HOSTILE, entry=HOSTILE)
def test_no_text_from_outside_speaks_to_the_runner(reason: str, said: str, error: str, entry: str) -> None:
    server = ApiError(Failure.SERVER, error, remedy=error)
    failed = replace(call("failed", error=server), entries=(entry,))
    verdicts = tuple(Verdict(A + state, state, reason, (("Via", said),)) for state in STATES)
    prefetched = (replace(failed, kind="prefetch", state="pending"),)
    mapped = Mapped((Target(entry, said, "a"),))
    purge = run(failed, call("accepted", " ".join(STATES)), verdicts=verdicts, prefetched=prefetched, mapped=mapped)
    for report, errors in ((purge, 3), (status(replace(failed, req_id="i")), 1)):
        lines = told(report)["log"]
        assert not [line for line in lines if line.lstrip().startswith("::") and not OURS.match(line)]
        assert not [line for line in lines if "##[" in line or HIDDEN.search(line)]
        assert sum(line.startswith("::error ") for line in lines) == errors
        assert sum(line == "::endgroup::" for line in lines) == sum(line.startswith("::group::") for line in lines)
