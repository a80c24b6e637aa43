"""What is wrong with a run: each cause with its next step and its URLs, before anything else. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ztpurge.errors import BUG
from ztpurge.report import sentences
from ztpurge.report.blocks import LIST_BYTES, code, details, first, items, listed, title, within, words
from ztpurge.report.document import Document, read_verdict, rest_of
from ztpurge.report.fates import MAYBE_STALE
from ztpurge.report.seen import advice, command_to_look, evidence, late_advice, late_title, sight_lines, stale_title

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ztpurge.edge.judge import Verdict

_OPEN_UP_TO = 20  # URLs
_SHOWN = 10


def render_troubles(document: Document) -> Iterator[str]:
    """Yield what is wrong, each cause with its next step and its URLs; then what may be amiss."""
    rest = rest_of(document)
    if document["refusals"] or document["has_bug"]:
        yield items(map(code, [*document["refusals"], *([BUG] if document["has_bug"] else [])]))
    late = [*map(read_verdict, document["late"])]
    if late:
        yield _seen(late_title(late), late_advice(late), late, rest=rest)
    yield from _not_purged(document, told={verdict.url for verdict in late}, rest=rest)
    stale = frozenset(document["stale_urls"])
    rows = [read_verdict(row) for row in document["verified"] if row["state"] == "stale" and row["url"] in stale]
    if rows:
        again = frozenset(url for call in document["again"] if call["reqId"] for url in call["purge"])
        yield _seen(stale_title(rows), advice(rows, again=again), rows, rest=rest)
    unreported = [call for call in document["requests"] if call["state"] == "done" and not document["refusals"]]
    for what, calls in (
        ("was not reported done", unreported),
        ("was not purged again", document["again"]),
        ("was not prefetched", document["prefetch"]),
    ):
        for (host, _, cause, remedy), group in _alike(calls):
            yield _cause(f"{code(host)} {what}", group, cause, remedy)
    unseen = [f"{code(row['path'])} {code(row['reason'])}" for row in document["skipped"] if row["is_unseen"]]
    if unseen:
        yield title("Not looked into: what is served below may be stale") + first(unseen, rest=rest)
    if document["cautions"]:
        yield title("Warnings") + first(list(map(code, document["cautions"])), rest=rest)
    if any(call["is_cut"] for call in document["requests"]):
        yield "<p>The service does not list all that was sent: the step that purged has it in its outputs.</p>\n"


def _not_purged(document: Document, *, told: Collection[str], rest: str) -> Iterator[str]:
    """Yield which calls went wrong, by their causes, and what was not purged besides, but for what was told of."""
    left = dict.fromkeys(url for url in document["failed_urls"] if url not in told)
    # else no call was made, for a reason that stands above
    calls = [] if document["refusals"] or document["late"] else document["requests"]
    for (host, way, cause, remedy), group in _alike(call for call in calls if call["state"] in MAYBE_STALE):
        urls = [url for call in group for url in call["purge"]]
        what = f"{sentences.count(len(urls), 'entry')} of {code(host)}"
        if document["command"] == "status":
            req_ids = [code(call["reqId"]) for call in group if call["reqId"]]
            more = f" and {len(req_ids) - _SHOWN:,} more{rest}" if len(req_ids) > _SHOWN else ""
            what = f"reqId {', '.join(req_ids[:_SHOWN])}{more}"
        yield _cause(f"{what} {way}", group, cause, remedy)
        yield _urls([(url, []) for url in urls], rest=rest)
        for url in urls:
            left.pop(url, None)
    if left:
        what = "Not purged either, and maybe stale" if document["late"] else "Not purged, and maybe stale"
        what = "In directories that were not purged" if calls else what
        yield title(f"{what} ({len(left):,})") + _urls([(url, []) for url in left], rest=rest)


def _alike(calls: Iterable[Document]) -> list[tuple[tuple[Any, ...], list[Document]]]:
    """Return calls that went wrong in one way and for one cause together, the widest first."""
    groups = defaultdict[tuple[Any, ...], list[Document]](list)
    for call in calls:
        if call["error"]:
            groups[call["host"], call["way"], call["cause"], call["remedy"]].append(call)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _cause(what: str, calls: Sequence[Document], cause: str, remedy: str) -> str:
    step = f"<br>→ {code(remedy)}" if remedy else ""
    return f"<p><b>{what}</b> ({sentences.count(len(calls), 'call')}): {code(cause)}{step}</p>\n"


def _seen(heading: str, steps: Iterable[str], verdicts: Sequence[Verdict], *, rest: str) -> str:
    """Return URLs that were looked at, under what to do: of each what was seen, at each server, and how to look."""

    def notes(verdict: Verdict) -> list[str]:
        # what several servers said of themselves stands in a line of each
        shown = replace(verdict, said=()) if verdict.sights else verdict
        why = "; ".join(filter(None, (verdict.reason, evidence(shown))))
        return [why, *sight_lines(verdict.sights), command_to_look(verdict)]

    told = "".join(f"<p>→ {words(step)}</p>\n" for step in steps)
    urls = [(verdict.url, notes(verdict)) for verdict in verdicts]
    return title(f"{heading} ({len(verdicts):,})") + told + _urls(urls, rest=rest)


def _urls(urls: Sequence[tuple[str, Sequence[str]]], *, rest: str) -> str:
    """Return URLs with notes under each, the first ones open, the others folded away."""

    def lines(entry: tuple[str, Sequence[str]]) -> str:
        url, notes = entry
        named = sentences.path_of(url)
        return "<br>".join(filter(None, (f"{code(url)} {code(named)}".strip(), *map(code, notes))))

    shown, _ = within(lines, urls[:_OPEN_UP_TO], LIST_BYTES)
    others = ["  ".join((url, *notes[:1])) for url, notes in urls[len(shown) :]]
    return (items(shown) if shown else "") + details(f"and {len(others):,} more", listed(others, rest=rest))
