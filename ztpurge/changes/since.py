"""What changed since what was served before: the range that the event or `since` names, and links to what changed.

Which commits an event names is read in `event.py`; where commits are compared, `repository.py` knows.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.event import Deployed, Range, Start
from ztpurge.changes.paths import Change, changes_of
from ztpurge.changes.trees import ABSENT, LINK, SUBMODULE
from ztpurge.errors import ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ztpurge.changes.event import Event
    from ztpurge.changes.repository import Repository

_SAY_WHAT = (
    "Say with `since` what to compare with: a commit or a tag, or `last-success` once this workflow has succeeded; "
    "or give the list in `files-from`"
)
_UNSEEN = {
    SUBMODULE: "a submodule, whose files are another repository's",
    LINK: "a symbolic link that changed, and may lead to a folder",
}
# what it is in words, and what to do about it
_NO_FOLDER = {
    SUBMODULE: (
        "a submodule",
        "Compare what is deployed with `manifest`, or run ztpurge in the repository of the submodule",
    ),
    LINK: ("a symbolic link", "Name the folder that it leads to"),
}
_OF_OTHER_COMMITS = frozenset({"workflow_run", "pull_request", "pull_request_target"})
_MOST_HOPS = 40  # as Linux has it


@dataclass(frozen=True, slots=True)
class Found:
    """The changes, the range they come from (None: the ref is gone) and where it was compared, in words."""

    changes: tuple[Change, ...]
    range: Range | None
    place: str


def find_changes(since: str, event: Event, repository: Repository) -> Found:
    """Find what changed; raise ZtpurgeError for a range that cannot be told."""
    if event.head is None:
        return Found((), None, "nowhere")
    head = event.head
    if isinstance(event.base, Deployed) and since in {"event", "last-success"}:
        found, newer = repository.api().since_deployment(event.base, event.run, only_purged=since == "last-success")
        head = newer or head  # what is served: the event's deployment may have been overtaken
    else:
        found = _bases(since, event, repository)
    bases = tuple(dict.fromkeys(found))
    modes: dict[str, frozenset[str]] = {}
    is_by_api = False
    for base in bases:
        if base != head:
            differing, is_told_by_api = repository.differing_paths(base, head)
            is_by_api |= is_told_by_api
            for path, kinds in differing.items():
                modes[path] = modes.get(path, frozenset()) | kinds
    files = ((path, kinds) for path, kinds in modes.items() if kinds - {ABSENT} != {SUBMODULE})
    changes = changes_of(Change(path, is_deleted=ABSENT in kinds) for path, kinds in files)
    for kind, what in _UNSEEN.items():
        unseen = changes_of(path for path, kinds in modes.items() if kind in kinds)
        changes += tuple(Change(change.path, unseen=what) for change in unseen)
    commits = tuple(base for base in bases if base is not None)
    compared = Range(commits, head, has_all_files=None in bases)
    return Found(changes, compared, "GitHub's API" if is_by_api else "the checkout")


def _bases(since: str, event: Event, repository: Repository) -> tuple[str | None, ...]:
    """Return the commits to compare with, None for nothing at all."""
    if since not in {"event", "last-success"}:
        return (_resolve(since, repository),)
    earlier: tuple[str | None, ...] = ()
    if since == "last-success":
        if event.name in _OF_OTHER_COMMITS:
            raise ZtpurgeError(
                f"`last-success` does not work for {event.name}, whose runs count for another commit than they serve",
                remedy="Run ztpurge in the workflow that deploys, or name a commit or tag",
                place="since",
            )
        earlier = repository.api().since_last_success(event.run)
    if isinstance(event.base, str):
        # what a run that failed may have brought to the edge counts, though a revert has undone it since
        return (*earlier, event.base)
    if earlier:
        return earlier
    if event.base is Start.NOTHING_BEFORE:
        return (None,)
    if event.base is Start.PREVIOUS_RELEASE:
        tag = repository.api().previous_release(event.run.tag)
        return (_resolve(tag, repository) if tag else None,)
    who = f"the event {event.name} does not say" if event.name else "there is no event, which would say"
    raise ZtpurgeError(f"{who} what was served before", remedy=_SAY_WHAT, place="since")


def _resolve(ref: str, repository: Repository) -> str:
    commit = repository.resolve(ref)
    if commit is None:
        raise ZtpurgeError(
            f"{ref[:200]!r} is no commit, tag or branch of the repository, or the token may not see it",
            remedy=_SAY_WHAT,
            place="since",
        )
    return commit


def raise_if_no_folder(root: str, head: str, repository: Repository) -> None:
    """Raise ZtpurgeError for a link or a submodule as the root: a commit lists no file below it."""
    above = [path for path in (root, *_above(root)) if path]
    for path, mode in repository.modes(head, above).items() if above else ():
        if mode in _NO_FOLDER:
            what, remedy = _NO_FOLDER[mode]
            raise ZtpurgeError(
                f"{for_log(path, limit=200)} is {what} in the repository, so no change below it is ever listed",
                remedy=remedy,
                place="root",
            )


def changes_of_links(changed: Iterable[str], links: Mapping[str, str | None]) -> tuple[Change, ...]:
    """Return the links that lead to a changed path, which serve it under another name, or to a folder above one.

    `links`: what each says by its path; one that says nothing that is known may lead anywhere.
    """
    if not links:
        return ()
    listed = frozenset(changed)
    names, touched = set(listed), folders_above(listed)
    left = {path: _leads_to(path, links) for path in links}
    found: list[Change] = []
    while reached := [
        path
        for path, (target, passed) in left.items()
        if target is None or target in touched or target in names or passed & listed
    ]:
        for path in reached:
            is_file = left.pop(path)[0] in names
            if path not in listed:
                found.append(Change(path, unseen="" if is_file else "a symbolic link to a folder where files changed"))
            touched.update(_above(path))
            names.add(path)
    return tuple(found)


def _leads_to(path: str, links: Mapping[str, str | None]) -> tuple[str | None, frozenset[str]]:
    """Return the path that a link leads to, None if nobody knows, and the links among the folders on the way.

    Followed as the file system does, part by part: `..` behind a link is above what that leads to. The path is empty
    for the repository's top, and `..` for what is outside or nowhere.
    """
    at, left, passed = path.split("/")[:-1], list[str](), list[str]()
    while len(passed) <= _MOST_HOPS:
        said = links[passed[-1] if passed else path]
        if said is None or said.startswith("/"):
            return None if said is None else "..", frozenset(passed)
        left += reversed(said.split("/"))
        while left:
            part = left.pop()
            if part == ".." and not at:
                return "..", frozenset(passed)
            if part == "..":
                at.pop()
            elif part not in {"", "."}:
                at.append(part)
                if left and "/".join(at) in links:
                    break
        else:
            return "/".join(at), frozenset(passed)
        passed.append("/".join(at))
        at.pop()
    return "..", frozenset(passed)


def folders_above(paths: Iterable[str]) -> set[str]:
    """Return all folders above some paths, the repository's top as an empty one."""
    found = set[str]()
    for path in paths:
        for folder in _above(path):
            if folder in found:
                break
            found.add(folder)
    return found


def _above(path: str) -> Iterator[str]:
    """Yield the folders above a path, the repository's top as an empty one."""
    while path.strip("/"):
        path = posixpath.dirname(path)
        yield path
