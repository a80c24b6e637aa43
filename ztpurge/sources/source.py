"""What a run takes its changed files from, as the recipe sees it, whatever is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ztpurge.changes.contents import Content, Unknown
    from ztpurge.changes.event import Event, Range
    from ztpurge.changes.paths import Change
    from ztpurge.changes.repository import Repository
    from ztpurge.runner import Runner
    from ztpurge.site.mapping import Mapped


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run finds around it; `why_over` tells why what only reads is to be left, nothing while there is time."""

    runner: Runner
    repository: Repository
    event: Event
    why_over: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where changed files come from, the `changes`; each source does what it can of this, and here that is nothing."""

    changes: tuple[Change, ...]

    def compared(self) -> Range | None:
        """Return the commits that the changes come from, None if they come from elsewhere."""
        return None

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:  # noqa: ARG002 - there is nothing
        """Return what is there now at those of the paths where there is a file; raise ZtpurgeError if unknown."""
        return {}

    def files(self) -> Iterable[str] | None:
        """Return the paths of all files that are there now, None if nobody knows; raise ZtpurgeError if that fails."""
        return None

    def begin(self, mapped: Mapped) -> None:
        """Note, before the first call, what is about to be purged; raise ZtpurgeError if that cannot be kept."""

    def end(self, mapped: Mapped, purged: Iterable[str]) -> None:
        """Note which paths were really purged; raise ZtpurgeError if that cannot be kept."""
