"""The job summary stays readable, inside GitHub's size, and renders nothing that comes from outside."""

from __future__ import annotations

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.errors import ApiError, Failure
from ztpurge.mapping import Mapped, Skip
from ztpurge.plan import Batch, Plan
from ztpurge.purge import Outcome
from ztpurge.report import Report
from ztpurge.summary import render_refusal, render_summary

ALLOWED = {"details", "summary", "pre", "code"}


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        assert [name for name, _ in attrs] in ([], ["open"])

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def outcome(number: int, *, error: str = "", host: str = "a.example", size: int = 1) -> Outcome:
    batch = Batch("urls", host, tuple(f"http://{host}/{number}/{entry}" for entry in range(size)))
    if error:
        return Outcome(number, batch, "failed", attempts=5, seconds=7.0, error=ApiError(Failure.SERVER, error))
    return Outcome(number, batch, "purged", f"id-{number}", 1, 0.25)


def run(*outcomes: Outcome, skipped: tuple[Skip, ...] = ()) -> Report:
    return Report(Mapped(skipped=skipped), Plan(tuple(done.batch for done in outcomes)), outcomes)


def test_a_run_is_a_headline_a_table_and_folded_lists() -> None:
    assert render_summary(run(outcome(1, size=2), skipped=(Skip("src/a&b", "outside root x"),))) == (
        "### ✅ ztpurge: 2 URLs purged on 1 host, in 1 call\n"
        "\n"
        "| call | host | entries | result | reqId | tries | time |\n"
        "| ---: | :--- | ---: | :--- | :--- | ---: | ---: |\n"
        "| 1 | `a.example` | 2&nbsp;urls | ✅ purged | `id-1` | 1 | 0.25&nbsp;s |\n"
        "\n"
        "<details><summary>Purged URLs (2)</summary>\n"
        "\n"
        "<pre>http://a.example/1/0\n"
        "http://a.example/1/1</pre>\n"
        "</details>\n"
        "\n"
        "<details><summary>Skipped changed files: 1 outside root x (1)</summary>\n"
        "\n"
        "<pre>src/a&amp;b  (outside root x)</pre>\n"
        "</details>\n"
        "\n"
    )


def test_failures_come_first_and_are_not_folded_away() -> None:
    text = render_summary(run(outcome(1), outcome(2, error="the API answered 500")))
    rows = [line for line in text.splitlines() if line.startswith("| ") and "example" in line]
    assert [row.split("|")[1].strip() for row in rows] == ["2", "1"]
    assert "<details open><summary>Not purged, maybe stale (1)</summary>\n\n<pre>http://a.example/2/0</pre>" in text


@given(name=st.text(), error=st.text(min_size=1))
def test_nothing_from_outside_is_markup(name: str, error: str) -> None:
    text = render_summary(run(outcome(1, error=error), skipped=(Skip(name, "outside root x"),)))
    tags = Tags(text)
    assert set(tags.opened) <= ALLOWED
    assert sorted(tags.opened) == sorted(tags.closed)
    (row,) = [line for line in text.splitlines() if "`a.example`" in line]
    assert row.count("|") == 8
    cell = row.split("|")[4].partition("failed:")[2]
    assert not set("<>`*_[]~!#@\\") & set(cell.replace("&#", ""))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("@someone #1", "@someone #1", id="mention and reference"),
        pytest.param("![x](http://y)", "![x](http://y)", id="image"),
        pytest.param("a|b", "a|b", id="cell border"),
        pytest.param("it's <b>&amp;</b>", "it's <b>&amp;</b>", id="HTML"),
        pytest.param("a\nb", "a\\nb", id="line break"),
        pytest.param("www.example.com https://x.example", "www.example.com https://x.example", id="bare links"),
    ],
)
def test_markdown_in_an_error_is_shown_as_it_is(text: str, shown: str) -> None:
    summary = render_summary(run(outcome(1, error=text)))
    (row,) = [line for line in summary.splitlines() if "`a.example`" in line]
    assert html.unescape(row.split("|")[4]) == f" ❌ failed: {shown} "
    assert text not in summary


@pytest.mark.parametrize("error", ["", "x" * 5000 + "|<&"])
def test_a_summary_of_ten_thousand_fits(error: str) -> None:
    outcomes = [outcome(number, error=error, host="h" * 60, size=10) for number in range(1, 1001)]
    skipped = tuple(Skip(f"{'<&' * 100}{number}", "outside root x") for number in range(10_000))
    text = render_summary(run(*outcomes, skipped=skipped))
    assert len(text.encode()) < 1_000_000
    assert "(10,000)</summary>" in text
    assert "more; <code>report-file</code> has them all</pre>" in text
    assert Tags(text).opened.count("details") == Tags(text).closed.count("details")


def test_a_refusal_names_each_problem() -> None:
    assert render_refusal(("token: missing", "files: `<b>`")) == (
        "### ❌ ztpurge: nothing was purged\n\n- token&#58; missing\n- files&#58; &#96;&#60;b&#62;&#96;\n"
    )
