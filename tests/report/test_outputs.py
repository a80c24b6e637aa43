"""Outputs fit into what GitHub takes, and the JSON report has all of it; what it says is held by test_announce.py."""

from __future__ import annotations

import json

import pytest

from tests.report.reports import call, run
from ztpurge.report.outputs import MAX_OUTPUT, fit, outputs
from ztpurge.report.values import Report


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
