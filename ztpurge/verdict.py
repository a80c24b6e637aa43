"""What was seen of a purged URL against what it must serve -> fresh, stale or unverified, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ztpurge.expected import MOST_BYTES, Content, Gone, Unknown, parse_pointer

if TYPE_CHECKING:
    from ztpurge.edge import Look
    from ztpurge.expected import Expected

OTHER_CONTENT = "serves other content"

Freshness = Literal["fresh", "stale", "unverified"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen of a URL: its state, why it is not fresh (or by which redirects it is), and after how many looks.

    `said`: what the edge told of itself, as (header, value). `is_seen`: it answered at all.
    """

    url: str
    state: Freshness
    reason: str = ""
    said: tuple[tuple[str, str], ...] = ()
    looks: int = 0
    is_seen: bool = True

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


def judge(url: str, what: Expected, seen: Look) -> Verdict:
    """Return the verdict on a URL by what it served."""
    if seen.status == 400 and not set("[]|^").isdisjoint(url.split("/", 3)[-1]):
        return Verdict(url, "unverified", "answers 400, as a server may to `[`, `]`, `|` and `^` (RFC 3986)", seen.said)
    state, reason = _judge_absence(what, seen) if isinstance(what, Gone) else _judge_content(what, seen)
    return Verdict(url, state, reason, () if state == "fresh" else seen.said)


def _judge_absence(what: Gone, seen: Look) -> tuple[Freshness, str]:
    if seen.status in {404, 410}:
        return "fresh", ""
    if seen.status == 403 and what.is_folder:
        return "unverified", "answers 403, as servers do for a folder without an index"
    return "stale", f"answers {seen.status}, but the file is deleted"


def _judge_content(what: Content | Unknown, seen: Look) -> tuple[Freshness, str]:
    if seen.status != 200:
        return "stale", f"answers {seen.status}"
    if seen.is_match and isinstance(what, Content) and what.may_be_pointer and parse_pointer(seen.small):
        return "stale", "serves the pointer of Git LFS, not the file; check out with `lfs: true` before you deploy"
    if seen.is_match:
        return "fresh", ""
    # what the edge itself keeps from being compared is no reason to believe it
    if seen.unread:
        return "stale", f"served compressed with {seen.unread}, which was not asked for and cannot be undone here"
    if seen.is_too_long:
        return "stale", "too long to compare, since the checkout lacks the file and nobody tells its size"
    return "stale", OTHER_CONTENT


def explain(url: str, verdict: Verdict | None, *, seconds: float, stopped: bool) -> Verdict:
    """Say of what is not settled why it was not looked at any longer."""
    if verdict is not None and verdict.is_settled:
        return verdict
    over = "the run was cancelled" if stopped else "no time was left (`verify-timeout`, or `timeout` before that)"
    if verdict is None or not verdict.looks:
        return Verdict(url, "stale", f"not looked at: {over}", is_seen=False)
    times = "1 look" if verdict.looks == 1 else f"{verdict.looks} looks"
    end = "; the run was cancelled" if stopped else ""
    return replace(verdict, reason=f"{verdict.reason} ({times} in {seconds:.0f} s{end})")
