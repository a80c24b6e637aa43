"""What a run did, from its document: what is broad in the open, then tables and lists, small or folded. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from ztpurge.cdn.fold import Fold
from ztpurge.report import sentences
from ztpurge.report.blocks import LIST_BYTES, bar, code, details, details_of, first, listed, share, table, title, within
from ztpurge.report.browsers import InBrowsers
from ztpurge.report.document import Document, pick, rest_of
from ztpurge.report.explain import explain_files
from ztpurge.report.fates import MAYBE_STALE
from ztpurge.report.seen import again_line, unreachable_line
from ztpurge.site.mapping import Target
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OPEN_UP_TO = 20  # URLs
_CALLS_OPEN_UP_TO = 10
_MOST_ROWS = 100
_MOST_LINES = LIST_BYTES // 2  # of a list: each has a character and its end
_WIDTH = 32  # of a time line, in characters
_STATE_ICONS = {"planned": "📝", "failed": "❌", "partial": "⚠️", "accepted": "✅", "pending": "⏳", "done": "✅"}


def render_overview(document: Document) -> Iterator[str]:
    """Yield what is broad, then the rest of the run, small."""
    rest = rest_of(document)
    is_plan = document["result"] == "dry-run"
    calls = document["requests"]
    directories = [url for call in calls if call["kind"] == "dirs" for url in call["purge"]]
    for directory in document["whole_sites"]:
        yield f"<p><b>As a whole: {code(directory)}</b></p>\n"
    parts = [code(url) for url in directories if url not in document["whole_sites"]]
    if parts:
        yield title("Directories, with all that is below them") + first(parts, rest=rest)
    folds = [pick(Fold, one) for one in document["folds"]]
    if folds:
        yield f"<p>{sentences.folds_line(folds)}.</p>\n"
    if document["hashed"]:
        from ztpurge.report.hashed import Hashed  # noqa: PLC0415 - 3 ms that few runs need

        for row in document["hashed"]:
            yield f"<p>{code(row['by'])}: {code(pick(Hashed, row).sentence)}</p>\n"
    yield _by_way(document) if is_plan else _by_host(document)
    if not is_plan:
        unreachable = [code(unreachable_line(host, addresses)) for host, addresses in document["unreachable"].items()]
        yield first(unreachable, rest=rest) if unreachable else ""
        in_browsers = pick(InBrowsers, document["browsers"]).sentence
        yield f"<p>{in_browsers}</p>\n" if in_browsers else ""
        yield _time_line(document)
        yield _calls(document)
        states = {row["url"]: row["state"] for row in document["verified"]}
        again = [again_line(url, call["reqId"], states) for call in document["again"] for url in call["purge"]]
        is_open = len(again) <= _OPEN_UP_TO
        yield details_of("Purged again, since they were stale", again, rest=rest, is_open=is_open)
    purged = (call for call in calls if call["kind"] == "urls" and call["state"] not in MAYBE_STALE)
    urls = [url for call in purged for url in call["purge"]]
    yield _by_folder("Planned" if is_plan else "Purged", urls, rest=rest)
    unverified = frozenset(document["unverified_urls"])
    reasons = [(row["url"], row["reason"]) for row in document["verified"] if row["url"] in unverified]
    yield details_of("Purged, but not verified", [f"{url}  ({why})" for url, why in reasons], rest=rest)
    if is_plan:
        targets = document["targets"]
        files = len({target["path"] for target in targets})
        lines = explain_files((pick(Target, target) for target in targets), most=_MOST_LINES)
        given = listed(lines, left=files + len(targets) - len(lines), rest=rest)
        yield details(f"For each changed file ({files:,})", given)
    yield details_of("Gave nothing of what changed", document["idle"], rest=rest) if is_plan else ""
    yield details_of("Directories that were folded to", list(map(sentences.fold_line, folds)), rest=rest)
    above = [f"{one['url']}  (in {one['directory']})" for one in document["folded"]]
    yield details_of("Folded into a directory above", above, rest=rest)
    prefetched = [f"{call['reqId'] or 'no reqId'}  {call['host']}  {call['entries']}" for call in document["prefetch"]]
    yield details_of("Prefetches", prefetched, rest=rest)
    by_reason = defaultdict[str, list[str]](list)
    for row in document["skipped"]:
        by_reason[row["reason"]].append(row["path"])
    for reason, paths in sorted(by_reason.items(), key=lambda skipped: -len(skipped[1])):
        yield details_of(f"Skipped: {code(reason)}", paths, rest=rest)
    yield details_of("Options", [f"{name}: {value}" for name, value in document["options"].items()], rest=rest)


def _by_host(document: Document) -> str:
    """Return a table of hosts: how much was purged, what was seen of it, and how soon."""
    calls_of = defaultdict[str, list[Document]](list)
    for call in document["requests"]:
        calls_of[call["host"]].append(call)
    seen = defaultdict[str, list[Document]](list)
    for verdict in document["verified"]:
        seen[host_of(verdict["url"])].append(verdict)

    if not calls_of:
        return ""
    from statistics import median  # noqa: PLC0415 - 3 ms, which runs that purge nothing need not take

    def row(host: str, calls: Sequence[Document]) -> list[str]:
        size = Counter[str]()
        for call in calls:
            size[call["kind"]] += call["entries"]
        states = Counter(verdict["state"] for verdict in seen[host])
        done = [call["done_after"] for call in calls if call["done_after"] is not None]
        edges = max((len(verdict["sights"]) for verdict in seen[host]), default=0)
        looks = [verdict["seconds"] for verdict in seen[host] if verdict["state"] == "fresh"]
        fresh = [seconds for seconds in looks if seconds is not None]
        failed = sum(call["entries"] for call in calls if call["state"] in MAYBE_STALE)
        return [
            code(host),
            *(f"{size[kind]:,}" if size[kind] else "" for kind in ("urls", "dirs")),
            f"{len(calls):,}",
            share(sum(size.values()) - failed, sum(size.values())),
            f"{edges}" if edges > 1 else "",
            *(f"{states[state]:,}" if states[state] else "" for state in ("fresh", "stale", "unverified")),
            *(sentences.duration(median(times)) if times else "" for times in (done, fresh)),
        ]

    of_calls, of_looks = ("host", "URLs", "directories", "calls", "purged"), ("edges", "fresh", "stale", "not verified")
    head = (*of_calls, *of_looks, "done in", "fresh in")
    rows = [row(host, calls) for host, calls in calls_of.items() if host]
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    if not rows:
        return ""
    return _cut_table([head[column] for column in used], [[row[column] for column in used] for row in rows], document)


def _by_way(document: Document) -> str:
    """Return a table of sites and rules: how many changed files each takes, and what it gives for them."""
    by_way = defaultdict[str, list[Document]](list)
    for target in document["targets"]:
        by_way[target["by"]].append(target)
    rows = []
    for name in dict.fromkeys([*document["sites_and_rules"], *by_way]):
        targets = by_way[name]
        files = len({target["path"] for target in targets})
        urls, dirs = (len({one["url"] for one in targets if one["kind"] == kind}) for kind in ("urls", "dirs"))
        rows.append([code(name), *(f"{number:,}" for number in (files, urls, dirs))])
    return _cut_table(("by", "changed files", "URLs", "directories"), rows, document) if rows else ""


def _cut_table(head: Sequence[str], rows: Sequence[Sequence[str]], document: Document) -> str:
    """Return a table of the first rows, and how many there are besides."""
    left = len(rows) - _MOST_ROWS
    more = f"<p>… and {sentences.count(left, 'more row')}{rest_of(document)}</p>\n" if left > 0 else ""
    return table(head, rows[:_MOST_ROWS]) + more


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
    return listed(lines)


def _calls(document: Document) -> str:
    """Return a table of calls, those that went wrong first, folded away where there are many and all is well."""
    calls = sorted(document["requests"], key=lambda call: call["error"] is None)
    rest = rest_of(document)

    def row(call: Document) -> list[str]:
        size = sentences.count(call["entries"], sentences.NOUNS[call["kind"]]).replace(" ", "&nbsp;")
        error = f"<br>{code(call['cause'], limit=300)}" if call["error"] else ""
        req_id = f"<samp>{for_html(call['reqId'])}</samp>" if call["reqId"] else ""
        state = f"{_STATE_ICONS[call['state']]}&nbsp;{for_html(call['status'])}{error}"
        time = sentences.duration(call["seconds"]).replace(" ", "&nbsp;")
        return [
            f"{call['number']:d}",
            code(call["host"]),
            size if call["entries"] else "",
            state,
            req_id,
            f"{call['attempts']:d}",
            time,
        ]

    if not calls:
        return ""
    rows, left = within("".join, [row(call) for call in calls], LIST_BYTES)
    head = ("call", "host", "entries", "result", "reqId", "tries", "time")
    shown = table(head, [row(call) for call in calls[: len(rows)]], unwrapped=frozenset({"reqId"}))
    more = f"<p>… and {sentences.count(left, 'more call')}{rest}</p>\n" if left else ""
    is_open = len(calls) <= _CALLS_OPEN_UP_TO and not document["late"]
    return details(sentences.count(len(calls), "call"), shown + more, is_open=is_open)


def _by_folder(what: str, urls: Sequence[str], *, rest: str) -> str:
    """Return URLs by their folders; a few as they are."""
    if len(urls) <= _OPEN_UP_TO:
        return details_of(f"{what} URLs", list(map(sentences.url_line, urls)), rest=rest, is_open=True)
    folders = defaultdict[str, list[str]](list)
    for url in urls:
        folders[url.partition("?")[0].rpartition("/")[0] + "/"].append(url)
    shown, left = within(
        lambda entry: details(
            f"{code(entry[0])} {len(entry[1]):,}",
            listed(list(map(sentences.url_line, entry[1])), budget=LIST_BYTES // 4, rest=rest),
        ),
        sorted(folders.items(), key=lambda entry: -len(entry[1])),
        2 * LIST_BYTES,
    )
    more = f"<p>… and {sentences.count(left, 'more folder')}{rest}</p>\n" if left else ""
    return details(f"{what} URLs ({len(urls):,}) in {sentences.count(len(folders), 'folder')}", "".join(shown) + more)
