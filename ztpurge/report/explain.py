"""Why each URL would be purged, and each changed file not: what a dry run and `explain` tell, line by line. Pure."""

from __future__ import annotations

import os.path
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from ztpurge.report.sentences import count
from ztpurge.site.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ztpurge.cdn.plan import Kind, Plan
    from ztpurge.site.mapping import Mapped, Sites, Target

_SHOWN = 3
_MOST_COMPARED = 1000  # paths: to find the nearest to each of a thousand rules takes a second


def explain_files(targets: Iterable[Target], *, most: int) -> list[str]:
    """Return each changed file, then what is purged for it, with the site or rule that says so: the first lines."""
    by_file: dict[str, list[Target]] = {}
    for target in targets:
        if target.path in by_file or len(by_file) < most:
            by_file.setdefault(target.path, []).append(target)
    lines = (
        line
        for path, given in by_file.items()
        for line in (path, *(f"  -> {target.url}  by {target.by}" for target in given))
    )
    return list(islice(lines, most))


def explain_entries(mapped: Mapped, plan: Plan) -> Callable[[Kind, str], str]:
    """Return what tells for a URL or directory of a plan which changed files it is purged for."""
    # a million lists would take more room than all they hold
    firsts: dict[str, dict[str, Target]] = defaultdict(dict)
    others: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in mapped.targets:
        if firsts[target.kind].setdefault(target.url, target) is not target:
            others[target.kind, target.url].append(target)
    folds = {fold.directory: fold for fold in plan.folds}

    def why(kind: Kind, url: str) -> str:
        first, fold = firsts[kind].get(url), folds.get(url) if kind == "dirs" else None
        targets = [first, *others.get((kind, url), ())] if first else []
        files = [f"{target.path}, by {target.by}" for target in targets]
        if fold:
            files.append(f"{count(fold.entries, 'entry')} below it, to keep within max-requests")
        if not files:
            return f"which was given in `{kind}`"
        more = f" and {len(files) - _SHOWN:,} more" if len(files) > _SHOWN else ""
        return f"for {'; '.join(files[:_SHOWN])}{more}"

    return why


def explain_idle(sites: Sites, mapped: Mapped) -> Iterator[str]:
    """Yield the sites and rules that gave nothing for any of the changes, a rule with how near one of them came."""
    used = {target.by for target in mapped.targets}
    paths = dict.fromkeys([*(target.path for target in mapped.targets), *(skip.path for skip in mapped.skipped)])
    known = tuple(paths)[:_MOST_COMPARED]
    if not known:
        return
    for site in sites.sites:
        if site.name not in used:
            yield f"{site.name}: purges none of what changed"
    for rule in sites.rules:
        if rule.name not in used:
            nearest = max(known, key=lambda path: len(os.path.commonprefix((path, rule.match.text))), default="")  # noqa: RUF071 - of characters, on purpose
            yield f"{rule.name}: purges none of what changed{f'; {rule.mismatch(nearest)}' if nearest else ''}"


def explain_paths(sites: Sites, paths: Iterable[str], mapped: Mapped) -> Iterator[str]:
    """Yield each path and under it what each site and each rule makes of it, or why that is nothing."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for target in mapped.targets:
        what = " (directory)" if target.kind == "dirs" else ""
        found[target.path, target.by].append(f"    -> {target.url}{what}")
    for path in paths:
        yield path
        reasons = [(site.name, site.why_not(path)) for site in sites.sites]
        reasons += [(rule.name, rule.mismatch(path)) for rule in sites.rules]
        for name, reason in reasons:
            gives = found[path, name]
            yield f"  {name}:" if gives else f"  {name}: nothing, {reason or 'no client asks for such a URL'}"
            yield from gives


def explain_looks(sites: Sites, mapped: Mapped) -> Iterator[str]:
    """Yield where a real run looks besides: at which origin before it purges, and at which edges afterwards."""
    at_origin = sites.at_origin(mapped.urls)
    by_origin: dict[str, tuple[str, str]] = {}
    for url, at in at_origin.items():
        by_origin.setdefault(at.split("/")[2], (url, at))
    for url, at in by_origin.values():
        yield f"Nothing would be purged before the origin is new: {at} is asked for {url}, and so on"
    hosts = set(map(host_of, mapped.urls))
    for host, edges in sites.edges.items():
        if host in hosts:
            yield f"`verify` would look at {', '.join(edges)} for {host}"
