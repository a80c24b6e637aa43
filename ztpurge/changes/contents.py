"""What a commit has at given paths, to compare with what the edges serve: from the checkout, else through the API."""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ztpurge.changes.trees import LINK
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Iterable

    from ztpurge.changes.trees import Entry


_MOST_ASKED = 100  # calls: GitHub allows a repository's jobs 1,000 an hour, and any small stale file may be a pointer
_CHECKOUT = "Check out the repository first, so that the API is not needed"


MOST_BYTES = 1 << 30  # what is larger is not fetched to be compared
MOST_BYTES_UNKNOWN = 16 << 20  # git's ids begin with the size: where nobody tells it, a body is kept until it is whole
POINTER_BYTES = 1024  # Git LFS: "pointer files must be less than 1024 bytes in size"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n"
)


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes by their digest: git's blob id (SHA-1 or SHA-256) or their SHA-256; `size` in bytes if known."""

    digest: str
    size: int | None
    is_blob: bool = False

    @property
    def may_be_pointer(self) -> bool:
        """Whether the file may be a pointer of Git LFS, in whose place another file is served."""
        return self.is_blob and (self.size is None or self.size < POINTER_BYTES)

    def hasher(self, size: int) -> hashlib._Hash:
        """Return what hashes a body of `size` bytes to compare with `digest`."""
        import hashlib  # noqa: PLC0415 - for runs that compare

        if not self.is_blob:
            return hashlib.sha256()
        # gitformat-objects: the id is that of the header and the content; git's own choice of algorithm
        name = "sha1" if len(self.digest) == 40 else "sha256"
        return hashlib.new(name, b"blob %d\0" % size, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a URL must serve cannot be told, and why; `is_failure`: it could have been, had nothing failed."""

    reason: str
    is_failure: bool = False


def parse_pointer(data: bytes) -> Content | None:
    """Read a pointer of Git LFS: the content that is served in its place; None if it is none.

    See the specification of Git LFS, "The Pointer".
    """
    found = _POINTER.fullmatch(data) if len(data) < POINTER_BYTES else None
    return Content(found[1].decode(), int(found[2])) if found else None


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

    def sizes(self, commit: str, paths: Iterable[str]) -> dict[str, int | None]:
        """Return the sizes of the files at those paths."""

    def blob(self, sha: str) -> bytes:
        """Return a blob's content."""


def find_contents(
    commit: str, paths: Iterable[str], *, checkout: Checkout, api: Callable[[], Api]
) -> dict[str, Content | Unknown]:
    """Return the content of each file of a commit at those of the paths where there is one.

    `api` is called only if it is needed: a partial clone lacks the sizes of what it has not fetched, and without its
    size a large file that is served compressed is too long to compare. Raises ZtpurgeError for a commit that cannot
    be read.
    """
    wanted = frozenset(paths)
    found = checkout.files(commit, wanted)
    if found is None:
        found = api().files(commit, wanted)
    unknown = [path for path, entry in found.items() if entry.size is None]
    if unknown:
        with contextlib.suppress(ZtpurgeError):
            sizes = api().sizes(commit, unknown)
            found |= {path: replace(found[path], size=sizes.get(path)) for path in unknown}
    return {path: _content(entry) for path, entry in found.items()}


class Pointers:
    """What Git LFS serves in the place of blobs, each read once."""

    def __init__(self, checkout: Checkout, api: Callable[[], Api]) -> None:
        self._checkout = checkout
        self._api = api
        self._left = _MOST_ASKED
        self._lock = threading.Lock()
        self._known: dict[str, Content | None] = {}

    def find(self, sha: str) -> Content | None:
        """Return what is served in the place of a blob; None if it is no pointer.

        Raises ZtpurgeError if the API does not give the blob, or was asked for too many.
        """
        if sha not in self._known:
            data = self._checkout.blob(sha)
            self._known[sha] = parse_pointer(self._ask(sha) if data is None else data)
        return self._known[sha]

    def _ask(self, sha: str) -> bytes:
        with self._lock:
            if not self._left:
                raise ZtpurgeError(f"GitHub's API was asked for {_MOST_ASKED} files already", remedy=_CHECKOUT)
            self._left -= 1
            api = self._api()  # opened once: edges are looked at in several threads
        return api.blob(sha)


def _content(entry: Entry) -> Content | Unknown:
    if entry.mode == LINK:
        return Unknown("a symbolic link, which may be served as the file that it points to")
    return Content(entry.sha, entry.size, is_blob=True)
