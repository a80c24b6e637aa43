"""A repository's commits, refs and files by GitHub's API, where the checkout does not have them.

Asks only for what is needed. Gitea's and Forgejo's API serves too as far as it has the same calls (trees in pages).
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from ztpurge.changes.answered import parse_blob, parse_commit, parse_ref, parse_tree
from ztpurge.changes.api import CONTENTS
from ztpurge.changes.past import Past
from ztpurge.changes.trees import LINK, Tree, differing_paths, find_entries, find_files, is_id, is_ref_name
from ztpurge.errors import ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.changes.trees import Entry

_MOST_LINKS = 50  # each takes a call


class GitHub(Past):
    """One repository: its past, and what its commits hold."""

    @functools.cached_property
    def _tree(self) -> Callable[[str, bool], Tree]:
        # several commits are compared with one head, whose files are then looked up
        return functools.lru_cache(maxsize=4)(self._read_tree)

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a commit, tag or branch names; None if there is none.

        Raises ZtpurgeError for a name that a tag and a branch share.
        """
        if not is_ref_name(ref):
            return None
        tag = branch = None
        for path in () if is_id(ref) else ("git/ref", "git/refs"):  # GitHub's, and Gitea's
            tag, branch = (
                self._find(f"{path}/{kind}/{quote(ref)}", functools.partial(parse_ref, ref=f"refs/{kind}/{ref}"))
                for kind in ("tags", "heads")
            )
            if tag or branch:
                break
        if tag and branch and tag != branch:
            raise ZtpurgeError(f"{ref!r} is a tag and a branch", remedy="Give the commit's id", place="since")
        name = quote(ref, safe="")
        for path in (f"commits/{name}", f"git/commits/{name}"):  # GitHub's, and Gitea's
            found = self._find(path, parse_commit)
            if found:
                return found
        return None

    def differing_paths(self, base: str | None, head: str) -> dict[str, frozenset[str]]:
        """Return the path of each file and submodule that differs, with its modes; `base` None: all of `head`."""
        return dict(sorted(differing_paths(base, head, self._tree)))

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
        """Return the files that a commit has at those of the paths where there is one."""
        return find_files(commit, paths, self._tree)

    def sizes(self, commit: str, paths: Iterable[str]) -> dict[str, int | None]:
        """Return the sizes of a commit's files at those paths; raise ZtpurgeError if the API does not tell soon."""
        soon = self._soon(retries=0)
        found = find_files(commit, paths, lambda sha, recursive: self._read_tree(sha, recursive, soon))
        return {path: entry.size for path, entry in found.items()}

    def modes(self, commit: str, paths: Iterable[str]) -> dict[str, str]:
        """Return the modes of what a commit has at those of the paths."""
        return {path: entry.mode for path, entry in find_entries(commit, paths, self._tree).items()}

    def links(self, commit: str, root: str) -> dict[str, str | None]:
        """Return what each symbolic link below a folder of a commit says, None where the API does not tell that soon.

        Empty for a commit with more entries than the API lists at once.
        """
        tree = self._tree(commit, True)
        below = f"{root}/" if root else ""
        found = {
            path: entry.sha for path, entry in tree.entries.items() if entry.mode == LINK and path.startswith(below)
        }
        if tree.truncated:
            return {}
        said: dict[str, str | None] = dict.fromkeys(found)
        for path, sha in [*found.items()][:_MOST_LINKS]:
            with contextlib.suppress(ZtpurgeError):
                said[path] = self.blob(sha).decode("utf-8", "surrogateescape")
        return said

    def blob(self, sha: str) -> bytes:
        """Return the content of a small file by its blob id; raise ZtpurgeError if the API does not give it."""
        return self._give(f"git/blobs/{sha}", parse_blob, scheduler=self._soon(retries=0))

    def _read_tree(self, sha: str, recursive: bool, scheduler: Scheduler | None = None) -> Tree:
        entries: dict[str, Entry] = {}
        number = 1
        while True:
            query = urlencode({**({"recursive": "1"} if recursive else {}), **({"page": number} if number > 1 else {})})
            page = self._give(f"git/trees/{sha}{'?' if query else ''}{query}", parse_tree, scheduler=scheduler)
            lossy = next((path for path in page.entries if "\N{REPLACEMENT CHARACTER}" in path), None)
            if lossy:  # two such names may be spelled alike, and a change of one be missed
                raise ZtpurgeError(
                    f"the API cannot spell the name of {for_log(lossy, limit=200)}",
                    remedy=CONTENTS.otherwise,
                    place="since",
                )
            entries |= page.entries
            if not page.has_more:
                return Tree(entries, truncated=page.is_cut)
            number += 1
