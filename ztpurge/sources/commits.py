"""Two commits as the source of changed files: what differs between them, and what the later one has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.since import changes_of_links, find_changes, raise_if_no_folder
from ztpurge.changes.trees import FOLDER, LINK, SUBMODULE
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ztpurge.changes.contents import Content, Unknown
    from ztpurge.changes.paths import Change
    from ztpurge.changes.repository import Repository
    from ztpurge.sources.source import Surroundings

_LEAST_OF_AN_ID = 7  # digits that stand for a commit


@dataclass(frozen=True, slots=True)
class Commits(Source):
    """Two commits, compared; `head` is what is served now, None if its ref is gone."""

    repository: Repository
    head: str | None

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        """Return what the later commit has at those of the paths; raise ZtpurgeError if that is unknown."""
        return self.repository.contents(self.head, paths) if paths and self.head else {}


def open_commits(since: str, root: str, around: Surroundings) -> Commits:
    """Compare what the event or `since` names; raise ZtpurgeError for a range that cannot be told."""
    event, repository = around.event, around.repository
    if event.problem:
        raise event.problem
    found = find_changes(since, event, repository)
    if event.head and found.changes:
        raise_if_no_folder(root, event.head, repository)
    linked: tuple[Change, ...] = ()
    if found.range and found.changes:
        links = repository.links(found.range.head, root)
        linked = changes_of_links((change.path for change in found.changes), links)
    around.runner.say(sentences.range_line(event.name, found))
    if found.range:
        head, bases = found.range.head, found.range.bases
        is_own = since in event.names or (len(since) >= _LEAST_OF_AN_ID and head.startswith(since))
        if is_own and bases == (head,):
            raise ZtpurgeError(
                f"{since[:200]!r} is what this run is of, so nothing would ever have changed since",
                remedy="Take `since` out to compare with the commit before the push, or set `last-success`",
                place="since",
            )
        if lacks_root(root, found.changes):
            raise_if_root_is_nowhere(root, (head, *bases), around)
    return Commits(found.changes + linked, repository, event.head)


def lacks_root(root: str, changes: Iterable[Change]) -> bool:
    """Say whether there are changes, but none below `root`."""
    paths = [change.path for change in changes]
    return bool(root and paths) and not any(path.startswith(f"{root}/") for path in paths)


def raise_if_root_is_nowhere(root: str, commits: Iterable[str], around: Surroundings) -> None:
    """Raise ZtpurgeError if none of the commits has a folder `root`, or what may stand for one; warn if unknown."""
    try:
        modes = (around.repository.modes(commit, [root]).get(root) for commit in commits)
        is_there = any(mode in {FOLDER, LINK, SUBMODULE} for mode in modes)
    except ZtpurgeError as error:
        why = f"root: whether {root[:200]!r} is there is not known ({error.cause})"
        around.runner.annotate("warning", "ztpurge", why)
        return
    if not is_there:
        raise ZtpurgeError(
            f"there is no folder {root[:200]!r} in what is compared, so none of its files could ever change",
            remedy="Write the folder's name as it is in the repository; for one that a build makes, give a `manifest`",
            place="root",
        )
