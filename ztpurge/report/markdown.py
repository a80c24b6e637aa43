"""A report -> the job summary for GitHub: a headline, a table of calls, the lists folded away. Pure.

What is not ours stands in HTML, in `<code>` or `<pre>`: elsewhere GitHub's renderer makes links of what looks like a
mail address, and its filters make mentions of names, even where the characters are written as entities.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ztpurge.errors import BUG
from ztpurge.report.annotations import problem_message
from ztpurge.report.sentences import (
    advice,
    count,
    cut_message,
    evidence,
    headline,
    maybe_stale_lines,
    maybe_stale_title,
    path_of,
    size_of,
    skip_counts,
    stale_title,
    url_line,
    verdict_line,
)
from ztpurge.untrusted import for_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ztpurge.cdn.purge import Outcome
    from ztpurge.edge.judge import Verdict
    from ztpurge.report.values import Report

T = TypeVar("T")
# GitHub shows nothing of a summary over 1 MiB: 8 lists and 2 tables stay below 900 KiB
_LIST_BYTES = 70 * 1024
_TABLE_BYTES = 150 * 1024
_ICONS = {
    "purged": "✅",
    "done": "✅",
    "nothing": "⚪",
    "pending": "⏳",
    "partial": "❌",
    "failed": "❌",
    "dry-run": "📝",
}
_STATUS_ICONS = {"planned": "📝", "failed": "❌", "partial": "⚠️", "accepted": "✅", "pending": "⏳", "done": "✅"}


def render_summary(report: Report) -> str:
    """Return the summary of a run, under 900 KiB whatever its size."""
    parts = [
        f"### {_icon(report)} ztpurge: {headline(report, with_reasons=False)}\n",
        f"- {BUG}\n" if report.has_bug else "",
        _items([problem_message(report.refusal)]) if report.refusal else _calls(report),
        f"{cut_message(report)}\n" if cut_message(report) else "",
        _stale(report.seen("stale")),
        _folded(maybe_stale_title(report), maybe_stale_lines(report), is_open=True),
        _folded("Purged, but not verified", [verdict_line(verdict) for verdict in report.seen("unverified")]),
        _prefetches(report.prefetched),
        _folded("Purged URLs", report.purged("urls")),
        _folded("Purged directories", report.purged("dirs")),
        _folded("To be purged", list(map(url_line, _planned(report)))) if report.result == "dry-run" else "",
        _folded(
            "Left to the purge of a directory above",
            [f"{folded.url}  (in {folded.directory})" for folded in report.plan.folded],
        ),
        _folded(
            "Skipped changed files",
            [f"{skip.path}  ({skip.reason})" for skip in report.mapped.skipped],
            why=skip_counts(report.mapped),
        ),
    ]
    return "\n".join(filter(None, parts)) + "\n"


def _icon(report: Report) -> str:
    """Return what says it at a glance: green only for what was not found wanting."""
    is_doubtful = report.stale or report.unreported or (report.verdicts and not report.fresh)
    return "⚠️" if is_doubtful and not report.is_red else _ICONS[report.result]


def render_refusal(messages: Sequence[str]) -> str:
    """Return the summary of a run that called nobody because it could not be understood."""
    return f"### ❌ ztpurge: nothing was purged\n\n{_items(messages)}"


def _items(messages: Iterable[str]) -> str:
    return "\n".join(["<ul>", *(f"<li>{_code(message)}</li>" for message in messages), "</ul>\n"])


def _calls(report: Report) -> str:
    if not report.outcomes:
        return ""
    row = partial(_row, report)
    rows, left = _within(row, sorted(report.outcomes, key=lambda outcome: outcome.error is None), _TABLE_BYTES)
    more = f"\n… and {count(left, 'more call')}.\n" if left else ""
    return _table(("call", "host", "entries", "result", "reqId", "tries", "time"), rows) + more


def _row(report: Report, outcome: Outcome) -> str:
    error = f": {_code(outcome.error.cause, limit=300)}" if outcome.error else ""
    doubt = ", but may have been purged" if outcome.is_doubtful else ""
    return _cells(
        str(outcome.number),
        _code(outcome.host),
        size_of(outcome).replace(" ", "&nbsp;") if outcome.entries else "",
        f"{_STATUS_ICONS[outcome.state]} {report.word_of(outcome)}{doubt}{error}",
        _code(outcome.req_id or ""),
        str(outcome.attempts),
        f"{outcome.seconds:.2f}&nbsp;s",
    )


def _stale(verdicts: Sequence[Verdict]) -> str:
    """Return a table of stale URLs, what was seen of each and what the edge said of itself; and what to do."""
    if not verdicts:
        return ""
    rows, left = _within(_stale_row, verdicts, _TABLE_BYTES)
    more = f"… and {left:,} more; <code>report-file</code> has them all.\n" if left else ""
    table = _table(("URL", "seen", "the edge says"), rows)
    return "\n".join(
        filter(
            None,
            (f"**{stale_title(verdicts)} ({len(verdicts):,})**\n", table, more, *map("{}\n".format, advice(verdicts))),
        )
    )


def _stale_row(verdict: Verdict) -> str:
    names = filter(None, (verdict.url, path_of(verdict.url)))
    return _cells("<br>".join(map(_code, names)), _code(verdict.reason, limit=300), _code(evidence(verdict)))


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    return "\n".join(["<table>", _cells(*head, tag="th"), *rows, "</table>\n"])


def _cells(*cells: str, tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def _code(text: str, *, limit: int = 2000) -> str:
    return f"<code>{for_html(text, limit=limit)}</code>" if text else ""


def _prefetches(outcomes: Sequence[Outcome]) -> str:
    lines = [
        f"{outcome.req_id or 'no reqId'}  {outcome.host}  {size_of(outcome)}"
        + (f"  ({outcome.error})" if outcome.error else "")
        for outcome in outcomes
    ]
    failed = sum(outcome.error is not None for outcome in outcomes)
    return _folded(f"Prefetch, {failed:,} failed" if failed else "Prefetch", lines)


def _folded(title: str, lines: Sequence[str], *, why: str = "", is_open: bool = False) -> str:
    if not lines:
        return ""
    # inside <pre> GitHub reads HTML, but no Markdown
    shown, left = _within(for_html, lines, _LIST_BYTES)
    more = f"\n… and {left:,} more; <code>report-file</code> has them all" if left else ""
    state = " open" if is_open else ""
    heading = f"<summary>{title} ({len(lines):,}){why and f': {_code(why)}'}</summary>"
    listed = "\n".join(shown)
    return f"<details{state}>{heading}\n\n<pre>{listed}{more}</pre>\n</details>\n"


def _planned(report: Report) -> tuple[str, ...]:
    return tuple(entry for batch in report.plan.batches for entry in batch.entries)


def _within(render: Callable[[T], str], items: Sequence[T], budget: int) -> tuple[list[str], int]:
    """Render items while they fit into so many bytes; also return how many were left."""
    kept: list[str] = []
    for line in map(render, items):
        budget -= len(line.encode()) + 1
        if budget <= 0:
            break
        kept.append(line)
    return kept, len(items) - len(kept)
