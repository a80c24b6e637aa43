"""The document of a run -> the job summary: at a glance what happened, first what is wrong and what to do. Pure.

It takes the document that `report-file` holds, so that whoever has the file can make the summary of it.
"""

from __future__ import annotations

import re

from ztpurge.report.blocks import code
from ztpurge.report.document import Document, rest_of
from ztpurge.report.overview import render_overview
from ztpurge.report.troubles import render_troubles
from ztpurge.untrusted import for_html

MOST_BYTES = 900 * 1024  # GitHub shows nothing of a summary of 1 MiB, and just below it nothing either
_ICONS = {
    "purged": "✅",
    "done": "✅",
    "nothing": "⚪",
    "pending": "⏳",
    "partial": "❌",
    "failed": "❌",
    "dry-run": "📝",
}
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def render_summary(document: Document) -> str:
    """Return the summary of a run from its document, under 900 KiB whatever its size."""
    kept, size, is_cut = list[str](), 0, False
    for part in filter(None, (_heading(document), *render_troubles(document), *render_overview(document))):
        size += len(part.encode()) + 1
        is_cut |= size > MOST_BYTES
        if not is_cut:
            kept.append(part)
    if is_cut:
        kept.append(f"<p>There is more, for which this page has no room{rest_of(document)}.</p>\n")
    return "\n".join(kept) + "\n"


def _heading(document: Document) -> str:
    verified, calls = document["verified"], document["requests"]
    is_unseen = verified and all(row["state"] != "fresh" for row in verified)
    is_unreported = any(call["error"] and call["state"] == "done" for call in calls)
    is_doubtful = not document["is_red"] and (document["stale_urls"] or is_unreported or is_unseen)
    headline = for_html(document["headline"])
    hosts = {for_html(call["host"]): code(call["host"]) for call in calls if call["host"]}
    if len(hosts) == 1:  # which is named
        headline = headline.replace(*hosts.popitem(), 1)
    return f"<h3>{'⚠️' if is_doubtful else _ICONS.get(document['result'], '')} {headline}</h3>\n{_compared(document)}"


def _compared(document: Document) -> str:
    """Return who tells this of which commits, by links that stay whole when a host's name is masked."""
    compared, who = document["compared"], f"ztpurge {for_html(document['ztpurge'], limit=40)}"
    if not compared:
        return f"\n<p>{who}</p>\n"
    head, bases, repository = compared["head"], compared["bases"], compared["repository"]
    shown = [f"{base[:7]}…{head[:7]}" for base in bases] or [f"all files of {head[:7]}"]
    linked = list(map(code, shown))
    if _REPOSITORY.fullmatch(repository) and all(map(_COMMIT.fullmatch, (head, *bases))):
        places = [f"compare/{base}...{head}" for base in bases] or [f"commit/{head}"]
        linked = [f'<a href="/{repository}/{place}">{text}</a>' for place, text in zip(places, linked, strict=True)]
    return f"\n<p>{who}, {code(compared['event'])} {', '.join(linked)}</p>\n"
