"""Outputs fit into what GitHub takes, and the JSON report has all of it; what it says is held by test_announce.py."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.report.reports import A, call, run, seen
from ztpurge.report.outputs import MAX_OUTPUT, fit, outputs, render_json
from ztpurge.report.values import Report
from ztpurge.site.mapping import Mapped, Skip, Target


@pytest.mark.parametrize(("more", "is_emptied"), [(0, False), (1, True)])
def test_every_list_that_is_too_long_is_emptied_and_nothing_else(more: int, is_emptied: bool) -> None:
    lists = {name for name, value in outputs(Report()).items() if value == "[]" and is_emptied}
    values, emptied = fit(
        {name: value + " " * (MAX_OUTPUT + more - len(value)) for name, value in outputs(Report()).items()}
    )
    assert {*emptied} == {name for name, value in values.items() if value == "[]"} == lists


def test_a_long_list_has_lines_that_forgejo_takes() -> None:
    text = outputs(run(call("failed", " ".join("x" * 90 + str(number) for number in range(1000)))))["failed-urls"]
    assert len(json.loads(text)) == 1000
    assert max(map(len, text.splitlines())) < 200


def test_the_json_report_is_ascii_and_whole() -> None:
    verdict = seen("1", "stale", "by way of 301 to \u202ex\udce9", said=(("Via", 'é"'),), looks=3, blame="origin")
    report = run(
        call("accepted", "1 2", attempts=1, seconds=0.12345),
        call("failed", "d/", "dirs"),
        folded={"d/x": "d/"},
        verdicts=(verdict,),
        prefetched=(call("failed", "1", "prefetch", attempts=5),),
        mapped=Mapped((Target(A + "1", "caf\udce9", "the inputs"),), (Skip("caf\udce9", "outside root x"),)),
    )
    text = render_json(replace(report, seconds=1.23456))
    document = json.loads(text)
    assert text.isascii()
    assert document.pop("ztpurge")
    error = "the API answered 500: oops. Wait"
    a_call = {"host": "a.example", "reqId": None, "attempts": 0, "error": None, "status": "failed"}
    first = {"kind": "urls", "entries": 2, "reqId": "i", "attempts": 1, "status": "purged", "seconds": 0.123}
    second = {"kind": "dirs", "entries": 1, "seconds": 0.0, "error": error, "purge": [A + "d/"]}
    third = {"kind": "prefetch", "entries": 1, "attempts": 5, "error": error, "urls": [A + "1"]}
    seen_stale = {"url": A + "1", "state": "stale", "reason": verdict.reason, "looks": 3, "blame": "origin"}
    assert document == {
        "schema": 1,
        "result": "partial",
        "seconds": 1.235,
        "success_rate": 200 / 3,
        "requests": [a_call | first | {"purge": [A + "1", A + "2"]}, a_call | second],
        "failed_urls": [A + "d/", A + "d/x"],
        "stale_urls": [A + "1"],
        "verified": [seen_stale | {"said": {"Via": 'é"'}}],
        "prefetch": [a_call | third],
        "targets": [{"url": A + "1", "kind": "urls", "path": "caf\\xe9", "by": "the inputs"}],
        "folds": [],
        "hashed": [],
        "folded": [{"url": A + "d/x", "directory": A + "d/"}],
        "skipped": [{"path": "caf\\xe9", "reason": "outside root x"}],
    }
