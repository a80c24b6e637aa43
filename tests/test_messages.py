"""What people read: one line a call, one sentence a run, ten annotations at most."""

from __future__ import annotations

import pytest

from ztpurge.errors import ApiError, Failure, InvalidInputs, ZtpurgeError
from ztpurge.mapping import Mapped, Skip
from ztpurge.messages import count, failure_messages, headline, outcome_lines, plan_line, problem_messages
from ztpurge.plan import Batch, Folded, Plan
from ztpurge.purge import Outcome
from ztpurge.report import Report

ERROR = ApiError(Failure.SERVER, "the API answered 500: oops", remedy="Wait")


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
            Outcome(3, batch(10), "purged", "fa97", 1, 0.21),
            "[ 3/12] a.example       10 urls  reqId fa97  0.21 s",
            id="purged",
        ),
        pytest.param(
            Outcome(12, batch(1, "dirs"), "purged", "fa97", 3, 4.0),
            "[12/12] a.example         1 dir  reqId fa97  3 tries  4.00 s",
            id="purged in the end",
        ),
        pytest.param(
            Outcome(1, batch(2), "failed", None, 5, 9.5, ERROR),
            "[ 1/12] a.example        2 urls  NOT PURGED  5 tries  9.50 s  the API answered 500: oops. Wait",
            id="failed",
        ),
        pytest.param(
            Outcome(1, batch(2), "partial", "fa97", 1, 0.1, ERROR),
            "[ 1/12] a.example        2 urls  PARTIAL  reqId fa97  0.10 s  the API answered 500: oops. Wait",
            id="partial",
        ),
        pytest.param(
            Outcome(1, batch(2), "dry-run"), "[ 1/12] a.example        2 urls  dry run: not sent", id="dry run"
        ),
    ],
)
def test_a_call_is_one_aligned_line(outcome: Outcome, line: str) -> None:
    plan = Plan((batch(1, host="longer.example"),) * 12)
    assert outcome_lines(plan)(outcome) == line


def run(*outcomes: Outcome, mapped: Mapped | None = None) -> Report:
    return Report(mapped or Mapped(), Plan(tuple(outcome.batch for outcome in outcomes)), outcomes)


@pytest.mark.parametrize(
    ("report", "text"),
    [
        pytest.param(run(), "Nothing to purge: no changed files, urls or dirs were given", id="nothing given"),
        pytest.param(
            run(mapped=Mapped(skipped=(Skip("a", "outside root x"), Skip("b", "y"), Skip("c", "y")))),
            "Nothing to purge: 3 changed files skipped (2 y, 1 outside root x)",
            id="all skipped",
        ),
        pytest.param(
            run(Outcome(1, batch(3), "purged", "i"), Outcome(2, batch(1, "dirs", "b.example"), "purged", "j")),
            "3 URLs and 1 directory purged on 2 hosts, in 2 calls",
            id="purged",
        ),
        pytest.param(
            run(Outcome(1, batch(3), "purged", "i"), Outcome(2, batch(2), "failed", error=ERROR)),
            "2 of 5 URLs NOT purged and maybe stale",
            id="partial",
        ),
        pytest.param(
            run(Outcome(1, batch(3), "dry-run")),
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


def test_failures_with_one_cause_are_one_annotation() -> None:
    outcomes = [Outcome(number, batch(10), "failed", error=ERROR) for number in range(1, 31)]
    rejected = Outcome(31, batch(1, "dirs"), "failed", error=ApiError(Failure.REJECTED, "bad"))
    assert failure_messages(run(rejected, *outcomes)) == (
        "300 URLs of a.example not purged (30 calls): the API answered 500: oops. Wait. First of them: http://a.example/0",
        "1 directory of a.example not purged (1 call): bad. First of them: http://a.example/0",
    )


@pytest.mark.parametrize(("causes", "annotations"), [(10, 10), (11, 10), (500, 10)])
def test_there_are_ten_annotations_at_most(causes: int, annotations: int) -> None:
    outcomes = [
        Outcome(number, batch(1), "failed", error=ApiError(Failure.SERVER, f"cause {number}"))
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
