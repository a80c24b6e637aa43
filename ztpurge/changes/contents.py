"""What a commit has at given paths, to compare with what the edges serve: from the checkout, else through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ztpurge.changes.trees import LINK
from ztpurge.expected import Content, Unknown, parse_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ztpurge.changes.trees import Entry


class Checkout(Protocol):
    """The objects of the checkout."""

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry] | None:
        """Return the files at those of the paths where there is one; None if the checkout lacks the commit."""

    def blob(self, sha: str) -> bytes | None:
        """Return a blob's content; None if the checkout lacks it."""


class Api(Protocol):
    """The repository as the API shows it."""

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
        """Return the files at those of the paths where there is one."""

    def blob(self, sha: str) -> bytes:
        """Return a blob's content."""


def find_contents(
    commit: str, paths: Iterable[str], *, checkout: Checkout, api: Callable[[], Api]
) -> dict[str, Content | Unknown]:
    """Return the content of each file of a commit at those of the paths where there is one.

    `api` is called only if it is needed. Raises ZtpurgeError for a commit that cannot be read.
    """
    wanted = frozenset(paths)
    found = checkout.files(commit, wanted)
    if found is None:
        found = api().files(commit, wanted)
    return {path: _content(entry) for path, entry in found.items()}


def find_pointer(sha: str, *, checkout: Checkout, api: Callable[[], Api]) -> Content | None:
    """Return what Git LFS serves in the place of a blob; None if it is no pointer."""
    data = checkout.blob(sha)
    return parse_pointer(api().blob(sha) if data is None else data)


def _content(entry: Entry) -> Content | Unknown:
    if entry.mode == LINK:
        return Unknown("a symbolic link, which may be served as the file that it points to")
    return Content(entry.sha, entry.size, is_blob=True)
