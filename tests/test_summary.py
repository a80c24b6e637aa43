"""The job summary stays readable, inside GitHub's size, and renders nothing that comes from outside."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ztpurge.errors import ApiError, Failure
from ztpurge.mapping import Mapped, Skip
from ztpurge.plan import Batch, Folded, Plan
from ztpurge.purge import Outcome
from ztpurge.report import Report
from ztpurge.summary import render_refusal, render_summary
from ztpurge.verdict import Verdict

if TYPE_CHECKING:
    from ztpurge.purge import Status

ALLOWED = {"details", "summary", "pre", "code", "br"}
MEBIBYTE = 1 << 20  # GitHub shows nothing of a longer summary


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


def test_what_may_have_been_purged_is_told_from_what_was_not() -> None:
    doubtful = ApiError(Failure.TIMEOUT, "no answer", maybe_accepted=True)
    text = render_summary(run(replace(outcome(1, error="x"), error=doubtful), outcome(2, error="no")))
    assert "❌ failed, but may have been purged: no answer |" in text
    assert "❌ failed: no |" in text


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


STALE = Verdict("http://a.example/1", "stale", "serves other content", (("Age", "7"), ("Via", "1.1 x")), 3)
UNVERIFIED = Verdict("http://a.example/2", "unverified", "larger than 1024 MiB")


def test_stale_urls_are_a_table_with_what_the_edge_says() -> None:
    text = render_summary(
        replace(run(outcome(1)), verdicts=(STALE, UNVERIFIED, Verdict("http://a.example/3", "fresh")))
    )
    assert (
        "**Purged, but not fresh (1)**\n"
        "\n"
        "| URL | seen | the edge says |\n"
        "| :--- | :--- | :--- |\n"
        "| http&#58;//a.example/1 | serves other content | Age:&nbsp;7, Via:&nbsp;1.1 x |\n"
    ) in text
    assert (
        "<details><summary>Purged, but not verified (1)</summary>\n\n"
        "<pre>http://a.example/2  (larger than 1024 MiB)</pre>" in text
    )
    assert "http://a.example/3" not in html.unescape(text)


def test_prefetches_are_a_folded_list() -> None:
    prefetched = (
        Outcome(1, Batch("prefetch", "a.example", ("http://a.example/1",)), "purged", "pre-1", 1),
        Outcome(
            2, Batch("prefetch", "a.example", ("x", "y")), "failed", None, 5, error=ApiError(Failure.SERVER, "<oops>")
        ),
    )
    assert (
        "<details><summary>Prefetch (2)</summary>\n\n"
        "<pre>pre-1  a.example  1 url\n"
        "no reqId  a.example  2 urls  (&lt;oops&gt;)</pre>"
    ) in render_summary(replace(run(outcome(1)), prefetched=prefetched))


@pytest.mark.parametrize(
    ("statuses", "is_status", "start"),
    [
        pytest.param(
            ("pending",), False, "### ❌ ztpurge: 1 of 1 URL NOT confirmed as purged and maybe stale", id="pending"
        ),
        pytest.param(
            ("done", "pending"),
            True,
            "### ⏳ ztpurge: 2 reqIds asked after&#58; 1 still under way, 1 done",
            id="under way",
        ),
        pytest.param(("done",), True, "### ✅ ztpurge: 1 reqId asked after&#58; 1 done", id="done"),
        pytest.param(("failed",), True, "### ❌ ztpurge: 1 reqId asked after&#58; 1 FAILED", id="failed"),
        pytest.param((), True, "### ✅ ztpurge: No reqIds to ask after", id="nothing asked"),
    ],
)
def test_a_headline_has_its_icon(statuses: tuple[Status, ...], is_status: bool, start: str) -> None:
    ended = tuple(
        replace(
            outcome(number),
            status=status,
            error=None if status == "done" or (is_status and status == "pending") else ApiError(Failure.SERVER, "x"),
        )
        for number, status in enumerate(statuses, start=1)
    )
    assert render_summary(replace(run(*ended), is_status=is_status)).splitlines()[0] == start


def test_a_req_id_of_which_nothing_is_listed_has_empty_cells() -> None:
    unknown = Outcome(1, Batch("urls", "", ()), "done", "id-1", 1, 0.25)
    text = render_summary(Report(plan=Plan((unknown.batch,)), outcomes=(unknown,), is_status=True))
    (row,) = [line for line in text.splitlines() if "id-1" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["1", "", "", "✅ done", "`id-1`", "1", "0.25&nbsp;s"]


HOSTILE = st.text(min_size=1) | st.lists(
    st.sampled_from(
        ["##[error]", "|", "`", "``", "<script>", "</pre>", "\n", "\r", "@octocat", "]( http://x )", "&lt;", "#1"]
    ),
    min_size=1,
    max_size=5,
).map("".join)


@given(url=HOSTILE, reason=HOSTILE, said=HOSTILE, error=HOSTILE, entry=HOSTILE)
def test_nothing_that_an_edge_or_a_service_says_is_markup(
    url: str, reason: str, said: str, error: str, entry: str
) -> None:
    assume(url != entry)
    server = ApiError(Failure.SERVER, error, remedy=error)
    prefetched = Outcome(1, Batch("prefetch", "a.example", (entry,)), "pending", "i", 1, error=server)
    listed = Outcome(1, Batch("urls", "a.example", (entry,)), "pending", "i", 1, error=server)
    text = render_summary(
        Report(
            plan=Plan((listed.batch,), (Folded(entry, entry),)),
            outcomes=(listed,),
            prefetched=(prefetched,),
            verdicts=(
                Verdict(url, "stale", reason, (("Via", said),)),
                Verdict(url, "unverified", reason, (("Via", said),)),
            ),
        )
    )
    tags = Tags(text)
    assert set(tags.opened) <= ALLOWED
    assert sorted(tag for tag in tags.opened if tag != "br") == sorted(tags.closed)
    assert "##[" not in text
    lines = text.split("\n")
    (row,) = lines[lines.index("| :--- | :--- | :--- |") + 1 : lines.index("| :--- | :--- | :--- |") + 2]
    assert row.count("|") == 4
    assert not set("<>`*_[]~!#@\\") & set(row.replace("&#", "").replace("<br>", ""))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text)


@pytest.mark.parametrize(("word", "is_status"), [("x", False), ("|", True), ("<", False), ("\u202e", False)])
def test_a_summary_of_everything_at_its_longest_fits(word: str, is_status: bool) -> None:
    count = 800  # of each: far more than fits
    long = word * 3000
    server = ApiError(Failure.SERVER, long, remedy=long)
    urls = [f"http://a.example/{number}/{'x' * 1500}" for number in range(count)]
    said = tuple((name, word * 100) for name in ("Age", "X-Cache", "Via", "ETag", "Last-Modified"))
    outcomes = tuple(
        Outcome(
            number,
            Batch("urls" if number % 2 else "dirs", f"{'h' * 240}.example", tuple(urls[number : number + 10])),
            ("purged", "failed", "pending", "partial")[number // 2 % 4],
            "i" * 128,
            5,
            900,
            server if number // 2 % 4 else None,
        )
        for number in range(count)
    )
    report = Report(
        Mapped(skipped=tuple(Skip(f"{long}{number}", f"outside root {word * 200}") for number in range(count))),
        Plan(tuple(done.batch for done in outcomes), tuple(Folded(url, url) for url in urls)),
        outcomes,
        verdicts=(
            *(Verdict(f"{url}/purged", "stale", long, said, 9) for url in urls),
            *(Verdict(f"{url}/purged", "unverified", long, said) for url in urls),
            *(Verdict(url, "stale", long, said, 9) for url in urls),  # of what is under way
        ),
        prefetched=outcomes,
        is_status=is_status,
    )
    text = render_summary(report)
    assert len(text.encode()) < MEBIBYTE
    found = len(report.seen("stale"))
    stale = text[text.index(f"**Purged, but not fresh ({found:,})**") :].partition("<details")[0]
    rows = [line for line in stale.splitlines() if line.startswith("| http")]
    assert rows
    assert f"… and {found - len(rows):,} more; <code>report-file</code> has them all." in stale
    assert text.count("more; <code>report-file</code> has them all</pre>") == 7
    tags = Tags(text)
    assert tags.opened.count("details") == tags.closed.count("details") == 7


def test_the_number_of_stale_urls_that_are_left_out_is_told() -> None:
    verdicts = tuple(replace(STALE, url=f"http://a.example/{number}") for number in range(10_000))
    text = render_summary(replace(run(outcome(1)), verdicts=verdicts))
    shown = text.count("| http&#58;//a.example/")
    assert 0 < shown < 10_000
    assert f"… and {10_000 - shown:,} more; <code>report-file</code> has them all." in text
    assert len(text.encode()) < MEBIBYTE
