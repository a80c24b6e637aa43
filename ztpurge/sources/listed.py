"""A list as the source of changed files: its paths are those of the commit that is served, or of the workspace."""

from __future__ import annotations

import itertools
import os
import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ztpurge.changes.since import changes_of_links, folders_above
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.sources.commits import raise_if_root_is_nowhere, without_changes
from ztpurge.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ztpurge.changes.contents import Content, Unknown
    from ztpurge.changes.event import Event
    from ztpurge.changes.paths import Change
    from ztpurge.runner import Runner
    from ztpurge.site.mapping import Sites
    from ztpurge.sources.source import Surroundings

_MOST_TRIED = 1000  # names: if they begin at a `root`, one of the first does


@dataclass(frozen=True, slots=True)
class Listed(Source):
    """A list of the files that changed."""

    sites: Sites
    around: Surroundings

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        """Return what the commit has at those of the paths or, where it has nothing, the workspace."""
        from ztpurge.changes.output import hash_files  # noqa: PLC0415 - 10 ms that only runs which compare need

        if not paths:
            return {}
        found = self.around.repository.contents(_served_commit(self.around.event), paths)
        others = hash_files(self.around.runner.workspace, paths - found.keys(), why_over=self.around.why_over)
        return {**others, **found}

    def files(self) -> Iterable[str] | None:
        """Return the paths of all files of the commit and, where a site has none there, those of the workspace."""
        from ztpurge.changes.output import list_files  # noqa: PLC0415 - 10 ms that only runs which fold need

        top = self.around.runner.workspace
        found = set(self.around.repository.differing_paths(None, _served_commit(self.around.event))[0])
        for site in self.sites.sites:
            if not any(map(site.holds, found)) and (top / site.root).is_dir():
                listed = list_files(top / site.root, workspace=top, why_over=self.around.why_over)
                found |= {posixpath.join(site.root, path) for path in listed}
        return found


def open_list(sites: Sites, listed: tuple[Change, ...], around: Surroundings) -> Listed:
    """Add to a list what links lead to; raise ZtpurgeError for a `root` that is nowhere, warn of one that is amiss."""
    workspace = around.runner.workspace
    idle = without_changes(sites, listed)
    if lost := [site for site in idle if not (workspace / site.root).is_dir()]:
        # asked for there, so that a commit that is not known is a warning as well
        raise_if_root_is_nowhere(lost, map(_served_commit, [around.event]), around)
    if len(idle) == len(sites.sites) and not sites.rules:
        _warn_of_names_from_root(sites, listed, around.runner)
    try:
        links = around.repository.links(_served_commit(around.event), sites.scope, may_ask=False) if listed else {}
    except ZtpurgeError:  # without a commit or a checkout a list must do
        links = {}
    linked = changes_of_links((change.path for change in listed), links)
    # submodules and links to folders are marked, as git does; a folder whose files the list names is none of them
    above = folders_above(change.path for change in listed)
    top = os.fspath(workspace)
    marked = tuple(
        replace(change, unseen="a folder in the workspace: a submodule, say, or a link")
        if change.path not in above and os.path.isdir(os.path.join(top, change.path))  # noqa: PTH112, PTH118 - may hold any byte
        else change
        for change in listed
    )
    return Listed(marked + linked, sites, around)


def _warn_of_names_from_root(sites: Sites, listed: tuple[Change, ...], runner: Runner) -> None:
    """Warn if a name in the list is that of a file below a `root`, and of none from the top on."""
    roots = dict.fromkeys(site.root for site in sites.sites)
    for path, root in itertools.product([change.path for change in listed[:_MOST_TRIED]], roots):
        there, below = (
            os.path.lexists(os.path.join(runner.workspace, name))  # noqa: PTH118 - may hold any byte
            for name in (path, f"{root}/{path}")
        )
        if below and not there:
            runner.annotate("warning", "ztpurge", sentences.below_root(root, path))
            return


def _served_commit(event: Event) -> str:
    """Return the commit that the event is about, else the run's own, else that of the checkout."""
    commit = event.head or event.commit
    if not commit:
        raise ZtpurgeError(
            "which commit is served is not known: there is no GITHUB_SHA, and the workspace is no checkout",
            remedy="Check the repository out before this step",
            place="verify",
        )
    return commit
