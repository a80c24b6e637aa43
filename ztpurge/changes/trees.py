"""Two commits' trees, read through an API -> the paths in which they differ. Pure but for the reader it is given.

Exact, unlike GitHub's compare API, which starts at the merge base and stops at 300 files: entries are compared by
mode and object id, as `git diff-tree` does, and sub-trees that are the same are never read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

from ztpurge.errors import ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SUBMODULE = "160000"
LINK = "120000"
FOLDER = "040000"
ABSENT = "000000"  # git's mode for what is not there
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# git-check-ref-format; what begins with `-` would be an option, what begins with a dot another path of an API
_NO_REF = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|@\{|\.\.|^-|^[./]|/[./]|/$")


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under a name in a tree: git's mode and object id, and the size of a file in bytes if it is told."""

    mode: str
    sha: str
    size: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree's entries by path; `truncated`: there are more than the API would list."""

    entries: dict[str, Entry]
    truncated: bool = False


_NOTHING = Tree({})


def is_id(text: object) -> bool:
    """Say whether something is the whole id of an object: hexadecimal digits of SHA-1 or SHA-256."""
    return isinstance(text, str) and bool(_ID.fullmatch(text))


def is_count(value: object) -> TypeGuard[int]:
    """Say whether something of a JSON document is a whole number, 0 or more."""
    return type(value) is int and value >= 0  # to Python, `true` is 1 and an int


def is_ref_name(text: str) -> bool:
    """Say whether a text can be the name of a branch or a tag, and is neither an expression nor an option of git."""
    return bool(text) and not _NO_REF.search(text)


def differing_paths(
    base: str | None, head: str | None, read: Callable[[str, bool], Tree], prefix: str = ""
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what differs between two trees, deleted files and submodules included: its path, and its modes in both.

    ABSENT is among the modes of what the later tree lacks.

    `read(sha, recursive)` reads a tree or a commit's tree; None stands for a tree that is not there. All at once
    where the API lists all; else level by level, into sub-trees that differ. Raises ZtpurgeError for a folder with
    more entries than the API lists.
    """
    before, after = (read(sha, True) if sha else _NOTHING for sha in (base, head))
    by_level = before.truncated or after.truncated
    if by_level:
        before, after = (_level(sha, read, prefix) if sha else _NOTHING for sha in (base, head))
    for path in before.entries.keys() | after.entries.keys():
        old, new = before.entries.get(path), after.entries.get(path)
        if old == new:
            continue
        modes = frozenset(entry.mode for entry in (old, new) if entry and entry.mode != FOLDER)
        if modes:
            is_there = new and new.mode != FOLDER
            yield prefix + path, modes if is_there else modes | {ABSENT}
        old_folder, new_folder = _folder(old), _folder(new)
        if by_level and (old_folder or new_folder):
            yield from differing_paths(old_folder, new_folder, read, f"{prefix}{path}/")


def find_entries(
    commit: str, paths: Iterable[str], read: Callable[[str, bool], Tree], prefix: str = ""
) -> dict[str, Entry]:
    """Return what a tree has at those of the paths, with `prefix` before each; `read` as in `differing_paths`."""
    tree = read(commit, True)
    by_level = tree.truncated
    if by_level:
        tree = _level(commit, read, prefix)
    found: dict[str, Entry] = {}
    below: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        name, _, rest = path.partition("/")
        entry, folder = tree.entries.get(path), _folder(tree.entries.get(name))
        if entry:
            found[prefix + path] = entry
        elif by_level and folder and rest:
            below.setdefault((name, folder), []).append(rest)
    for (name, folder), inside in below.items():
        found |= find_entries(folder, inside, read, f"{prefix}{name}/")
    return found


def find_files(commit: str, paths: Iterable[str], read: Callable[[str, bool], Tree]) -> dict[str, Entry]:
    """Return the files at those of the paths where the tree of a commit has one; `read` as in `differing_paths`."""
    found = find_entries(commit, paths, read)
    return {path: entry for path, entry in found.items() if entry.mode not in {FOLDER, SUBMODULE}}


def _level(sha: str, read: Callable[[str, bool], Tree], name: str) -> Tree:
    tree = read(sha, False)
    if tree.truncated:
        raise ZtpurgeError(
            f"the API cannot list all of {for_log(name) or 'the top folder'}",
            remedy="Check out with `fetch-depth: 0`, so that the API is not needed",
            place="since",
        )
    return tree


def _folder(entry: Entry | None) -> str | None:
    return entry.sha if entry and entry.mode == FOLDER else None
