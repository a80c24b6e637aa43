"""Where the changed files of a run come from, as the recipe sees it: one value, whatever is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ztpurge.changes.contents import Content, Unknown
    from ztpurge.changes.paths import Change
    from ztpurge.site.mapping import Mapped


@dataclass(frozen=True, slots=True)
class Source:
    """Where changed files come from; this one has none, since there is no address that files are served under."""

    changes: tuple[Change, ...] = ()

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:  # noqa: ARG002 - there is nothing
        """Return what is there now at those of the paths where there is a file; raise ZtpurgeError if unknown."""
        return {}

    def pointer_of(self, sha: str) -> Content | None:  # noqa: ARG002 - the same
        """Return what Git LFS serves in the place of a blob; None if it is no pointer."""
        return None

    def begin(self, mapped: Mapped) -> None:
        """Note, before the first call, what is about to be purged; raise ZtpurgeError if that cannot be kept."""

    def end(self, mapped: Mapped, purged: Iterable[str]) -> None:
        """Note which paths were really purged; raise ZtpurgeError if that cannot be kept."""
