"""What people read: one line a call, one sentence a run, ten annotations at most."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.cdn.plan import Batch, Folded, Plan
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict, confirm_by_sight
from ztpurge.errors import ApiError, Failure, InvalidInputs, ZtpurgeError
from ztpurge.inputs import parse
from ztpurge.report.annotations import failure_messages, problem_messages, unverified_message, warning_messages
from ztpurge.report.announce import announce
from ztpurge.report.sentences import (
    advice,
    away_line,
    count,
    cut_message,
    headline,
    lost_runs,
    manifest_line,
    maybe_stale_lines,
    maybe_stale_title,
    outcome_lines,
    plan_line,
    progress_line,
    size_of,
    url_line,
    verdict_counts,
    verdict_line,
)
from ztpurge.report.values import Report
from ztpurge.runner import Runner
from ztpurge.site.mapping import Mapped, Skip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.edge.judge import Blame, Freshness, Served

ERROR = ApiError(Failure.SERVER, "the API answered 500: oops", remedy="Wait")
NO_ANSWER = ApiError(Failure.TIMEOUT, "no answer within 100 s", remedy="Wait", maybe_accepted=True)


def batches_of(outcomes: Iterable[Outcome]) -> tuple[Batch, ...]:
    return tuple(Batch(outcome.kind, outcome.host, outcome.entries) for outcome in outcomes)


def batch(size: int, kind: str = "urls", host: str = "a.example") -> Batch:
    return Batch(kind, host, tuple(f"http://{host}/{number}" for number in range(size)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "file", "1 file"), (2, "call", "2 calls"), (0, "try", "0 tries"), (1234, "directory", "1,234 directories")],
)
def test_counts_read_well(number: int, noun: str, text: str) -> None:
    assert count(number, noun) == text


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        pytest.param(
            Outcome.of(3, batch(10), "accepted", "fa97", 1, 0.21),
            "[ 3/12] a.example       10 urls  reqId fa97  0.21 s",
            id="purged",
        ),
        pytest.param(
            Outcome.of(12, batch(1, "dirs"), "accepted", "fa97", 3, 4.0),
            "[12/12] a.example         1 dir  reqId fa97  3 tries  4.00 s",
            id="purged in the end",
        ),
        pytest.param(
            Outcome.of(1, batch(2), "failed", None, 5, 9.5, ERROR),
            "[ 1/12] a.example        2 urls  NOT PURGED  5 tries  9.50 s  the API answered 500: oops. Wait",
            id="failed",
        ),
        pytest.param(
            Outcome.of(1, batch(2), "partial", "fa97", 1, 0.1, ERROR),
            "[ 1/12] a.example        2 urls  PARTIAL  reqId fa97  0.10 s  the API answered 500: oops. Wait",
            id="partial",
        ),
        pytest.param(
            Outcome.of(1, batch(2), "planned"), "[ 1/12] a.example        2 urls  dry run: not sent", id="dry run"
        ),
        pytest.param(
            Outcome.of(1, batch(2), "failed", None, 0, 0.0, ERROR),
            "[ 1/12] a.example        2 urls  NOT SENT  the API answered 500: oops. Wait",
            id="not sent",
        ),
        pytest.param(
            Outcome.of(2, batch(10, "prefetch"), "accepted", "fa97", 1, 0.21),
            "[ 2/12] a.example       10 urls  reqId fa97  0.21 s",
            id="prefetched",
        ),
        pytest.param(
            Outcome.of(2, batch(1, "prefetch"), "failed", None, 5, 9.5, ERROR),
            "[ 2/12] a.example         1 url  NOT PREFETCHED  5 tries  9.50 s  the API answered 500: oops. Wait",
            id="not prefetched",
        ),
        pytest.param(
            Outcome.of(1, batch(2), "failed", None, 5, 9.5, NO_ANSWER),
            "[ 1/12] a.example        2 urls  MAY HAVE BEEN PURGED  5 tries  9.50 s  no answer within 100 s. Wait",
            id="sent without an answer",
        ),
        pytest.param(
            Outcome.of(1, batch(2), "failed", None, 0, 9.5, NO_ANSWER),
            "[ 1/12] a.example        2 urls  MAY HAVE BEEN PURGED  9.50 s  no answer within 100 s. Wait",
            id="under way at the end",
        ),
        pytest.param(
            Outcome.of(1, batch(2, "prefetch"), "failed", None, 1, 9.5, NO_ANSWER),
            "[ 1/12] a.example        2 urls  MAY HAVE BEEN PREFETCHED  9.50 s  no answer within 100 s. Wait",
            id="prefetch without an answer",
        ),
    ],
)
def test_a_call_is_one_aligned_line(outcome: Outcome, line: str) -> None:
    plan = Plan((batch(1, host="longer.example"),) * 12)
    assert outcome_lines(plan)(outcome) == line


def run(*outcomes: Outcome, mapped: Mapped | None = None) -> Report:
    return Report(
        mapped or Mapped(),
        Plan(batches_of(outcomes)),
        outcomes,
    )


@pytest.mark.parametrize(
    ("report", "text"),
    [
        pytest.param(run(), "Nothing to purge: no file changed, and no urls or dirs were given", id="nothing given"),
        pytest.param(
            run(mapped=Mapped(skipped=(Skip("a", "outside root x"), Skip("b", "y"), Skip("c", "y")))),
            "Nothing to purge: 3 changed files skipped (2 y, 1 outside root x)",
            id="all skipped",
        ),
        pytest.param(
            run(
                Outcome.of(1, batch(3), "accepted", "i"), Outcome.of(2, batch(1, "dirs", "b.example"), "accepted", "j")
            ),
            "3 URLs and 1 directory purged on 2 hosts, in 2 calls",
            id="purged",
        ),
        pytest.param(
            run(Outcome.of(1, batch(3), "accepted", "i"), Outcome.of(2, batch(2), "failed", error=ERROR)),
            "2 of 5 URLs NOT purged and maybe stale",
            id="partial",
        ),
        pytest.param(
            run(Outcome.of(1, batch(3), "planned")),
            "Dry run: 3 URLs on 1 host would be purged in 1 call; nothing was sent",
            id="dry run",
        ),
    ],
)
def test_a_run_is_one_sentence(report: Report, text: str) -> None:
    assert headline(report) == text


def test_a_plan_is_one_sentence() -> None:
    mapped = Mapped(skipped=(Skip("a", "x"),))
    plan = Plan((batch(2), batch(1, "dirs")), (Folded("http://a.example/d/x", "http://a.example/d/"),))
    assert plan_line(Report(mapped, plan), 3) == (
        "3 changed files, 1 skipped; 2 URLs and 1 directory to purge in 2 calls, 1 more by a directory above"
    )
    assert plan_line(Report(), 0) == "0 changed files; nothing to purge in 0 calls"


def test_what_may_have_been_purged_is_not_called_failed() -> None:
    doubtful = Outcome.of(2, batch(3), "failed", None, 5, 9.5, NO_ANSWER)
    report = run(Outcome.of(1, batch(10), "accepted", "fa97", 1, 0.2), doubtful)
    assert headline(report) == "3 of 13 URLs NOT confirmed as purged and maybe stale"
    assert maybe_stale_title(report) == "Not purged or not confirmed, maybe stale"
    (annotation,) = failure_messages(report)
    assert annotation.startswith("3 URLs of a.example may have been purged, which nobody confirmed (1 call): no answer")
    assert (report.is_red, len(report.failed_entries)) == (True, 3)
    mixed = run(doubtful, Outcome.of(1, batch(1), "failed", None, 5, 9.5, ERROR))
    assert headline(mixed) == "4 of 4 URLs NOT purged and maybe stale"


def test_the_outage_of_an_api_is_told_once_it_begins_and_ends() -> None:
    away = ApiError(Failure.AWAY, "no connection: refused")
    assert away_line(away) == "The API is away (no connection: refused); all calls wait until it is back"
    assert away_line(None) == "The API is back"


def test_failures_with_one_cause_are_one_annotation() -> None:
    outcomes = [Outcome.of(number, batch(10), "failed", error=ERROR) for number in range(1, 31)]
    rejected = Outcome.of(31, batch(1, "dirs"), "failed", error=ApiError(Failure.REJECTED, "bad"))
    assert failure_messages(run(rejected, *outcomes)) == (
        "300 URLs of a.example not purged (30 calls): the API answered 500: oops. Wait. First of them: http://a.example/0",
        "1 directory of a.example not purged (1 call): bad. First of them: http://a.example/0",
    )


@pytest.mark.parametrize(("causes", "annotations"), [(10, 10), (11, 10), (500, 10)])
def test_there_are_ten_annotations_at_most(causes: int, annotations: int) -> None:
    outcomes = [
        Outcome.of(number, batch(1), "failed", error=ApiError(Failure.SERVER, f"cause {number}"))
        for number in range(1, causes + 1)
    ]
    messages = failure_messages(run(*outcomes))
    assert len(messages) == annotations
    assert (f"and {causes - 9} more causes" in messages[-1]) == (causes > 10)


@pytest.mark.parametrize("number", [1, 10, 14])
def test_every_problem_with_the_inputs_is_named(number: int) -> None:
    problems = tuple(ZtpurgeError(f"wrong {index}", place=f"input-{index}") for index in range(number))
    messages = problem_messages(InvalidInputs(problems))
    assert len(messages) == min(number, 10)
    assert all(f"input-{index}: wrong {index}" in "; ".join(messages) for index in range(number))


def seen(state: Freshness, number: int = 1, *, host: str = "a.example", reason: str = "", looks: int = 1) -> Verdict:
    return Verdict(f"http://{host}/{number}", state, reason, looks=looks)


def looked(*verdicts: Verdict, is_fine: bool = False, outcomes: tuple[Outcome, ...] = ()) -> Report:
    outcomes = outcomes or (Outcome.of(1, batch(3), "accepted", "i"),)
    plan = Plan(batches_of(outcomes))
    return Report(plan=plan, outcomes=outcomes, verdicts=verdicts, stale_is_fine=is_fine)


def status_of(*outcomes: Outcome) -> Report:
    return Report(outcomes=outcomes, is_status=True)


TIME_OVER = ApiError(Failure.TIMEOUT, "still under way (`run`) after 300 s", remedy="Ask again")
PENDING = Outcome.of(1, batch(2), "pending", "i", 1, error=TIME_OVER)
FAILED = Outcome.of(2, batch(1), "failed", "j", 1, error=ERROR)


@pytest.mark.parametrize(
    ("report", "text"),
    [
        pytest.param(
            Report(plan=Plan((batch(3),)), outcomes=(Outcome.of(1, batch(3), "accepted", "i"),), waited=True),
            "3 URLs purged and reported done on 1 host, in 1 call",
            id="waited",
        ),
        pytest.param(run(PENDING), "2 of 2 URLs NOT confirmed as purged and maybe stale", id="not confirmed"),
        pytest.param(run(PENDING, FAILED), "3 of 3 URLs NOT purged and maybe stale", id="not confirmed, not purged"),
        pytest.param(
            looked(seen("fresh", 1), seen("fresh", 2), seen("stale", 3), seen("unverified", 4)),
            "3 URLs purged on 1 host, in 1 call; 2 seen fresh, 1 STILL STALE, 1 not verified",
            id="looked at",
        ),
        pytest.param(
            looked(seen("fresh"), outcomes=(Outcome.of(1, batch(1), "accepted", "i"), FAILED)),
            "1 of 2 URLs NOT purged and maybe stale; 1 seen fresh",
            id="failed and looked at",
        ),
        pytest.param(status_of(), "No reqIds to ask after", id="status of nothing"),
        pytest.param(
            status_of(Outcome.of(1, batch(1), "done", "h"), PENDING, FAILED),
            "3 reqIds asked after: 1 FAILED, 1 still under way, 1 done",
            id="status",
        ),
        pytest.param(
            status_of(Outcome.of(1, batch(0), "done", "h")),
            "1 reqId asked after: 1 done",
            id="status of one without a list",
        ),
    ],
)
def test_a_run_that_waited_or_looked_is_one_sentence(report: Report, text: str) -> None:
    assert headline(report) == text


@pytest.mark.parametrize(
    ("report", "title"),
    [
        pytest.param(run(FAILED), "Not purged, maybe stale", id="failed"),
        pytest.param(run(FAILED, PENDING), "Not purged or not confirmed, maybe stale", id="not confirmed"),
    ],
)
def test_the_list_of_what_may_be_stale_has_a_title(report: Report, title: str) -> None:
    assert maybe_stale_title(report) == title


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        pytest.param(
            Outcome.of(1, batch(10), "done", "fa97"),
            "done    reqId fa97  a.example  10 urls",
            id="done",
        ),
        pytest.param(
            Outcome.of(1, batch(1, "dirs"), "failed", "fa97", error=ERROR),
            "FAILED  reqId fa97  a.example  1 dir  the API answered 500: oops. Wait",
            id="failed",
        ),
        pytest.param(
            Outcome.of(1, batch(0), "pending", "fa97"),
            "pending  reqId fa97",
            id="under way, of which nothing is listed",
        ),
        pytest.param(
            Outcome.of(1, batch(2), "pending", "fa97", is_cut=True, late=("`ws_api` does not answer",)),
            "pending  reqId fa97  a.example  2 urls (the service lists no more)  `ws_api` does not answer",
            id="under way, since a provider is late",
        ),
        pytest.param(
            Outcome.of(1, batch(1, "prefetch"), "pending", "fa97", error=ERROR),
            "PENDING  reqId fa97  a.example  1 url  the API answered 500: oops. Wait",
            id="not told",
        ),
    ],
)
def test_a_req_id_that_ended_is_one_line(outcome: Outcome, line: str) -> None:
    assert progress_line(outcome) == line


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        pytest.param(seen("fresh"), "http://a.example/1", id="fresh"),
        pytest.param(
            seen("stale", reason="serves other content"),
            "http://a.example/1  (serves other content)",
            id="with a reason",
        ),
        pytest.param(
            Verdict("http://a.example/1", "stale", "answers 200", (("Age", "7"), ("Via", "x"))),
            "http://a.example/1  (answers 200; Age: 7, Via: x)",
            id="with what the edge said",
        ),
        pytest.param(
            Verdict("http://a.example/1", "stale", "", (("Age", "7"),)), "http://a.example/1  (Age: 7)", id="said only"
        ),
        pytest.param(
            Verdict("http://a.example/1", "stale", "serves other content", (("Age", "7"),), blame="origin"),
            "http://a.example/1  (serves other content; fetched after the purge; Age: 7)",
            id="from an old origin",
        ),
        pytest.param(
            Verdict("http://a.example/1", "stale", "serves other content", (("Age", "70"),), blame="edge"),
            "http://a.example/1  (serves other content; kept from before the purge; Age: 70)",
            id="kept by the edge",
        ),
        pytest.param(
            Verdict("http://a.example/%E6%98%A5/x%20y.html", "stale", "answers 404", blame="address"),
            "http://a.example/%E6%98%A5/x%20y.html  \u6625/x y.html  (answers 404)",
            id="with its name",
        ),
    ],
)
def test_a_verdict_is_one_line(verdict: Verdict, line: str) -> None:
    assert verdict_line(verdict) == line


@pytest.mark.parametrize(
    ("url", "line"),
    [
        pytest.param("http://a.example/a/b.css", "http://a.example/a/b.css", id="the same"),
        pytest.param("http://a.example/", "http://a.example/", id="the top"),
        pytest.param("http://a.example", "http://a.example", id="no path"),
        pytest.param("http://a.example/100%25.css", "http://a.example/100%25.css  100%.css", id="percent"),
        pytest.param("http://a.example/%E6%98%A5.html", "http://a.example/%E6%98%A5.html  \u6625.html", id="letters"),
        pytest.param("http://a.example/%FF", "http://a.example/%FF  \\xff", id="not UTF-8"),
        pytest.param(
            "http://a.example/%23%23[x]%0A%E2%80%AE%E2%80%8B",
            "http://a.example/%23%23[x]%0A%E2%80%AE%E2%80%8B  #\\#[x]\\n\\u202e\\u200b",
            id="hostile",
        ),
        pytest.param("no URL%20", "no URL%20", id="no URL"),
    ],
)
def test_a_url_is_shown_with_the_name_that_people_wrote(url: str, line: str) -> None:
    assert url_line(url) == line


@pytest.mark.parametrize(
    ("blames", "words"),
    [
        pytest.param(["", ""], "not fresh. First of them: ", id="nobody knows"),
        pytest.param(["origin"], "not fresh. The edge fetched that after the purge", id="an old origin"),
        pytest.param(["edge"], "not fresh. The purge has not reached this edge", id="an old edge"),
        pytest.param(["address"] * 3, "not fresh. None of the files is there: do `root` and `base-url` fit", id="none"),
    ],
)
def test_what_to_do_about_stale_urls_is_said_once_a_host(blames: list[Blame], words: str) -> None:
    verdicts = [replace(seen("stale", number), blame=blame) for number, blame in enumerate(blames)]
    (message,) = failure_messages(looked(*verdicts))
    assert words in message
    assert message.endswith("First of them: " + verdict_line(verdicts[0]))


@pytest.mark.parametrize(
    ("served", "is_advised"),
    [pytest.param("other content", True, id="an old file"), pytest.param("", False, id="nothing of the site")],
)
def test_an_old_file_of_nobody_knows_whom_has_advice_too(served: Served, is_advised: bool) -> None:
    found = advice([replace(seen("stale"), served=served)])
    assert any("does not tell whether the origin or the edge is late" in sentence for sentence in found) == is_advised
    assert advice([replace(seen("stale"), served=served), replace(seen("stale"), blame="edge")])[0].startswith(
        "The purge"
    )


def test_the_most_frequent_advice_comes_first() -> None:
    found = advice([replace(seen("stale"), blame=blame) for blame in ("edge", "", "", "", "origin", "origin")])
    assert [sentence.partition(" ")[2].partition(" ")[0] for sentence in found] == ["edge", "purge"]


def test_the_name_of_the_first_url_is_shown() -> None:
    url = "http://a.example/%E6%98%A5"
    failed = Outcome.of(1, Batch("urls", "a.example", (url,)), "failed", error=ERROR)
    verdict = replace(seen("unverified", reason="a link"), url=url)
    for message in (*failure_messages(looked(outcomes=(failed,))), unverified_message(looked(verdict))):
        assert message.endswith(f"First of them: {url}  \u6625")


def test_verdicts_are_counted_the_good_ones_first() -> None:
    verdicts = [seen("unverified"), *[seen("stale")] * 2, *[seen("fresh")] * 1234]
    assert verdict_counts(verdicts) == "1,234 seen fresh, 2 STILL STALE, 1 not verified"
    assert verdict_counts([]) == ""


@pytest.mark.parametrize(
    ("size", "kind", "text"),
    [
        (10, "urls", "10 urls"),
        (1, "urls", "1 url"),
        (1, "dirs", "1 dir"),
        (2, "prefetch", "2 urls"),
        (0, "urls", "0 urls"),
    ],
)
def test_a_call_has_a_size(size: int, kind: str, text: str) -> None:
    assert size_of(batch(size, kind)) == text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(
            manifest_line("dist", files=1234, changed=1, gone=0),
            "manifest: 1,234 files in dist, 1 not as last purged",
            id="manifest",
        ),
        pytest.param(
            manifest_line("", files=1, changed=0, gone=2),
            "manifest: 1 file in the workspace, 0 not as last purged, 2 files gone",
            id="manifest of the workspace",
        ),
    ],
)
def test_what_a_manifest_tells_is_one_sentence(line: str, text: str) -> None:
    assert line == text


@pytest.mark.parametrize(
    ("numbers", "are_known", "runs"),
    [
        pytest.param((5,), True, "1 run of this workflow (5) left no manifest", id="one"),
        pytest.param((5, 6, 8), True, "3 runs of this workflow (5 to 8) left no manifest", id="several"),
        pytest.param((5,), False, "1 run of this workflow (5) left no manifest", id="of whatever branch"),
    ],
)
def test_runs_that_left_no_manifest_are_named(numbers: tuple[int, ...], are_known: bool, runs: str) -> None:
    line = lost_runs(numbers, are_known=are_known)
    assert line.startswith(runs)
    assert "all files count as changed" in line
    assert ("`actions: read`" in line) != are_known


def test_stale_urls_are_one_annotation_a_host() -> None:
    verdicts = (
        seen("stale", 1, reason="serves other content"),
        seen("fresh", 2),
        seen("stale", 3, reason="answers 500"),
        seen("stale", 1, host="b.example", reason="answers 404"),
    )
    stale = (
        "2 URLs of a.example purged, but not fresh. First of them: http://a.example/1  (serves other content)",
        "1 URL of b.example purged, but not fresh. First of them: http://b.example/1  (answers 404)",
    )
    assert (failure_messages(looked(*verdicts)), warning_messages(looked(*verdicts))) == (stale, ())
    is_fine = looked(*verdicts, is_fine=True)
    assert (failure_messages(is_fine), warning_messages(is_fine)) == ((), stale)


PARTLY = replace(
    looked(seen("fresh", 0), seen("stale", 1, reason="serves other content"), seen("fresh", 9)), outcomes=(PENDING,)
)


def test_of_what_is_under_way_only_what_was_not_seen_fresh_is_annotated_and_listed() -> None:
    (message,) = failure_messages(PARTLY)
    assert message.startswith("1 URL of a.example not confirmed (1 call): still under way")
    assert message.endswith(". First of them: http://a.example/1")
    assert maybe_stale_lines(PARTLY) == ("http://a.example/1  (serves other content)",)


def test_what_was_seen_fresh_but_not_reported_done_is_a_warning_and_not_called_done() -> None:
    verdicts = (seen("fresh", 0), seen("fresh", 1))
    (outcome,) = confirm_by_sight([PENDING], verdicts)
    made = replace(run(outcome), verdicts=verdicts, waited=True)
    (warning,) = warning_messages(made)
    assert warning == (
        "2 URLs of a.example not reported done (1 call): still under way (`run`) after 300 s, but each of its URLs was "
        "seen fresh. If this CDN never reports an end, do without `wait`: `verify` sees for itself. "
        "First of them: http://a.example/0"
    )
    assert failure_messages(made) == ()
    assert "reported done" not in headline(made)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        pytest.param([False, False], "", id="all whole"),
        pytest.param(
            [True, False],
            "The lists of URLs are not whole: of 1 reqId the service lists only the first 2 of what was sent; "
            "the step that purged has them all in its outputs",
            id="one cut",
        ),
        pytest.param([True, True], "of 2 reqIds the service lists only the first 4 of what was sent", id="both cut"),
    ],
)
def test_lists_that_the_service_cut_are_said_to_be_cut(cut: list[bool], message: str) -> None:
    outcomes = [Outcome.of(1, batch(2), "failed", "i", error=ERROR, is_cut=is_cut) for is_cut in cut]
    text = cut_message(status_of(*outcomes))
    assert message in text
    assert bool(message) == bool(text)


def test_a_list_of_which_nothing_is_whole_is_said_to_be_so() -> None:
    outcome = Outcome.of(1, batch(0), "failed", "i", error=ERROR, is_cut=True)
    assert "of 1 reqId the service lists nothing of what was sent in full; " in cut_message(status_of(outcome))


def test_what_was_not_confirmed_is_not_said_to_be_not_purged() -> None:
    (message,) = failure_messages(run(PENDING))
    assert message == (
        "2 URLs of a.example not confirmed (1 call): still under way (`run`) after 300 s. Ask again. "
        "First of them: http://a.example/0"
    )


def test_a_prefetch_that_failed_is_a_warning() -> None:
    failed = Outcome.of(1, batch(2, "prefetch"), "failed", error=ERROR)
    made = Report(outcomes=(Outcome.of(1, batch(2), "accepted", "i"),), prefetched=(failed, failed))
    assert failure_messages(made) == ()
    assert warning_messages(made) == (
        "4 URLs of a.example not prefetched (2 calls): the API answered 500: oops. Wait. First of them: http://a.example/0",
    )


def test_a_prefetch_that_is_under_way_is_not_said_to_have_failed() -> None:
    pending = Outcome.of(1, batch(2, "prefetch"), "pending", "i", error=TIME_OVER)
    (message,) = warning_messages(Report(outcomes=(Outcome.of(1, batch(2), "accepted", "i"),), prefetched=(pending,)))
    assert "not confirmed" in message


def test_what_nobody_could_ask_after_is_not_said_to_be_under_way() -> None:
    refused = ApiError(Failure.AUTH, "the API answered 400: invalid token")
    assert "still under way" not in headline(status_of(Outcome.of(1, batch(0), "pending", "i", 1, error=refused)))


def test_a_prefetch_that_another_step_asked_for_is_no_purge() -> None:
    failed = Outcome.of(1, batch(2, "prefetch"), "failed", "i", 1, error=ERROR)
    (message,) = failure_messages(status_of(failed))
    assert "not purged" not in message


@pytest.mark.parametrize(
    ("url", "state", "warned"),
    [
        pytest.param("http://a.example/?a=1&b=2", "unverified", True, id="cut"),
        pytest.param("http://a.example/a,b", "fresh", False, id="seen fresh"),
        pytest.param("http://a.example/a", "unverified", False, id="not cut"),
    ],
)
def test_what_providers_may_cut_and_nobody_can_compare_is_warned_of(url: str, state: Freshness, warned: bool) -> None:
    plan = Plan((Batch("urls", "a.example", (url,)),))
    warnings = warning_messages(Report(plan=plan, verdicts=(Verdict(url, state, "why"),)))
    assert [f"First of them: {url}" in warning for warning in warnings] == [True] * warned


def test_a_req_id_of_which_nothing_is_listed_is_named() -> None:
    failed = [Outcome.of(number, Batch("urls", "", ()), "failed", f"id-{number}", 1, error=ERROR) for number in (1, 2)]
    assert failure_messages(status_of(*failed)) == ("2 reqIds: the API answered 500: oops. Wait. First of them: id-1",)


@pytest.mark.parametrize(("hosts", "annotations"), [(10, 10), (11, 10), (500, 10)])
def test_failures_and_stale_urls_share_ten_annotations(hosts: int, annotations: int) -> None:
    verdicts = tuple(seen("stale", host=f"{number}.example") for number in range(hosts - 1))
    messages = failure_messages(looked(*verdicts, outcomes=(FAILED,)))
    assert len(messages) == annotations
    assert "not purged" in messages[0]
    assert (f"and {hosts - 9} more causes" in messages[-1]) == (hosts > 10)
    assert len(warning_messages(looked(*verdicts, outcomes=(FAILED,), is_fine=True))) == min(hosts - 1, 10)


def test_what_could_not_be_verified_is_one_note_with_its_commonest_reasons() -> None:
    verdicts = [seen("unverified", reason=reason) for reason in ("a", "b", "b", "c", "d", "c", "b")]
    assert unverified_message(looked(seen("fresh"), *verdicts)) == (
        "7 URLs purged, but not verified to be fresh (3: b; 2: c; 1: a). First of them: http://a.example/1"
    )
    assert unverified_message(looked(seen("fresh"), seen("stale"))) == ""


def told(report: Report, **given_inputs: str) -> list[str]:
    """Return the lines that a run says, and annotates, to the runner."""
    out = io.StringIO()
    names = {f"INPUT_{name.replace('_', '-').upper()}": value for name, value in given_inputs.items()}
    announce(report, parse({"INPUT_TOKEN": "x", "INPUT_URLS": "[]", **names}), Runner({}, out))
    return out.getvalue().split("\n")[:-1]


STATES: tuple[Freshness, ...] = ("fresh", "stale", "unverified")
HOSTILE = st.text(min_size=1) | st.lists(
    st.sampled_from(
        [
            "##[error]x",
            "::error::x",
            "\n",
            "\r",
            "\r\n",
            "::stop-commands::x",
            "%0A::set-output::",
            " ",
            "\u2028",
            "\x1b[31m",
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)
HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
OURS = re.compile(r"::(group|(error|warning|notice) title=ztpurge)::.|::endgroup::$")


@given(reason=HOSTILE, said=HOSTILE, error=HOSTILE, entry=HOSTILE)
def test_no_text_from_outside_speaks_to_the_runner(reason: str, said: str, error: str, entry: str) -> None:
    verdicts = tuple(Verdict(f"http://a.example/{state}", state, reason, (("Via", said),)) for state in STATES)
    server = ApiError(Failure.SERVER, error, remedy=error)
    failed = Outcome.of(1, Batch("urls", "a.example", (entry,)), "failed", None, 1, error=server)
    prefetched = Outcome.of(1, Batch("prefetch", "a.example", (entry,)), "pending", "i", 1, error=server)
    status = Report(
        outcomes=(Outcome.of(1, Batch("urls", "a.example", (entry,)), "failed", "i", error=server),), is_status=True
    )
    for report in (Report(outcomes=(failed,), verdicts=verdicts, prefetched=(prefetched,)), status):
        lines = told(report)
        assert not [line for line in lines if line.lstrip().startswith("::") and not OURS.match(line)]
        assert not [line for line in lines if "##[" in line or HIDDEN.search(line)]
        assert sum(line.startswith("::error ") for line in lines) == (1 if report.is_status else 2)
        assert sum(line == "::endgroup::" for line in lines) == sum(line.startswith("::group::") for line in lines)


@pytest.mark.parametrize("fail_on_error", ["true", "false"])
def test_no_level_has_more_annotations_than_the_runner_keeps(fail_on_error: str) -> None:
    failed = tuple(
        Outcome.of(number, batch(1, host=f"{number}.example"), "failed", error=ERROR) for number in range(20)
    )
    prefetched = tuple(
        Outcome.of(number, batch(1, "prefetch", f"{number}.example"), "failed", error=ERROR) for number in range(20)
    )
    lines = told(Report(outcomes=failed, prefetched=prefetched), fail_on_error=fail_on_error)
    levels = [line.partition(" ")[0] for line in lines if line.startswith(("::error", "::warning", "::notice"))]
    assert levels
    assert all(levels.count(level) <= 10 for level in levels)
