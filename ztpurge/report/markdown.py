"""The document of a run -> the job summary: at a glance what happened, first what is wrong and what to do. Pure.

It takes the document that `report-file` holds, so that whoever has the file can make the summary of it.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

from ztpurge.cdn.fold import Fold
from ztpurge.edge.judge import Verdict
from ztpurge.errors import BUG
from ztpurge.report import sentences
from ztpurge.report.blocks import bar, code, fold, items, listed, share, table, within, words
from ztpurge.report.document import Document
from ztpurge.report.explain import explain_files
from ztpurge.report.hashed import Hashed
from ztpurge.site.mapping import Mapped, Target
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_BYTES = 900 * 1024  # GitHub shows nothing of a summary of 1 MiB, and just below it nothing either
_LIST_BYTES = 60 * 1024
_OPEN_UP_TO = 20  # URLs
_CALLS_OPEN_UP_TO = 10
_SHOWN = 10
_WIDTH = 32  # of a time line, in characters
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
_WRONG = frozenset({"failed", "partial", "pending"})
_WAYS = {"failed": "not purged", "partial": "not purged by all providers", "pending": "not confirmed as purged"}
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def render_summary(document: Document) -> str:
    """Return the summary of a run from its document, under 900 KiB whatever its size."""
    kept, size, is_cut = list[str](), 0, False
    for part in filter(None, (_heading(document), *_wrong(document), *_right(document))):
        size += len(part.encode()) + 1
        is_cut |= size > MOST_BYTES
        if not is_cut:
            kept.append(part)
    if is_cut:
        kept.append(f"<p>There is more, for which this page has no room{_rest(document)}.</p>\n")
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
    return f"<h3>{'⚠️' if is_doubtful else _ICONS[document['result']]} {headline}</h3>\n{_compared(document)}"


def _compared(document: Document) -> str:
    """Return which commits were compared, by links that stay whole when a host's name is masked."""
    compared = document["compared"]
    if not compared:
        return ""
    head, bases, repository = compared["head"], compared["bases"], compared["repository"]
    shown = [f"{base[:7]}…{head[:7]}" for base in bases] or [f"all files of {head[:7]}"]
    linked = list(map(code, shown))
    if _REPOSITORY.fullmatch(repository) and all(map(_COMMIT.fullmatch, (head, *bases))):
        places = [f"compare/{base}...{head}" for base in bases] or [f"commit/{head}"]
        linked = [f'<a href="/{repository}/{place}">{text}</a>' for place, text in zip(places, linked, strict=True)]
    return f"\n<p>{code(compared['event'])} {', '.join(linked)}</p>\n"


def _wrong(document: Document) -> Iterator[str]:
    """Yield what is wrong, each cause with its next step and its URLs; then what may be amiss."""
    if document["refusals"] or document["has_bug"]:
        yield items(map(code, [*document["refusals"], *([BUG] if document["has_bug"] else [])]))
    told = set[str]()
    calls = [call for call in document["requests"] if call["error"] and not document["refusals"]]
    for (state, host, cause, remedy, is_doubtful), group in _alike(call for call in calls if call["state"] in _WRONG):
        urls = [url for call in group for url in call["purge"]]
        told.update(urls)
        way = "may have been purged, but that was not confirmed" if is_doubtful else _WAYS[state]
        what = "reqIds" if document["command"] == "status" else f"{sentences.count(len(urls), 'entry')} of"
        which = " ".join(code(call["reqId"]) for call in group[:_SHOWN] if call["reqId"] and not urls)
        yield _cause(f"{what} {code(host)}{which} {way}", group, cause, remedy)
        yield _urls(document, [(url, []) for url in urls])
    rest = [(url, list[str]()) for url in document["failed_urls"] if url not in told]
    if rest:
        title = "Not purged, and maybe stale" if document["refusals"] else "In directories that were not purged"
        yield _title(f"{title} ({len(rest):,})") + _urls(document, rest)
    yield _stale(document)
    for (_, host, cause, remedy, _), group in _alike(call for call in calls if call["state"] == "done"):
        yield _cause(f"{code(host)} was not reported done", group, cause, remedy)
    for (_, host, cause, remedy, _), group in _alike(call for call in document["prefetch"] if call["error"]):
        yield _cause(f"{code(host)} was not prefetched", group, cause, remedy)
    unseen = [f"{code(row['path'])} {code(row['reason'])}" for row in document["skipped"] if row["is_unseen"]]
    if unseen:
        yield _title("Not looked into: what is served below may be stale") + items(_first(unseen, document))
    if document["cautions"]:
        yield _title("Mind") + items(_first(list(map(code, document["cautions"])), document))
    if any(call["is_cut"] for call in document["requests"]):
        yield "<p>The service does not list all that was sent: the step that purged has it in its outputs.</p>\n"


def _alike(calls: Iterable[Document]) -> list[tuple[tuple[Any, ...], list[Document]]]:
    """Return calls that went wrong in one way and for one cause together, the widest first."""
    groups = defaultdict[tuple[Any, ...], list[Document]](list)
    for call in calls:
        groups[call["state"], call["host"], call["cause"], call["remedy"], call["is_doubtful"]].append(call)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _cause(what: str, calls: Sequence[Document], cause: str, remedy: str) -> str:
    step = f"<br>→ {code(remedy)}" if remedy else ""
    return f"<p><b>{what}</b> ({sentences.count(len(calls), 'call')}): {code(cause)}{step}</p>\n"


def _stale(document: Document) -> str:
    """Return the URLs that were not seen to be fresh, under what to do: of each what was seen, and how to look."""
    stale = frozenset(document["stale_urls"])
    rows = [
        Verdict(**row | {"said": tuple(row["said"].items())})
        for row in document["verified"]
        if row["state"] == "stale" and row["url"] in stale
    ]
    if not rows:
        return ""
    title = _title(f"{sentences.stale_title(rows)} ({len(rows):,})")
    steps = "".join(f"<p>→ {words(advice)}</p>\n" for advice in sentences.advice(rows))

    def notes(row: Verdict) -> list[str]:
        return ["; ".join(filter(None, (row.reason, sentences.evidence(row)))), f"curl -sI {shlex.quote(row.url)}"]

    return title + steps + _urls(document, [(row.url, notes(row)) for row in rows])


def _right(document: Document) -> Iterator[str]:
    """Yield what is broad, then the rest of the run, small."""
    is_plan = document["result"] == "dry-run"
    entries = [(call, url) for call in document["requests"] for url in call["purge"]]
    directories = [url for call, url in entries if call["kind"] == "dirs"]
    for directory in document["whole_sites"]:
        yield f"<p><b>As a whole: {code(directory)}</b></p>\n"
    parts = [code(url) for url in directories if url not in document["whole_sites"]]
    if parts:
        yield _title("Directories, with all that is below them") + items(_first(parts, document))
    folds = [Fold(**one) for one in document["folds"]]
    if folds:
        yield f"<p>{sentences.folds_line(folds)}.</p>\n"
    for row in document["hashed"]:
        hashed = Hashed(**{name: value for name, value in row.items() if name != "by"})
        yield f"<p>{code(row['by'])}: {code(hashed.sentence)}</p>\n"
    yield _by_way(document) if is_plan else _by_host(document)
    if not is_plan:
        yield _time_line(document)
        yield _calls(document)
    urls = [url for call, url in entries if call["kind"] == "urls" and call["state"] not in _WRONG]
    mapped = Mapped(tuple(Target(**target) for target in document["targets"]))
    yield _by_folder("Planned" if is_plan else "Purged", urls, document)
    unverified = frozenset(document["unverified_urls"])
    reasons = [(row["url"], row["reason"]) for row in document["verified"] if row["url"] in unverified]
    yield _lines("Purged, but not verified", [f"{url}  ({why})" for url, why in reasons], document)
    yield _lines("For each changed file", list(explain_files(mapped)), document) if is_plan else ""
    yield _lines("Gave nothing of what changed", document["idle"], document) if is_plan else ""
    yield _lines("Directories that were folded to", list(map(sentences.fold_line, folds)), document)
    folded = [f"{one['url']}  (in {one['directory']})" for one in document["folded"]]
    yield _lines("Folded into a directory above", folded, document)
    prefetched = [f"{call['reqId'] or 'no reqId'}  {call['host']}  {call['entries']}" for call in document["prefetch"]]
    yield _lines("Prefetches", prefetched, document)
    by_reason = defaultdict[str, list[str]](list)
    for row in document["skipped"]:
        by_reason[row["reason"]].append(row["path"])
    for reason, paths in sorted(by_reason.items(), key=lambda skipped: -len(skipped[1])):
        yield _lines(f"Skipped: {code(reason)}", paths, document)
    yield _lines("Options", [f"{name}: {value}" for name, value in document["options"].items()], document)


def _by_host(document: Document) -> str:
    """Return a table of hosts: how much was purged, what was seen of it, and how soon."""
    hosts = dict.fromkeys(call["host"] for call in document["requests"])
    seen = defaultdict[str, list[Document]](list)
    for verdict in document["verified"]:
        seen[host_of(verdict["url"])].append(verdict)

    def row(host: str) -> list[str]:
        calls = [call for call in document["requests"] if call["host"] == host]
        size = Counter[str]()
        for call in calls:
            size[call["kind"]] += call["entries"]
        states = Counter(verdict["state"] for verdict in seen[host])
        done = [call["done_after"] for call in calls if call["done_after"] is not None]
        fresh = [verdict["seconds"] for verdict in seen[host] if verdict["state"] == "fresh" and verdict["seconds"]]
        failed = sum(call["entries"] for call in calls if call["state"] in _WRONG)
        return [
            code(host),
            *(f"{size[kind]:,}" if size[kind] else "" for kind in ("urls", "dirs")),
            f"{len(calls):,}",
            share(sum(size.values()) - failed, sum(size.values())),
            *(f"{states[state]:,}" if states[state] else "" for state in ("fresh", "stale", "unverified")),
            *(sentences.duration(median(times)) if times else "" for times in (done, fresh)),
        ]

    head = ("host", "URLs", "directories", "calls", "purged", "fresh", "stale", "not verified", "done in", "fresh in")
    rows = [row(host) for host in hosts if host]
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    if not rows:
        return ""
    return table([head[column] for column in used], [[row[column] for column in used] for row in rows[:100]])


def _by_way(document: Document) -> str:
    """Return a table of sites and rules: how many changed files each takes, and what it gives for them."""
    by_way = defaultdict[str, list[Document]](list)
    for target in document["targets"]:
        by_way[target["by"]].append(target)
    rows = []
    for name in dict.fromkeys([*document["ways"], *by_way]):
        targets = by_way[name]
        kinds = Counter(kind for kind, _ in {(target["kind"], target["url"]) for target in targets})
        files = len({target["path"] for target in targets})
        rows.append([code(name), *(f"{number:,}" for number in (files, kinds["urls"], kinds["dirs"]))])
    return table(("by", "changed files", "URLs", "directories"), rows[:100]) if rows else ""


def _time_line(document: Document) -> str:
    stages = document["stages"]
    if len(stages) < 2:
        return ""
    whole = max(stage["end"] for stage in stages)
    width = max(len(stage["name"]) for stage in stages)
    lines = [
        f"{stage['name']:{width}}  {bar(stage['start'], stage['end'], whole, width=_WIDTH)}  "
        f"{sentences.duration(stage['end'] - stage['start'])}"
        for stage in stages
    ]
    return listed(lines, budget=_LIST_BYTES, rest="")


def _calls(document: Document) -> str:
    """Return a table of calls, those that went wrong first, folded away where there are many and all is well."""
    calls = sorted(document["requests"], key=lambda call: call["error"] is None)

    def row(call: Document) -> list[str]:
        size = sentences.count(call["entries"], sentences.NOUNS[call["kind"]]).replace(" ", "&nbsp;")
        error = f"<br>{code(call['cause'], limit=300)}" if call["error"] else ""
        req_id = f"<samp>{for_html(call['reqId'])}</samp>" if call["reqId"] else ""
        state = f"{_STATE_ICONS[call['state']]}&nbsp;{call['status']}{error}"
        time = sentences.duration(call["seconds"]).replace(" ", "&nbsp;")
        return [
            str(call["number"]),
            code(call["host"]),
            size if call["entries"] else "",
            state,
            req_id,
            str(call["attempts"]),
            time,
        ]

    if not calls:
        return ""
    rows, left = within("".join, [row(call) for call in calls], _LIST_BYTES)
    head = ("call", "host", "entries", "result", "reqId", "tries", "time")
    shown = table(head, [row(call) for call in calls[: len(rows)]], unwrapped=frozenset({"reqId"}))
    more = f"<p>… and {sentences.count(left, 'more call')}{_rest(document)}</p>\n" if left else ""
    is_open = len(calls) <= _CALLS_OPEN_UP_TO or document["is_red"]
    return fold(sentences.count(len(calls), "call"), shown + more, is_open=is_open)


def _by_folder(title: str, urls: Sequence[str], document: Document) -> str:
    """Return URLs by their folders; a few as they are."""
    if len(urls) <= _OPEN_UP_TO:
        return _lines(f"{title} URLs", list(map(sentences.url_line, urls)), document, is_open=True)
    folders = defaultdict[str, list[str]](list)
    for url in urls:
        folders[url.partition("?")[0].rpartition("/")[0] + "/"].append(url)
    shown, left = within(
        lambda entry: fold(
            f"{code(entry[0])} {len(entry[1]):,}",
            listed(list(map(sentences.url_line, entry[1])), budget=_LIST_BYTES // 4, rest=_rest(document)),
        ),
        sorted(folders.items(), key=lambda entry: -len(entry[1])),
        2 * _LIST_BYTES,
    )
    more = f"<p>… and {sentences.count(left, 'more folder')}{_rest(document)}</p>\n" if left else ""
    return fold(f"{title} URLs ({len(urls):,}) in {sentences.count(len(folders), 'folder')}", "".join(shown) + more)


def _urls(document: Document, urls: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return URLs with notes under each, the first ones open, the others folded away."""

    def lines(entry: tuple[str, Sequence[str]]) -> str:
        url, notes = entry
        named = sentences.path_of(url)
        return "<br>".join(filter(None, (f"{code(url)} {code(named)}".strip(), *map(code, notes))))

    shown, _ = within(lines, urls[:_OPEN_UP_TO], _LIST_BYTES)
    rest = ["  ".join((url, *notes[:1])) for url, notes in urls[len(shown) :]]
    folded = fold(f"and {len(rest):,} more", listed(rest, budget=_LIST_BYTES, rest=_rest(document))) if rest else ""
    return (items(shown) if shown else "") + folded


def _lines(title: str, lines: Sequence[str], document: Document, *, is_open: bool = False) -> str:
    shown = listed(lines, budget=_LIST_BYTES, rest=_rest(document))
    return fold(f"{title} ({len(lines):,})", shown, is_open=is_open) if lines else ""


def _first(lines: Sequence[str], document: Document) -> list[str]:
    more = [f"and {len(lines) - _SHOWN:,} more{_rest(document)}"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]


def _title(text: str) -> str:
    return f"<p><b>{text}</b></p>\n"


def _rest(document: Document) -> str:
    """Say where everything is."""
    file = document["options"].get("report-file")
    return f"; {code(file)} has them all" if file else "; with <code>report-file</code> a file has them all"
