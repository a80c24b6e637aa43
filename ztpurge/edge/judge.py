"""What was seen of a purged URL against what it must serve -> fresh, stale or unverified, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from ztpurge.changes.contents import MOST_BYTES, Content, Unknown, parse_pointer
from ztpurge.edge.expected import Gone
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ztpurge.cdn.purge import Outcome
    from ztpurge.edge.expected import Expected
    from ztpurge.edge.fetch import Look

Freshness = Literal["fresh", "stale", "unverified"]
Served = Literal["", "other content", "no file", "a redirect"]
Blame = Literal["", "origin", "edge", "address"]
_BAD: tuple[Freshness, ...] = ("fresh", "unverified", "stale")  # the worst last
_NO_FILE = frozenset({404, 410})
_MOST_NAMED = 3  # servers in one reason
_IS_POINTER = "serves the pointer of Git LFS, not the file; check out with `lfs: true` before you deploy"


@dataclass(frozen=True, slots=True)
class Sight:
    """What one of several servers served for a URL: its address, where it says it is (`place`), and what was seen."""

    server: str
    place: str
    state: Freshness
    reason: str
    said: tuple[tuple[str, str], ...] = ()
    is_seen: bool = True

    @property
    def name(self) -> str:
        """The server as people are told of it."""
        server = self.server or "the host's name"
        return f"{server} ({self.place})" if self.place else server


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen of a URL: its state, why it is not fresh (or by which redirects it is), and after how many looks.

    `said`: what the edge told of itself, as (header, value). `is_seen`: it answered at all. `served`: what stands for
    the site's state, if anything does. `blame`: where it is stale, the origin, whose old file this edge fetched after
    the purge, the edge, which kept a copy from before it, or the address, at which there is none of the files.
    `seconds`: how long after the purge began it was seen so, None if nobody looked. `place`: where the server says it
    is. `at`: the URL by which it was reached in the name of the host, empty if that is the URL itself. `sights`: what
    each server served, if there are several; the verdict is on the worst of that. `is_back`: it was fresh before, and
    serves the old content again. `in_browsers`: for how many seconds at most browsers show what was seen here, at any
    look, without asking again; None if nothing bounds it.
    """

    url: str
    state: Freshness
    reason: str = ""
    said: tuple[tuple[str, str], ...] = ()
    looks: int = 0
    is_seen: bool = True
    served: Served = ""
    blame: Blame = ""
    seconds: float | None = field(default=None, compare=False)
    place: str = field(default="", compare=False)
    sights: tuple[Sight, ...] = ()
    is_back: bool = False
    at: str = field(default="", compare=False)
    in_browsers: float | None = field(default=0.0, compare=False)

    @property
    def is_settled(self) -> bool:
        """Whether looking again cannot change it for the better."""
        return self.state != "stale"


def judge_unseen(url: str, what: Expected) -> Verdict | None:
    """Return the verdict on a URL that need not be looked at, None for the others."""
    if isinstance(what, Unknown):
        return Verdict(url, "unverified", what.reason)
    if isinstance(what, Content) and (what.size or 0) > MOST_BYTES:
        return Verdict(url, "unverified", f"larger than {MOST_BYTES >> 20} MiB")
    return None


def judge(url: str, what: Expected, seen: Look, since_purge: tuple[float, float]) -> Verdict:
    """Return the verdict on a URL by what it served; asked for, and served, so many seconds after the purge began."""
    if seen.status == 400 and not set("[]|^").isdisjoint(url.split("/", 3)[-1]):
        return Verdict(url, "unverified", "answers 400, as a server may to `[`, `]`, `|` and `^` (RFC 3986)", seen.said)
    judged = _judge_absence(url, what, seen) if isinstance(what, Gone) else _judge_content(url, what, seen)
    verdict = replace(judged, place=seen.place, in_browsers=seen.in_browsers)
    if verdict.state == "fresh":
        return verdict
    blame: Blame = ""
    if verdict.served and seen.age is not None:
        # RFC 9111 5.1: Age is how many whole seconds ago the origin gave or confirmed the copy: after the purge, or
        # before it; in the very second of the purge it may be either
        asked, served = since_purge
        blame = "origin" if asked >= seen.age + 1 else "edge" if served < seen.age else ""
    return replace(verdict, said=seen.said, blame=blame)


def _judge_absence(url: str, what: Gone, seen: Look) -> Verdict:
    if seen.status in _NO_FILE:
        return Verdict(url, "fresh")
    if seen.status == 403 and what.is_folder:
        return Verdict(url, "unverified", "answers 403, as servers do for a folder without an index")
    served: Served = "other content" if seen.status == 200 else ""
    return Verdict(url, "stale", f"answers {seen.status}, but the file is deleted", served=served)


def _judge_content(url: str, what: Content | Unknown, seen: Look) -> Verdict:
    if seen.status != 200:
        return Verdict(url, "stale", f"answers {seen.status}", served="no file" if seen.status in _NO_FILE else "")
    if seen.is_match and isinstance(what, Content) and what.may_be_pointer and parse_pointer(seen.small):
        return Verdict(url, "stale", _IS_POINTER)
    if seen.is_match:
        return Verdict(url, "fresh")
    # what the edge itself keeps from being compared is no reason to believe it
    if seen.unread:
        return Verdict(
            url, "stale", f"served compressed with {seen.unread}, which was not asked for and cannot be undone here"
        )
    if seen.is_too_long:
        return Verdict(url, "stale", "too long to compare, since the checkout lacks the file and nobody tells its size")
    return Verdict(url, "stale", "serves other content", served="other content")


def unlooked(url: str, *, stopped: bool) -> Verdict:
    """Return the verdict on a URL that there was no time to look at."""
    over = "the run was cancelled" if stopped else "no time was left (`verify-timeout`, or `timeout` before that)"
    return Verdict(url, "stale", f"not looked at: {over}", is_seen=False)


def combine(by_server: Mapping[str, Verdict]) -> Verdict:
    """Return the verdict on a URL by those on it at each server: the worst counts, since visitors meet any of them."""
    verdicts = [*by_server.values()]
    if len(verdicts) == 1:
        ((server, lone),) = by_server.items()
        return replace(lone, reason=f"{lone.reason} at {server}") if server and lone.reason else lone
    state = max((verdict.state for verdict in verdicts), key=_BAD.index)
    worst = [verdict for verdict in verdicts if verdict.state == state]
    sights = tuple(
        Sight(server, verdict.place, verdict.state, verdict.reason, verdict.said, verdict.is_seen)
        for server, verdict in by_server.items()
    )
    by_reason: dict[str, list[str]] = {}
    for sight in sights:
        if sight.state == state and sight.reason:
            by_reason.setdefault(sight.reason, []).append(sight.name)
    everywhere = len(verdicts)
    reasons = [
        f"{reason} at {f'all {everywhere}' if everywhere > 2 else 'both'} edges"
        if len(names) == everywhere
        else f"{reason} at {_some_of(names)}"
        for reason, names in by_reason.items()
    ]
    fresh = sum(verdict.state == "fresh" for verdict in verdicts)
    rest = f"; fresh at {fresh} of {everywhere} edges" if fresh and state != "fresh" else ""
    first = next((verdict for verdict in worst if verdict.is_seen), worst[0])
    return replace(
        first,
        reason="; ".join(reasons) + rest,
        looks=max(verdict.looks for verdict in verdicts),
        served=next((verdict.served for verdict in worst if verdict.served), ""),
        blame=next((verdict.blame for verdict in worst if verdict.blame), ""),
        seconds=max((verdict.seconds for verdict in worst if verdict.seconds is not None), default=None),
        sights=sights,
        is_back=any(verdict.is_back for verdict in worst),
        in_browsers=longest(verdict.in_browsers for verdict in verdicts),
    )


def longest(seconds: Iterable[float | None]) -> float | None:
    """Return the most of so many seconds, None if one of them has no bound."""
    kept = [*seconds]
    return None if None in kept else max(filter(None, kept), default=0.0)


def _some_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def explain(verdict: Verdict, *, seconds: float, stopped: bool) -> Verdict:
    """Say of a URL that is not settled how often it was looked at, and for how long."""
    if verdict.is_settled or not verdict.looks:
        return verdict
    times = "1 look" if verdict.looks == 1 else f"{verdict.looks} looks"
    end = "; the run was cancelled" if stopped else ""
    return replace(verdict, reason=f"{verdict.reason} ({times} in {seconds:.0f} s{end})")


def confirm_by_sight(outcomes: Iterable[Outcome], verdicts: Iterable[Verdict]) -> tuple[Outcome, ...]:
    """Return the outcomes with those as done whose reqId is under way, but whose every URL was seen to be fresh.

    They keep an error, which says what the CDN reports. A directory is not done for the page at its own address.
    """
    fresh = frozenset(verdict.url for verdict in verdicts if verdict.state == "fresh")
    kept = []
    for outcome in outcomes:
        is_seen = outcome.state == "pending" and outcome.kind == "urls" and fresh.issuperset(outcome.entries)
        if is_seen:
            cause = outcome.error.cause if outcome.error else "still under way"
            remedy = "If this CDN never reports an end, do without `wait`: `verify` sees for itself"
            error = ApiError(Failure.TIMEOUT, f"{cause}, but each of its URLs was seen fresh", remedy=remedy)
            kept.append(replace(outcome, state="done", error=error))
        else:
            kept.append(outcome)
    return tuple(kept)
