"""Outcomes become one word, counts, lists and an exit code; nothing that may be stale is left out."""

from __future__ import annotations

import json

import pytest

from ztpurge.errors import ApiError, Failure
from ztpurge.mapping import Mapped, Skip, Target
from ztpurge.plan import Batch, Folded, Plan
from ztpurge.purge import Outcome
from ztpurge.report import MAX_OUTPUT, Report, exit_code, fit, outputs, refused_outputs, render_json

URLS = Batch("urls", "a.example", ("http://a.example/1", "http://a.example/2"))
DIRS = Batch("dirs", "a.example", ("http://a.example/d/",))
ERROR = ApiError(Failure.SERVER, "the API answered 500", remedy="Wait")


def report(*statuses: str) -> Report:
    outcomes = tuple(
        Outcome(
            number,
            batch,
            status,  # type: ignore[arg-type]
            req_id=f"id-{number}" if status in {"purged", "partial"} else None,
            attempts=0 if status == "dry-run" else 1,
            error=ERROR if status in {"failed", "partial"} else None,
        )
        for number, (batch, status) in enumerate(zip((URLS, DIRS), statuses, strict=False), start=1)
    )
    plan = Plan(tuple(outcome.batch for outcome in outcomes), (Folded("http://a.example/d/x", "http://a.example/d/"),))
    mapped = Mapped((Target("http://a.example/1", "1"),), (Skip("caf\udce9", "outside root x"),))
    return Report(mapped, plan, outcomes, seconds=1.5)


@pytest.mark.parametrize(
    ("statuses", "result", "code", "rate"),
    [
        pytest.param((), "nothing", 0, "100.0", id="no calls"),
        pytest.param(("purged", "purged"), "purged", 0, "100.0", id="all purged"),
        pytest.param(("purged", "failed"), "partial", 1, "66.6", id="one failed"),
        pytest.param(("purged", "partial"), "partial", 1, "66.6", id="one partly accepted"),
        pytest.param(("failed", "failed"), "failed", 1, "0.0", id="all failed"),
        pytest.param(("partial",), "failed", 1, "0.0", id="partly accepted only"),
        pytest.param(("dry-run", "dry-run"), "dry-run", 0, "0.0", id="dry run"),
    ],
)
def test_a_run_in_one_word(statuses: tuple[str, ...], result: str, code: int, rate: str) -> None:
    made = report(*statuses)
    assert (made.result, exit_code(made, fail_on_error=True)) == (result, code)
    assert exit_code(made, fail_on_error=False) == 0
    assert outputs(made)["success-rate"] == rate


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param(
            ("purged", "failed"),
            {
                "req-ids": ["id-1"],
                "purged-urls": list(URLS.entries),
                "purged-dirs": [],
                "failed-urls": ["http://a.example/d/", "http://a.example/d/x"],
                "url-count": 2,
                "dir-count": 0,
                "failed-count": 1,
            },
            id="directory failed, with what was folded into it",
        ),
        pytest.param(
            ("partial", "purged"),
            {
                "req-ids": ["id-1", "id-2"],
                "purged-urls": [],
                "purged-dirs": ["http://a.example/d/"],
                "failed-urls": list(URLS.entries),
                "url-count": 0,
                "dir-count": 1,
                "failed-count": 2,
            },
            id="partly accepted, with its reqId",
        ),
        pytest.param(
            ("dry-run", "dry-run"),
            {
                "req-ids": [],
                "purged-urls": [],
                "purged-dirs": [],
                "failed-urls": [],
                "url-count": 0,
                "request-count": 2,
            },
            id="dry run",
        ),
    ],
)
def test_outputs_count_and_list(statuses: tuple[str, ...], expected: dict[str, object]) -> None:
    values = {name: json.loads(value) for name, value in outputs(report(*statuses)).items() if name in expected}
    assert values == expected


def test_refused_runs_have_every_output_in_its_empty_form() -> None:
    assert refused_outputs().keys() == outputs(report()).keys()
    assert (refused_outputs()["result"], refused_outputs()["failed-urls"]) == ("failed", "[]")


@pytest.mark.parametrize(("size", "emptied"), [(MAX_OUTPUT, ()), (MAX_OUTPUT + 1, ("failed-urls",))])
def test_only_lists_that_are_too_long_are_emptied(size: int, emptied: tuple[str, ...]) -> None:
    values, names = fit({"failed-urls": "x" * size, "url-count": "1"})
    assert names == emptied
    assert values == {"failed-urls": "[]" if emptied else "x" * size, "url-count": "1"}


def test_the_json_report_is_ascii_and_whole() -> None:
    text = render_json(report("purged", "failed"))
    assert text.isascii()
    document = json.loads(text)
    assert document["skipped"] == [{"path": "caf\\xe9", "reason": "outside root x"}]
    assert [call["purge"] for call in document["requests"]] == [list(URLS.entries), list(DIRS.entries)]
    assert document["requests"][1]["error"] == "the API answered 500. Wait"
    assert document["folded"] == [{"url": "http://a.example/d/x", "directory": "http://a.example/d/"}]
    assert (document["result"], document["seconds"]) == ("partial", 1.5)
