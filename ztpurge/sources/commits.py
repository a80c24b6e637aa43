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
    from ztpurge.changes.event import Range
    from ztpurge.changes.paths import Change
    from ztpurge.changes.repository import Repository
    from ztpurge.site.mapping import Sites
    from ztpurge.site.serving import Site
    from ztpurge.sources.source import Surroundings

_LEAST_OF_AN_ID = 7  # digits that stand for a commit


@dataclass(frozen=True, slots=True)
class Commits(Source):
    """Two commits, compared; `head` is what is served now, None if its ref is gone."""

    repository: Repository
    head: str | None
    between: Range | None

    def compared(self) -> Range | None:
        """Return the commits that were compared, None if their ref is gone."""
        return self.between

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        """Return what the later commit has at those of the paths; raise ZtpurgeError if that is unknown."""
        return self.repository.contents(self.head, paths) if paths and self.head else {}

    def files(self) -> Iterable[str] | None:
        """Return the paths of all files of the later commit; raise ZtpurgeError if they are not known."""
        return self.repository.differing_paths(None, self.head)[0] if self.head else ()


def open_commits(since: str, sites: Sites, around: Surroundings) -> Commits:
    """Compare what the event or `since` names; raise ZtpurgeError for a range that cannot be told."""
    event, repository = around.event, around.repository
    if event.problem:
        raise event.problem
    found = find_changes(since, event, repository)
    head = found.range.head if found.range else None
    if head and found.changes:
        for site in sites.sites:
            try:
                raise_if_no_folder(site.root, head, repository)
            except ZtpurgeError as error:
                raise error.at(site.place("root")) from error
    linked: tuple[Change, ...] = ()
    if found.range and found.changes:
        links = repository.links(found.range.head, sites.scope)
        linked = changes_of_links((change.path for change in found.changes), links)
    around.runner.say(sentences.range_line(event.name or "since", found))
    if found.range:
        head, bases = found.range.head, found.range.bases
        is_own = since in event.names or (len(since) >= _LEAST_OF_AN_ID and head.startswith(since))
        if is_own and bases == (head,):
            raise ZtpurgeError(
                f"{since[:200]!r} is what this run is of, so nothing would ever have changed since",
                remedy="Take `since` out to compare with the commit before the push, or set `last-success`",
                place="since",
            )
        raise_if_root_is_nowhere(without_changes(sites, found.changes), (head, *bases), around)
    return Commits(found.changes + linked, repository, head, found.range)


def without_changes(sites: Sites, changes: Iterable[Change]) -> tuple[Site, ...]:
    """Return the sites that have no change below their `root`, though there are changes."""
    paths = [change.path for change in changes]
    return tuple(site for site in sites.sites if paths and not any(map(site.holds, paths)))


def raise_if_root_is_nowhere(sites: Iterable[Site], commits: Iterable[str], around: Surroundings) -> None:
    """Raise ZtpurgeError if no commit has the `root` of a site, or what may stand for one; warn if that is unknown."""
    lost = {site.root: site for site in reversed(tuple(sites))}
    try:
        for commit in commits if lost else ():
            modes = around.repository.modes(commit, list(lost))
            lost = {root: site for root, site in lost.items() if modes.get(root) not in {FOLDER, LINK, SUBMODULE}}
    except ZtpurgeError as error:
        named = ", ".join(repr(root[:200]) for root in lost)
        why = f"root: whether {named} is there is not known ({error.cause})"
        around.runner.annotate("warning", "ztpurge", why)
        return
    for root, site in lost.items():
        raise ZtpurgeError(
            f"there is no folder {root[:200]!r} in what is compared, so none of its files could ever change",
            remedy="Write the folder's name as it is in the repository; for one that a build makes, give a `manifest`",
            place=site.place("root"),
        )
