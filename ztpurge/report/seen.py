"""What was seen of a URL in words: at an edge, at several of them, or at the origin; what follows, what to do. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from ztpurge.report.sentences import count, url_line
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ztpurge.edge.judge import Blame, Freshness, Sight, Verdict

_MOST_SIGHTS = 8
_WORDS = {"fresh": "fresh", "unverified": "not verified"}
_BLAMED: dict[Blame, str] = {"origin": "fetched after the purge", "edge": "kept from before the purge"}
_ADVICE: dict[Blame, str] = {
    "": (
        "What answered does not tell whether the origin or the edge is late: deploy before this step, or raise "
        "`delay`; set `wait`, or raise `verify-timeout`; a site that is built takes `manifest`."
    ),
    "origin": (
        "The edge fetched that after the purge, so the origin (or a cache in between) still served it: deploy before "
        "this step, or raise `delay`; a site that is built takes `manifest`."
    ),
    "edge": "The purge has not reached this edge: set `wait`, or raise `verify-timeout`; if it stays, ask the CDN.",
    "address": "None of the files is there: do `root` and `base-url` fit, and is the site deployed before this step?",
}
_AFTER_TWO_PURGES: dict[Blame, str] = {
    "": (
        "A second purge did not help, and what answered does not tell whether the origin or the edge is late: has the "
        "deployment ended before this step? If so, ask the CDN about both reqIds; a site that is built takes "
        "`manifest`."
    ),
    "origin": (
        "The edge fetched that after the purge, so the origin (or a cache in between) still served it, and a second "
        "purge did not help: deploy before this step; a site that is built takes `manifest`."
    ),
    "edge": "Two purges have not reached this edge: raise `verify-timeout`, or ask the CDN about both reqIds.",
}
_CAME_BACK = (
    "What came back old was fresh before: of several caches or origin servers at one address, not all are new. Deploy "
    "to each origin server before this step; if that was done, ask the CDN."
)
_NOT_DEPLOYED = (
    "The deployment has to end before this step: wait for it, or raise `verify-timeout`. Then run the job again."
)
_NOTHING_DEPLOYED = (
    "None of the files is there: is the site deployed before this step, and do `root`, the address and `origin` fit?"
)
_ORIGIN_FAILS = (
    "The origin answers, but with no file: does it serve the host by its name? If not, take `origin` out, and set "
    "`delay`."
)
_ORIGIN_SILENT = (
    "The origin does not answer: is its address right, and can the runner reach it? If not, take `origin` out, and set "
    "`delay`."
)


def verdict_line(verdict: Verdict) -> str:
    """Return a URL that was looked at, with what was seen of it and what the server said of itself."""
    why = "; ".join(filter(None, (for_log(verdict.reason), evidence(verdict))))
    return f"{url_line(verdict.url)}  ({why})" if why else url_line(verdict.url)


def evidence(verdict: Verdict) -> str:
    """Return what a server said of itself, and what follows from that."""
    return "; ".join(filter(None, (_BLAMED.get(verdict.blame), _headers(verdict.said))))


def sight_lines(sights: Sequence[Sight]) -> list[str]:
    """Return what each of several servers served, a line each, those that are not fresh first; the last as a number."""
    lines = []
    for sight in sorted(sights, key=lambda sight: ("stale", "unverified", "fresh").index(sight.state)):
        why = "; ".join(filter(None, (_WORDS.get(sight.state), sight.reason, _headers(sight.said))))
        lines.append(f"{sight.name}: {why}")
    more = [f"and {len(lines) - _MOST_SIGHTS} more servers"] if len(lines) > _MOST_SIGHTS + 1 else []
    return [*lines[: _MOST_SIGHTS if more else None], *more]


def command_to_look(verdict: Verdict) -> str:
    """Return what to type to see what that server answers for the URL."""
    url, server = verdict.url, ""
    if verdict.at:
        scheme, _, rest = verdict.at.partition("://")
        netloc, slash, path = rest.partition("/")
        host = verdict.url.partition("://")[2].partition("/")[0]
        url = f"{scheme}://{host}{slash}{path}"
        port = "" if ":" in netloc.rpartition("]")[2] else f":{443 if scheme == 'https' else 80}"
        server = f"--connect-to {shlex.quote(f'::{netloc}{port}')} "
    # else curl takes those for patterns
    return f"curl -sI{'' if set('[]{}').isdisjoint(url) else 'g'} {server}{shlex.quote(url)}"


def again_line(url: str, req_id: str | None, states: dict[str, Freshness]) -> str:
    """Return a URL that was purged once more, its new reqId, and what was seen of it by its state in the end."""
    words = {"fresh": "fresh now", "stale": "still stale", "unverified": "not verified"}
    return f"{url_line(url)}  {req_id or 'no reqId'}  {words.get(states.get(url, ''), '')}".rstrip()


def advice(verdicts: Iterable[Verdict], *, again: Collection[str]) -> tuple[str, ...]:
    """Return what to do about stale URLs, as far as what was seen tells; `again`: those that were purged twice."""
    worth = [verdict for verdict in verdicts if verdict.served or verdict.blame]
    blames = Counter(verdict.blame for verdict in worth if not verdict.is_back)
    told: list[Blame] = [blame for blame, _ in blames.most_common() if blame] or list(blames)
    once = {verdict.blame for verdict in worth if verdict.url not in again}
    what = [_ADVICE[blame] if blame in once else _AFTER_TWO_PURGES.get(blame, _ADVICE[blame]) for blame in told]
    return (*what, *([_CAME_BACK] if any(verdict.is_back for verdict in worth) else []))


def late_advice(late: Sequence[Verdict]) -> tuple[str, ...]:
    """Return what to do about what the origin was not seen to serve."""
    is_old = any(verdict.served and verdict.blame != "address" for verdict in late)
    found = {
        _NOT_DEPLOYED: is_old,
        _NOTHING_DEPLOYED: not is_old and any(verdict.blame == "address" for verdict in late),
        _ORIGIN_FAILS: any(verdict.is_seen and not verdict.served for verdict in late),
        _ORIGIN_SILENT: any(verdict.looks and not verdict.is_seen for verdict in late),
    }
    return tuple(sentence for sentence, is_so in found.items() if is_so)


def late_title(late: Iterable[Verdict]) -> str:
    """Return the heading of the list of URLs that the origin was not seen to serve."""
    return "Not new at the origin yet" if any(verdict.is_seen for verdict in late) else "Not seen at the origin"


def late_headline(late: Sequence[Verdict], number: int) -> str:
    """Return why nothing was purged: how many of a number of URLs the origin was not seen to serve."""
    which = f"{len(late):,} of {count(number, 'URL')}"
    if any(verdict.is_seen for verdict in late):
        why = f"the origin is not new yet for {which}"
    elif any(verdict.looks for verdict in late):
        why = f"the origin did not answer for {which}"
    else:
        why = f"whether the origin is new could not be told for {which}"
    return f"Nothing was purged: {why}"


def stale_title(verdicts: Iterable[Verdict]) -> str:
    """Return the heading of the list of URLs that were not seen to be fresh."""
    return f"Purged, but not {'fresh' if any(verdict.is_seen for verdict in verdicts) else 'seen to be fresh'}"


def verdict_counts(verdicts: Iterable[Verdict]) -> str:
    """Return `19 seen fresh, 1 STILL STALE, 2 not verified`."""
    words = {"fresh": "seen fresh", "stale": "STILL STALE", "unseen": "NOT SEEN", "unverified": "not verified"}
    found = Counter(
        "unseen" if verdict.state == "stale" and not verdict.is_seen else verdict.state for verdict in verdicts
    )
    return ", ".join(f"{found[state]:,} {word}" for state, word in words.items() if found[state])


def unreachable_line(host: str, addresses: Sequence[str]) -> str:
    """Return at which addresses of a host nobody could look, since this machine has no way to them."""
    number = count(len(addresses), "edge")
    return f"{host}: {number} not looked at, since this machine has no route there: {', '.join(addresses)}"


def _headers(said: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in said)
