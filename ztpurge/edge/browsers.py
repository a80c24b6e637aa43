"""How long browsers show what they have without asking for it again: no purge reaches them.

They are private caches (RFC 9111). Where that leaves a choice, what counts is the longest that Chromium, Firefox or
WebKit take: `GetFreshnessLifetimes`, `ComputeFreshnessLifetime`, `computeFreshnessLifetimeForHTTPFamily`. Pure.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ztpurge.edge.fields import split_list

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 2.0**31  # seconds; RFC 9111, 1.2.2: what is more counts as that
_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")  # RFC 9110, 5.6.7
_SECONDS = re.compile(r'(max-age|stale-while-revalidate)\s*=\s*("?)([0-9]+)\2')
# RFC 9110, 15.1: for how long these are kept is up to each cache, if nobody says it
_GUESSED = frozenset({200, 203, 204, 206, 404, 405, 414, 501})  # by `Last-Modified`, or not at all
_KEPT_FOR_GOOD = frozenset({300, 301, 308, 410})  # WebKit: for a year


def seconds_in_browsers(status: int, headers: Mapping[str, str], *, now: float) -> float | None:
    """Return for how many seconds at most a browser may show an answer without asking first, from when it gets it.

    0 if it is to ask each time, or keeps nothing; None if nothing bounds it. `Age` is left out: this copy has less time
    left, but another browser got a younger one, so a purged URL may stay in browsers for all of that. What they guess
    by `Last-Modified` is no bound: the file that was replaced is older than the one looked at, and kept longer.
    `headers`: names in lower case, values as they were sent, several lines of a name as one with commas between. `now`:
    seconds since 1970, in place of a `Date`.
    """
    control = [member.lower() for member in split_list(headers.get("cache-control", ""))]
    # with a value, `no-cache` is about the headers that it names
    if "no-store" in control or "no-cache" in control:
        return 0.0
    # never specified for answers, but all three heed it if there is nothing newer
    if not control and "no-cache" in map(str.lower, split_list(headers.get("pragma", ""))):
        return 0.0
    seconds: dict[str, float] = {}
    for member in control:
        if found := _SECONDS.fullmatch(member):
            seconds.setdefault(found[1], min(float(found[3]), _LONGEST))
    if "max-age" in seconds:
        fresh = seconds["max-age"]
    elif "expires" in headers:
        expires, date = (_parse_date(headers.get(name, "")) for name in ("expires", "date"))
        # what is no date, `0` above all, is in the past
        fresh = 0.0 if expires is None else max(0.0, expires - (now if date is None else date))
    elif status in _KEPT_FOR_GOOD or ("last-modified" in headers and (status in _GUESSED or "public" in control)):
        return None
    else:
        fresh = 0.0
    # RFC 5861: for so long the old copy is shown once more while the new one is fetched
    return fresh + (0.0 if "must-revalidate" in control else seconds.get("stale-while-revalidate", 0.0))


def _parse_date(text: str) -> float | None:
    """Read the first date of a header as seconds since 1970; None if it is none."""
    first = re.sub(r"(?<=GMT),.*", "", text).strip()
    for form in _DATES:
        try:
            return datetime.strptime(first, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None
