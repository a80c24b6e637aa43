"""Summaries of whole situations: as they were looked at and found good, kept in `summaries/`.

`python -m tests.report.pictures` writes them anew, to be looked at again.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.report.situations import situations
from ztpurge.report.document import render_json
from ztpurge.report.markdown import MOST_BYTES, render_summary

TOP = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).with_name("summaries")
SITUATIONS = situations()
SCHEMA = json.loads((TOP / "docs/report.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in SITUATIONS if name != "10,000 URLs"])
def test_a_summary_is_as_it_was_found_good(name: str) -> None:
    assert render_summary(SITUATIONS[name]) == (KEPT / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_report_file_is_as_described_and_gives_the_same_summary(name: str) -> None:
    text = render_json(SITUATIONS[name])
    assert text.isascii()
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))
    assert render_summary(json.loads(text)) == render_summary(SITUATIONS[name])


def test_ten_thousand_urls_are_a_glance_and_folds() -> None:
    summary = render_summary(SITUATIONS["10,000 URLs"])
    assert len(summary.encode()) < MOST_BYTES
    assert summary.startswith("<h3>✅ 10,000 URLs on <code>static.example.com</code> purged")
    assert "<details><summary>1,000 calls</summary>" in summary
    assert "<details><summary>Purged URLs (10,000) in 250 folders</summary>" in summary


def test_no_name_is_described_that_no_report_has() -> None:
    assert {*SCHEMA["properties"]} == {*SITUATIONS["all well"]}
