"""What is wrong with a run: each cause with its next step and its URLs, before anything else. Pure."""

from __future__ import annotations

import shlex
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ztpurge.errors import BUG
from ztpurge.report import sentences
from ztpurge.report.blocks import LIST_BYTES, code, details, first, items, listed, title, within, words
from ztpurge.report.document import Document, read_verdict, rest_of
from ztpurge.report.values import MAYBE_STALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ztpurge.edge.judge import Verdict

_OPEN_UP_TO = 20  # URLs
_SHOWN = 10


def render_troubles(document: Document) -> Iterator[str]:
    """Yield what is wrong, each cause with its next step and its URLs; then what may be amiss."""
    rest = rest_of(document)
    if document["refusals"] or document["has_bug"]:
        yield items(map(code, [*document["refusals"], *([BUG] if document["has_bug"] else [])]))
    told = set[str]()
    calls = [call for call in document["requests"] if call["error"] and not document["refusals"]]
    for (host, way, cause, remedy), group in _alike(call for call in calls if call["state"] in MAYBE_STALE):
        urls = [url for call in group for url in call["purge"]]
        told.update(urls)
        what = f"{sentences.count(len(urls), 'entry')} of {code(host)}"
        if document["command"] == "status":
            req_ids = [code(call["reqId"]) for call in group if call["reqId"]]
            more = f" and {len(req_ids) - _SHOWN:,} more{rest}" if len(req_ids) > _SHOWN else ""
            what = f"reqId {', '.join(req_ids[:_SHOWN])}{more}"
        yield _cause(f"{what} {way}", group, cause, remedy)
        yield _urls([(url, []) for url in urls], rest=rest)
    others = [(url, list[str]()) for url in document["failed_urls"] if url not in told]
    if others:
        what = "Not purged, and maybe stale" if document["refusals"] else "In directories that were not purged"
        yield title(f"{what} ({len(others):,})") + _urls(others, rest=rest)
    yield _stale(document)
    for (host, _, cause, remedy), group in _alike(call for call in calls if call["state"] == "done"):
        yield _cause(f"{code(host)} was not reported done", group, cause, remedy)
    for (host, _, cause, remedy), group in _alike(call for call in document["prefetch"] if call["error"]):
        yield _cause(f"{code(host)} was not prefetched", group, cause, remedy)
    unseen = [f"{code(row['path'])} {code(row['reason'])}" for row in document["skipped"] if row["is_unseen"]]
    if unseen:
        yield title("Not looked into: what is served below may be stale") + first(unseen, rest=rest)
    if document["cautions"]:
        yield title("Warnings") + first(list(map(code, document["cautions"])), rest=rest)
    if any(call["is_cut"] for call in document["requests"]):
        yield "<p>The service does not list all that was sent: the step that purged has it in its outputs.</p>\n"


def _alike(calls: Iterable[Document]) -> list[tuple[tuple[Any, ...], list[Document]]]:
    """Return calls that went wrong in one way and for one cause together, the widest first."""
    groups = defaultdict[tuple[Any, ...], list[Document]](list)
    for call in calls:
        groups[call["host"], call["way"], call["cause"], call["remedy"]].append(call)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _cause(what: str, calls: Sequence[Document], cause: str, remedy: str) -> str:
    step = f"<br>→ {code(remedy)}" if remedy else ""
    return f"<p><b>{what}</b> ({sentences.count(len(calls), 'call')}): {code(cause)}{step}</p>\n"


def _stale(document: Document) -> str:
    """Return the URLs that were not seen to be fresh, under what to do: of each what was seen, and how to look."""
    stale = frozenset(document["stale_urls"])
    rows = [read_verdict(row) for row in document["verified"] if row["state"] == "stale" and row["url"] in stale]
    if not rows:
        return ""
    heading = title(f"{sentences.stale_title(rows)} ({len(rows):,})")
    steps = "".join(f"<p>→ {words(advice)}</p>\n" for advice in sentences.advice(rows))

    def notes(row: Verdict) -> list[str]:
        return ["; ".join(filter(None, (row.reason, sentences.evidence(row)))), f"curl -sI {shlex.quote(row.url)}"]

    return heading + steps + _urls([(row.url, notes(row)) for row in rows], rest=rest_of(document))


def _urls(urls: Sequence[tuple[str, Sequence[str]]], *, rest: str) -> str:
    """Return URLs with notes under each, the first ones open, the others folded away."""

    def lines(entry: tuple[str, Sequence[str]]) -> str:
        url, notes = entry
        named = sentences.path_of(url)
        return "<br>".join(filter(None, (f"{code(url)} {code(named)}".strip(), *map(code, notes))))

    shown, _ = within(lines, urls[:_OPEN_UP_TO], LIST_BYTES)
    others = ["  ".join((url, *notes[:1])) for url, notes in urls[len(shown) :]]
    return (items(shown) if shown else "") + details(f"and {len(others):,} more", listed(others, rest=rest))
