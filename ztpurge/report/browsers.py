"""What was seen of purged URLs -> how long browsers may go on showing what they have of them. Pure.

No purge reaches browsers. What a build named by its content is left out: the new name was in none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.report.sentences import count, duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.edge.judge import Verdict
    from ztpurge.site.mapping import Mapped, Sites

_YEARS = 2 * 366 * 86_400  # seconds, beyond which nobody counts


@dataclass(frozen=True, slots=True)
class InBrowsers:
    """How many purged URLs may stay in browsers: `unbounded` of them nobody can tell how long, the rest `seconds`."""

    urls: int = 0
    unbounded: int = 0
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """That in words; nothing if there are none."""
        what = f"{count(self.urls, 'purged URL')} may stay in browsers"
        bound, free = f"for up to {duration(self.seconds)}", "for an unknown time"
        if self.seconds > _YEARS:
            bound = "for years"
        if not self.urls:
            return ""
        if not self.unbounded:
            return f"{what} {bound}"
        if self.unbounded == self.urls:
            return f"{what} {free}: no header limits it"
        return f"{what}: {self.urls - self.unbounded:,} {bound}, {self.unbounded:,} {free}"


def find_in_browsers(verdicts: Iterable[Verdict], sites: Sites, mapped: Mapped) -> InBrowsers:
    """Tell how long browsers may show old copies of what was looked at."""
    may_stay = [verdict for verdict in verdicts if verdict.in_browsers != 0]
    if not may_stay:
        return InBrowsers()
    from ztpurge.report.hashed import find_named_by_content  # noqa: PLC0415 - 3 ms that only runs which look need

    named = set[str]()
    for site in sites.sites:
        named |= find_named_by_content((one.path for one in mapped.targets if one.by == site.name), site.root)
    others = {target.url for target in mapped.targets if target.path not in named}
    new = {target.url for target in mapped.targets if target.path in named} - others
    kept = [verdict.in_browsers for verdict in may_stay if verdict.url not in new]
    bounds = [seconds for seconds in kept if seconds is not None]
    return InBrowsers(len(kept), len(kept) - len(bounds), max(bounds, default=0.0))
