"""A report -> the job summary for GitHub: a headline, a table of calls, the lists folded away. Pure.

What is not ours stands in HTML, in `<code>` or `<pre>`: elsewhere GitHub's renderer makes links of what looks like a
mail address, and its filters make mentions of names, even where the characters are written as entities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ztpurge.errors import BUG
from ztpurge.report import sentences
from ztpurge.report.explain import explain_entries, explain_idle
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
_STATE_ICONS = {"planned": "📝", "failed": "❌", "partial": "⚠️", "accepted": "✅", "pending": "⏳", "done": "✅"}


def render_summary(report: Report) -> str:
    """Return the summary of a run, under 900 KiB whatever its size."""
    skipped = [f"{skip.path}  ({skip.reason})" for skip in report.mapped.skipped]
    folded = [f"{folded.url}  (in {folded.directory})" for folded in report.plan.folded]
    why = explain_entries(report.mapped, report.plan)
    entries = (fate for fate in report.fates if fate.state == "planned" and not fate.is_folded)
    planned = [f"{sentences.url_line(fate.url)}  {why(fate.kind, fate.url)}" for fate in entries]
    maybe_stale = [sentences.url_line(fate.url, fate.verdict) for fate in report.maybe_stale]
    prefetched = [
        f"{outcome.req_id or 'no reqId'}  {outcome.host}  {sentences.size_of(outcome)}"
        + (f"  ({outcome.error})" if outcome.error else "")
        for outcome in report.prefetched
    ]
    failed = sum(outcome.error is not None for outcome in report.prefetched)
    cut = sentences.cut_message(report.outcomes)
    # at a glance: green only for what was not found wanting
    is_unseen = report.verdicts and not any(verdict.state == "fresh" for verdict in report.verdicts)
    is_doubtful = not report.is_red and (report.seen("stale") or report.unreported or is_unseen)
    icon = "⚠️" if is_doubtful else _ICONS[report.result]
    parts = [
        f"### {icon} ztpurge: {report.headline}\n",
        f"- {BUG}\n" if report.has_bug else "",
        _items([sentences.problem_message(report.refusal)]) if report.refusal else _calls(report),
        f"{cut}\n" if cut else "",
        *(f"**Purged as a whole: {_code(directory)}**\n" for directory in report.whole_sites),
        f"{sentences.folds_line(report.plan)}.\n" if report.plan.folds else "",
        _stale(report.seen("stale")),
        _folded(sentences.maybe_stale_title(report.outcomes), maybe_stale, is_open=True),
        _folded("Purged, but not verified", list(map(sentences.verdict_line, report.seen("unverified")))),
        _folded(f"Prefetch, {failed:,} failed" if failed else "Prefetch", prefetched),
        _folded("Purged URLs", report.purged("urls")),
        _folded("Purged directories", report.purged("dirs")),
        *(f"{_code(name)}: {_code(hashed.sentence)}\n" for name, hashed in report.hashed.items()),
        _folded("To be purged", planned),
        _folded("Purged for none of what changed", list(explain_idle(report.sites, report.mapped)) if planned else []),
        _folded("Directories that were folded to", list(map(sentences.fold_line, report.plan.folds))),
        _folded("Folded into a directory above", folded),
        _folded("Skipped changed files", skipped, why=sentences.skip_counts(report.mapped)),
    ]
    return "\n".join(filter(None, parts)) + "\n"


def render_refusal(messages: Iterable[str]) -> str:
    """Return the summary of a run that called nobody because it could not be understood."""
    return f"### ❌ ztpurge: nothing was purged\n\n{_items(messages)}"


def _items(messages: Iterable[str]) -> str:
    return "\n".join(["<ul>", *(f"<li>{_code(message)}</li>" for message in messages), "</ul>\n"])


def _calls(report: Report) -> str:
    """Return a table of calls, those that went wrong first."""

    def row(outcome: Outcome) -> str:
        error = f": {_code(outcome.error.cause, limit=300)}" if outcome.error else ""
        doubt = ", but may have been purged" if outcome.is_doubtful else ""
        return _cells(
            str(outcome.number),
            _code(outcome.host),
            sentences.size_of(outcome).replace(" ", "&nbsp;") if outcome.entries else "",
            f"{_STATE_ICONS[outcome.state]} {report.words.get(outcome.state, outcome.state)}{doubt}{error}",
            _code(outcome.req_id or ""),
            str(outcome.attempts),
            f"{outcome.seconds:.2f}&nbsp;s",
        )

    if not report.outcomes:
        return ""
    rows, left = _within(row, sorted(report.outcomes, key=lambda outcome: outcome.error is None), _TABLE_BYTES)
    more = f"\n… and {sentences.count(left, 'more call')}.\n" if left else ""
    return _table(("call", "host", "entries", "result", "reqId", "tries", "time"), rows) + more


def _stale(verdicts: Sequence[Verdict]) -> str:
    """Return a table of stale URLs, what was seen of each and what the edge said of itself; and what to do."""

    def row(verdict: Verdict) -> str:
        names = "<br>".join(map(_code, filter(None, (verdict.url, sentences.path_of(verdict.url)))))
        return _cells(names, _code(verdict.reason, limit=300), _code(sentences.evidence(verdict)))

    if not verdicts:
        return ""
    rows, left = _within(row, verdicts, _TABLE_BYTES)
    more = [f"… and {left:,} more; <code>report-file</code> has them all.\n"] if left else []
    title = f"**{sentences.stale_title(verdicts)} ({len(verdicts):,})**\n"
    table = _table(("URL", "seen", "the edge says"), rows)
    return "\n".join([title, table, *more, *map("{}\n".format, sentences.advice(verdicts))])


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


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    return "\n".join(["<table>", _cells(*head, tag="th"), *rows, "</table>\n"])


def _cells(*cells: str, tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def _code(text: str, *, limit: int = 2000) -> str:
    return f"<code>{for_html(text, limit=limit)}</code>" if text else ""


def _within(render: Callable[[T], str], items: Sequence[T], budget: int) -> tuple[list[str], int]:
    """Render items while they fit into so many bytes; also return how many were left."""
    kept: list[str] = []
    for line in map(render, items):
        budget -= len(line.encode()) + 1
        if budget <= 0:
            break
        kept.append(line)
    return kept, len(items) - len(kept)
