"""The job summary stays readable, inside GitHub's size, and renders nothing that comes from outside."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.cdn.plan import Batch, Folded, Plan
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.report.markdown import render_refusal, render_summary
from ztpurge.report.values import Report
from ztpurge.site.mapping import Mapped, Skip
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.cdn.purge import State

ALLOWED = {"details", "summary", "pre", "code", "br", "table", "tr", "th", "td", "ul", "li"}
MEBIBYTE = 1 << 20  # GitHub shows nothing of a longer summary


class Tags(HTMLParser):
    """What a renderer of HTML sees: tags, text that GitHub takes as it is (`kept`), and text that it works on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.kept: list[str] = []
        self.worked_on: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        assert [name for name, _ in attrs] in ([], ["open"])

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        is_code = any(self.opened.count(tag) > self.closed.count(tag) for tag in ("code", "pre"))
        (self.kept if is_code else self.worked_on).append(data)


def batches_of(outcomes: Iterable[Outcome]) -> tuple[Batch, ...]:
    return tuple(Batch(outcome.kind, outcome.host, outcome.entries) for outcome in outcomes)


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("<tr><td>")]


def cells_of(row: str) -> list[str]:
    return row.removeprefix("<tr><td>").removesuffix("</td></tr>").split("</td><td>")


def outcome(number: int, *, error: str = "", host: str = "a.example", size: int = 1) -> Outcome:
    batch = Batch("urls", host, tuple(f"http://{host}/{number}/{entry}" for entry in range(size)))
    if error:
        return Outcome.of(number, batch, "failed", attempts=5, seconds=7.0, error=ApiError(Failure.SERVER, error))
    return Outcome.of(number, batch, "accepted", f"id-{number}", 1, 0.25)


def run(*outcomes: Outcome, skipped: tuple[Skip, ...] = ()) -> Report:
    return Report(
        Mapped(skipped=skipped),
        Plan(batches_of(outcomes)),
        outcomes,
    )


def test_what_may_have_been_purged_is_told_from_what_was_not() -> None:
    doubtful = ApiError(Failure.TIMEOUT, "no answer", maybe_accepted=True)
    text = render_summary(run(replace(outcome(1, error="x"), error=doubtful), outcome(2, error="no")))
    assert "❌ failed, but may have been purged: <code>no answer</code></td>" in text
    assert "❌ failed: <code>no</code></td>" in text


def test_a_run_is_a_headline_a_table_and_folded_lists() -> None:
    assert render_summary(run(outcome(1, size=2), skipped=(Skip("src/a&b", "outside root x"),))) == (
        "### ✅ ztpurge: 2 URLs purged on 1 host, in 1 call\n"
        "\n"
        "<table>\n"
        "<tr><th>call</th><th>host</th><th>entries</th><th>result</th><th>reqId</th><th>tries</th><th>time</th></tr>\n"
        "<tr><td>1</td><td><code>a.example</code></td><td>2&nbsp;urls</td><td>✅ purged</td>"
        "<td><code>id-1</code></td><td>1</td><td>0.25&nbsp;s</td></tr>\n"
        "</table>\n"
        "\n"
        "<details><summary>Purged URLs (2)</summary>\n"
        "\n"
        "<pre>http://a.example/1/0\n"
        "http://a.example/1/1</pre>\n"
        "</details>\n"
        "\n"
        "<details><summary>Skipped changed files (1): <code>1 outside root x</code></summary>\n"
        "\n"
        "<pre>src/a&amp;b  (outside root x)</pre>\n"
        "</details>\n"
        "\n"
    )


def test_failures_come_first_and_are_not_folded_away() -> None:
    text = render_summary(run(outcome(1), outcome(2, error="the API answered 500")))
    assert [cells_of(row)[0] for row in rows_of(text)] == ["2", "1"]
    assert "<details open><summary>Not purged, maybe stale (1)</summary>\n\n<pre>http://a.example/2/0</pre>" in text


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
        "### ❌ ztpurge: nothing was purged\n"
        "\n"
        "<ul>\n"
        "<li><code>token: missing</code></li>\n"
        "<li><code>files: `&lt;b&gt;`</code></li>\n"
        "</ul>\n"
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
        "<table>\n"
        "<tr><th>URL</th><th>seen</th><th>the edge says</th></tr>\n"
        "<tr><td><code>http://a.example/1</code></td><td><code>serves other content</code></td>"
        "<td><code>Age: 7, Via: 1.1 x</code></td></tr>\n"
        "</table>\n"
    ) in text
    assert (
        "<details><summary>Purged, but not verified (1)</summary>\n\n"
        "<pre>http://a.example/2  (larger than 1024 MiB)</pre>" in text
    )
    assert "http://a.example/3" not in html.unescape(text)


def test_prefetches_are_a_folded_list() -> None:
    prefetched = (
        Outcome.of(1, Batch("prefetch", "a.example", ("http://a.example/1",)), "accepted", "pre-1", 1),
        Outcome.of(
            2, Batch("prefetch", "a.example", ("x", "y")), "failed", None, 5, error=ApiError(Failure.SERVER, "<oops>")
        ),
    )
    assert (
        "<details><summary>Prefetch, 1 failed (2)</summary>\n\n"
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
            "### ⏳ ztpurge: 2 reqIds asked after: 1 still under way, 1 done",
            id="under way",
        ),
        pytest.param(("done",), True, "### ✅ ztpurge: 1 reqId asked after: 1 done", id="done"),
        pytest.param(("failed",), True, "### ❌ ztpurge: 1 reqId asked after: 1 FAILED", id="failed"),
        pytest.param((), True, "### ✅ ztpurge: No reqIds to ask after", id="nothing asked"),
    ],
)
def test_a_headline_has_its_icon(statuses: tuple[State, ...], is_status: bool, start: str) -> None:
    ended = tuple(
        replace(
            outcome(number),
            state=status,
            error=None if status == "done" or (is_status and status == "pending") else ApiError(Failure.SERVER, "x"),
        )
        for number, status in enumerate(statuses, start=1)
    )
    assert render_summary(replace(run(*ended), is_status=is_status)).splitlines()[0] == start


def test_a_req_id_of_which_nothing_is_listed_has_empty_cells() -> None:
    unknown = Outcome.of(1, Batch("urls", "", ()), "done", "id-1", 1, 0.25)
    text = render_summary(Report(plan=Plan(), outcomes=(unknown,), is_status=True))
    (row,) = rows_of(text)
    assert cells_of(row) == ["1", "", "", "✅ done", "<code>id-1</code>", "1", "0.25&nbsp;s"]


def test_names_are_shown_as_people_write_them() -> None:
    stale, failed, unverified = (f"http://a.example/{number}/%E6%98%A5%20%3Cb%3E.html" for number in range(3))
    batch = Batch("urls", "a.example", (failed,))
    verdicts = (replace(STALE, url=stale), replace(UNVERIFIED, url=unverified))
    text = render_summary(replace(run(replace(outcome(1, error="oops"), entries=batch.entries)), verdicts=verdicts))
    assert f"<td><code>{stale}</code><br><code>0/\u6625 &lt;b&gt;.html</code></td>" in text
    assert f"<pre>{failed}  1/\u6625 &lt;b&gt;.html</pre>" in text
    assert f"<pre>{unverified}  2/\u6625 &lt;b&gt;.html  (larger than 1024 MiB)</pre>" in text


def test_what_to_do_about_stale_urls_stands_below_them() -> None:
    text = render_summary(replace(run(outcome(1)), verdicts=(replace(STALE, blame="address"),)))
    assert "</table>\n\nNone of the files is there: do `root` and `base-url` fit" in text


HOSTILE = st.text(min_size=1) | st.lists(
    st.sampled_from(
        [
            *(
                "##[error]",
                "|",
                "`",
                "``",
                "\\",
                "<script>",
                "</pre>",
                "</code>",
                "</table>",
                "<!--",
                "\n",
                "\n\n",
                "\r",
            ),
            *("a@b.example", "@octocat", "#1", "]( http://x )", "www.x.example", "https://x.example", "&lt;", "&#64;"),
            *("\n\n# x", "- ", "owner/x#1", ":tada:", "xmpp:a@b.example", "\u2028"),
        ]
    ),
    min_size=1,
    max_size=5,
).map("".join)


def everything(text: str) -> tuple[str, ...]:
    """Render summaries that show a text wherever one from outside is shown."""
    server = ApiError(Failure.SERVER, text, remedy=text)
    batch = Batch("urls", "a.example", (text,))
    listed = Outcome.of(1, batch, "pending", "i", 1, error=server)
    report = Report(
        mapped=Mapped(skipped=(Skip(text, f"outside root {text}"),)),
        plan=Plan((batch,), (Folded(text, text),)),
        outcomes=(
            listed,
            Outcome.of(1, batch, "accepted", "i"),
            Outcome.of(1, replace(batch, kind="dirs"), "accepted", "i"),
        ),
        prefetched=(replace(listed, kind="prefetch"),),
        verdicts=(
            Verdict(text, "stale", text, (("Via", text),), blame="origin"),
            Verdict(f"{text}1", "stale", text, (("Via", text),), blame="origin"),
            Verdict(f"http://a.example/{quote(text, errors='replace')}%20", "stale", text),
            Verdict(f"{text}2", "unverified", text, (("Via", text),)),
        ),
    )
    dry = Report(plan=report.plan, outcomes=(Outcome.of(1, batch, "planned"),))
    return (
        render_summary(report),
        render_summary(dry),
        render_summary(Report(mapped=report.mapped)),
        render_summary(Report(mapped=report.mapped, refusal=ZtpurgeError(text, remedy=text))),
        render_summary(replace(report, is_status=True)),
        render_refusal((text, text)),
    )


@given(text=HOSTILE)
def test_nothing_from_outside_is_markup_or_text_that_github_works_on(text: str) -> None:
    for shown, plain in zip(everything(text), everything("x"), strict=True):
        tags, expected = Tags(shown), Tags(plain)
        assert {*tags.opened} <= ALLOWED
        assert (tags.opened, tags.closed) == (expected.opened, expected.closed)
        assert tags.worked_on == expected.worked_on
        assert for_log(text, limit=300) in "".join(tags.kept)
        # CommonMark 4.6: what begins with such a tag is HTML up to a blank line, or up to </pre>
        assert shown.count("\n") == plain.count("\n")
        assert shown.count("\n\n") == plain.count("\n\n")
        assert "##[" not in shown
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", shown)


def test_all_that_is_not_ours_is_kept_as_it_is() -> None:
    for shown in everything("Q"):
        assert "Q" not in "".join(Tags(shown).worked_on)
        for block in shown.split("\n\n"):
            first = block.partition("\n")[0]
            assert "Q" not in block or first.startswith(("<table>", "<pre>", "<ul>", "<details>"))


STATES: tuple[State, ...] = ("accepted", "failed", "pending", "partial")


@pytest.mark.parametrize(("word", "is_status"), [("x", False), ("|", True), ("<", False), ("\u202e", False)])
def test_a_summary_of_everything_at_its_longest_fits(word: str, is_status: bool) -> None:
    count = 300  # of each: far more than fits
    long = word * 3000
    server = ApiError(Failure.SERVER, long, remedy=long)
    urls = [f"http://a.example/{number}/{'x' * 1500}" for number in range(count)]
    said = tuple((name, word * 100) for name in ("Age", "X-Cache", "Via", "ETag", "Last-Modified"))
    outcomes = tuple(
        Outcome.of(
            number,
            Batch("urls" if number % 2 else "dirs", f"{'h' * 240}.example", tuple(urls[number : number + 10])),
            STATES[number // 2 % 4],
            "i" * 128,
            5,
            900,
            server if number // 2 % 4 else None,
        )
        for number in range(count)
    )
    report = Report(
        Mapped(skipped=tuple(Skip(f"{long}{number}", f"outside root {word * 200}") for number in range(count))),
        Plan(
            batches_of(outcomes),
            tuple(Folded(url, url) for url in urls),
        ),
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
    rows = rows_of(stale)
    assert rows
    assert f"… and {found - len(rows):,} more; <code>report-file</code> has them all." in stale
    assert text.count("more; <code>report-file</code> has them all</pre>") == 7
    tags = Tags(text)
    assert tags.opened.count("details") == tags.closed.count("details") == 7


def test_the_number_of_stale_urls_that_are_left_out_is_told() -> None:
    verdicts = tuple(replace(STALE, url=f"http://a.example/{number}") for number in range(10_000))
    text = render_summary(replace(run(outcome(1)), verdicts=verdicts))
    shown = text.count("<td><code>http://a.example/")
    assert 0 < shown < 10_000
    assert f"… and {10_000 - shown:,} more; <code>report-file</code> has them all." in text
    assert len(text.encode()) < MEBIBYTE
