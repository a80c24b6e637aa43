"""What a run takes its changed files from, as the recipe sees it: one protocol, whatever is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ztpurge.changes.contents import Content, Unknown
    from ztpurge.changes.event import Event
    from ztpurge.changes.paths import Change
    from ztpurge.changes.repository import Repository
    from ztpurge.runner import Runner
    from ztpurge.site.mapping import Mapped


class Source(Protocol):
    """Where changed files come from."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """The files that changed."""

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        """Return what is there now at those of the paths where there is a file; raise ZtpurgeError if unknown."""

    def pointer_of(self, sha: str) -> Content | None:
        """Return what Git LFS serves in the place of a blob; None if it is no pointer."""

    def begin(self, mapped: Mapped) -> None:
        """Note, before the first call, what is about to be purged; raise ZtpurgeError if that cannot be kept."""

    def end(self, mapped: Mapped, purged: Iterable[str]) -> None:
        """Note which paths were really purged; raise ZtpurgeError if that cannot be kept."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run finds around it; `why_over` tells why what only reads is to be left, nothing while there is time."""

    runner: Runner
    repository: Repository
    event: Event
    why_over: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Nothing:
    """No files, since there is no address that files are served under; other sources differ from it."""

    changes: tuple[Change, ...]

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:  # noqa: ARG002 - there is nothing
        """Return nothing."""
        return {}

    def pointer_of(self, sha: str) -> Content | None:  # noqa: ARG002 - there is nothing
        """Return nothing."""
        return None

    def begin(self, mapped: Mapped) -> None:
        """Note nothing."""

    def end(self, mapped: Mapped, purged: Iterable[str]) -> None:
        """Note nothing."""
