"""The job summary stays readable, inside GitHub's size, and renders nothing that comes from outside."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from tests.report.reports import call, run, status
from ztpurge.cdn.plan import Folded
from ztpurge.edge.judge import Sight, Verdict
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.report.document import describe, describe_refusal
from ztpurge.report.endings import held_back
from ztpurge.report.markdown import MOST_BYTES, render_summary
from ztpurge.report.values import Report, StatusReport
from ztpurge.site.mapping import Mapped, Skip
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from ztpurge.cdn.purge import State

ALLOWED = {
    *["details", "summary", "pre", "code", "samp", "br", "table", "tr", "th", "td", "ul", "li", "h3", "p", "b", "a"]
}


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
        assert tag in ALLOWED
        for name, value in attrs:
            assert name in {"open", "nowrap"} or re.fullmatch(r"/octo/site/(compare|commit)/[0-9a-f.]+", value or "")

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        is_code = any(self.opened.count(tag) > self.closed.count(tag) for tag in ("code", "pre", "samp"))
        (self.kept if is_code else self.worked_on).append(data)


# fmt: off
MARKUP = [
    "##[error]", "|", "`", "``", "\\", "<script>", "</pre>", "</code>", "</table>", "<!--", "\n", "\n\n", "\r",
    "a@b.example", "@octocat", "#1", "]( http://x )", "www.x.example", "https://x.example", "&lt;", "&#64;",
    "\n\n# x", "- ", "owner/x#1", ":tada:", "xmpp:a@b.example", "\u2028",
]
# fmt: on
HOSTILE = st.text(min_size=1) | st.lists(st.sampled_from(MARKUP), min_size=1, max_size=5).map("".join)


def everything(text: str) -> tuple[str, ...]:
    """Render summaries that show a text wherever one from outside is shown."""
    server = ApiError(Failure.SERVER, text, remedy=text)
    listed = replace(call("pending", error=server), entries=(text,))
    said = (("Via", text),)
    sights = (Sight(text, text, "stale", text, said), Sight("e2", "", "fresh", text))
    purged = [f"{text}1", f"{text}2", f"http://a.example/{quote(text, errors='replace')}%20"]
    accepted = replace(call("accepted"), entries=tuple(purged))
    report = replace(
        run(listed, accepted, replace(accepted, kind="dirs", entries=(f"http://a.example/{text}d/",))),
        mapped=Mapped(skipped=(Skip(text, f"outside root {text}"),)),
        prefetched=(replace(listed, kind="prefetch"),),
        verdicts=(
            Verdict(text, "stale", text, said, blame="origin"),
            Verdict(purged[0], "stale", text, said, blame="origin", sights=sights),
            Verdict(purged[1], "unverified", text, said),
            Verdict(purged[2], "stale", text),
        ),
    )
    report = replace(
        report,
        plan=replace(report.plan, folded=(Folded(text, text),)),
        again=(replace(listed, req_id=None), accepted),
        unreachable={text: (text,)},
    )
    late = (Verdict(purged[1], "stale", text, said, at=f"http://x/{text}"),)
    reports = (
        report,
        run(replace(listed, state="planned", error=None)),
        held_back(replace(report, verdicts=(), again=()), late),
        Report(mapped=report.mapped),
        Report(mapped=report.mapped, refusal=ZtpurgeError(text, remedy=text)),
        status(*report.outcomes),
    )
    return tuple(map(render_summary, (*map(describe, reports), describe_refusal([text, text]))))


@given(text=HOSTILE)
def test_nothing_from_outside_is_markup_or_text_that_github_works_on(text: str) -> None:
    for shown, plain in zip(everything(text), everything("x"), strict=True):
        tags, expected = Tags(shown), Tags(plain)
        assert (tags.opened, tags.closed) == (expected.opened, expected.closed)
        assert tags.worked_on == expected.worked_on
        assert for_log(text, limit=300) in "".join(tags.kept)
        # CommonMark 4.6: what begins with such a tag is HTML up to a blank line, or up to </pre>
        assert shown.count("\n") == plain.count("\n")
        assert shown.count("\n\n") == plain.count("\n\n")
        assert "##[" not in shown
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", shown)


@given(text=HOSTILE)
def test_github_s_own_parser_makes_no_tag_link_or_mention_of_it(text: str) -> None:
    for shown, plain in zip(everything(text), everything("x"), strict=True):
        tags, expected = (
            Tags(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))
            for markdown in (shown, plain)
        )
        assert (tags.opened, tags.closed) == (expected.opened, expected.closed)
        assert tags.worked_on == expected.worked_on


def test_all_that_is_not_ours_is_kept_as_it_is() -> None:
    for shown in everything("Q"):
        assert "Q" not in "".join(Tags(shown).worked_on)
        for block in shown.split("\n\n"):
            first = block.partition("\n")[0]
            assert "Q" not in block or first.startswith(("<table>", "<pre>", "<ul>", "<details>", "<p>", "<h3>"))


STATES: tuple[State, ...] = ("accepted",) * 2 + ("failed",) * 2 + ("pending",) * 2 + ("partial",) * 2


REST = "with <code>report-file</code> a file has them all"


@pytest.mark.parametrize(
    ("word", "kind", "is_cut"),
    [("x", Report, False), ("|", StatusReport, False), ("<", Report, True), ("\u202e", Report, True)],
)
def test_a_summary_of_everything_at_its_longest_fits(word: str, kind: type[Report], is_cut: bool) -> None:
    count = 300  # of each: far more than fits
    long = word * 2001  # what is longer is cut
    server = ApiError(Failure.SERVER, long, remedy=long)
    urls = [f"http://a.example/{number}/{'x' * 1500}" for number in range(count)]
    names = ("Age", "X-Cache", "Cache-Status", "CF-Ray", "X-Amz-Cf-Pop", "X-Served-By", "Via", "ETag", "Last-Modified")
    said = tuple((name, word * 100) for name in names)
    sights = tuple(Sight(word * 45, word * 64, "stale", long, said) for _ in range(20))
    calls = tuple(
        replace(
            call(state, host=f"{'h' * 240}.example", req_id="i" * 128, error=None if state == "accepted" else server),
            error=None if state == "accepted" else server.because(f"{number if is_cut else ''}{long}"),
            kind="urls" if number % 2 else "dirs",
            entries=tuple(f"{url}{number}" for url in urls[number : number + 10]),
        )
        for number, state in zip(range(count), itertools.cycle(STATES), strict=False)
    )
    entries = [entry for each in calls if each.kind == "urls" for entry in each.entries]
    report = kind(
        mapped=Mapped(skipped=tuple(Skip(f"{long}{number}", f"outside root {word * 200}") for number in range(count))),
        plan=replace(run(*calls).plan, folded=tuple(Folded(url, url) for url in urls)),
        outcomes=calls,
        verdicts=tuple(
            Verdict(url, "stale" if number % 3 else "unverified", long, said, 9, sights=sights)
            for number, url in enumerate(entries[:500])
        ),
        prefetched=calls,
        again=() if kind is StatusReport else calls,  # which purged nothing
        unreachable={f"{number}{'h' * 240}": ("2001:db8::7",) * 16 for number in range(count)},
    )
    text = render_summary(describe(report))
    assert len(text.encode()) < MOST_BYTES
    assert (f"more; {REST}</pre>" in text) != is_cut
    assert (f"for which this page has no room; {REST}.</p>" in text) == is_cut
    tags = Tags(text)
    assert {tag: tags.opened.count(tag) for tag in ALLOWED - {"br"}} == {
        tag: tags.closed.count(tag) for tag in ALLOWED - {"br"}
    }


def test_of_very_many_hosts_and_sites_the_first_are_shown_and_the_others_counted() -> None:
    calls = [call("done", host=f"h{number}.example") for number in range(103)]
    assert "<p>… and 3 more rows; with <code>report-file</code> a file has them all</p>" in render_summary(
        describe(run(*calls))
    )
    planned = describe(run(call("planned"))) | {"sites_and_rules": [f"site {number}" for number in range(101)]}
    assert "<p>… and 1 more row; with" in render_summary(planned)
    assert "more row" not in render_summary(describe(run(*calls[:100])))
