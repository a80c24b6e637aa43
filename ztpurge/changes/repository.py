"""The repository, asked of its checkout first and of GitHub's API only for what that lacks.

The checkout is quick and takes no permission. Neither what differs from what nor what it means is decided here.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.changes.contents import Content, Unknown, parse_pointer
from ztpurge.changes.trees import LINK
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ztpurge.changes.git import Git
    from ztpurge.changes.github import GitHub

_MOST_ASKED = 100  # calls: GitHub allows a repository's jobs 1,000 an hour, and any small stale file may be a pointer


class Repository:
    """Commits and files; each method raises ZtpurgeError for what neither the checkout nor the API can tell.

    `open_api` raises ZtpurgeError where the API cannot be asked, and says what that takes.
    """

    def __init__(self, checkout: Git, open_api: Callable[[], GitHub]) -> None:
        self._checkout = checkout
        self._open_api = open_api
        self._opened: GitHub | None = None
        self._lock = threading.Lock()  # edges are looked at in several threads
        self._pointers: dict[str, Content | None] = {}
        self._asked = 0

    def api(self) -> GitHub:
        """Return the API, opened once; raise ZtpurgeError where it cannot be asked."""
        return self._api("the checkout does not tell what is to be compared")

    def _api(self, lack: str) -> GitHub:
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = self._open_api()
                except ZtpurgeError as error:
                    raise ZtpurgeError(f"{lack}, and {error.cause}", remedy=error.remedy, place=error.place) from error
            return self._opened

    def head(self) -> str | None:
        """Return the id of the commit that is checked out; None if there is none."""
        return self._checkout.head()

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a commit's id, a tag or a branch names; None if it names none."""
        found = self._checkout.resolve(ref)
        return found or self._api(f"{ref[:200]!r} is no commit, tag or branch that the checkout has").resolve(ref)

    def differing_paths(self, base: str | None, head: str) -> tuple[Mapping[str, frozenset[str]], bool]:
        """Return the path of each file and submodule that differs, with its modes, and whether the API told.

        `base` None: all of `head`.
        """
        found = self._checkout.differing_paths(base, head)
        return (self.api().differing_paths(base, head), True) if found is None else (found, False)

    def modes(self, commit: str, paths: Collection[str]) -> Mapping[str, str]:
        """Return the modes of what a commit has at those of the paths."""
        found = self._checkout.modes(commit, paths)
        return self.api().modes(commit, paths) if found is None else found

    def links(self, commit: str, root: str, *, may_ask: bool = True) -> Mapping[str, str | None]:
        """Return what each symbolic link below a folder says, None where that is not known.

        Without `may_ask` there is none if the checkout lacks the commit.
        """
        found = self._checkout.links(commit, root)
        if found is None:
            return self.api().links(commit, root) if may_ask else {}
        return found

    def contents(self, commit: str, paths: Collection[str]) -> dict[str, Content | Unknown]:
        """Return the content of each file of a commit at those of the paths where there is one."""
        found = self._checkout.files(commit, paths)
        if found is None:
            found = self.api().files(commit, paths)
        # a partial clone lacks sizes, and a large file that is served compressed is too long to compare without
        unsized = [path for path, entry in found.items() if entry.size is None]
        if unsized:
            with contextlib.suppress(ZtpurgeError):
                sizes = self.api().sizes(commit, unsized)
                found |= {path: replace(found[path], size=sizes.get(path)) for path in unsized}
        return {
            path: Unknown("a symbolic link, which may be served as the file that it points to")
            if entry.mode == LINK
            else Content(entry.sha, entry.size, is_blob=True)
            for path, entry in found.items()
        }

    def pointer_of(self, sha: str) -> Content | None:
        """Return what Git LFS serves in the place of a blob, which is read once; None if it is no pointer.

        Raises ZtpurgeError once the API was asked for too many.
        """
        if sha not in self._pointers:
            data = self._checkout.blob(sha)
            if data is None:
                api = self.api()
                with self._lock:
                    if self._asked == _MOST_ASKED:
                        raise ZtpurgeError(
                            f"GitHub's API was asked for {_MOST_ASKED} files already",
                            remedy="Check out the repository first, so that the API is not needed",
                        )
                    self._asked += 1
                data = api.blob(sha)
            self._pointers[sha] = parse_pointer(data)
        return self._pointers[sha]
