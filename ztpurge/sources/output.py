"""A build's output as the source of changed files: compared with the manifest of the last purge, which is kept anew.

What differs is decided in `changes/manifest.py`; here it is decided whether the manifest can be trusted, and when it
is written.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.contents import Unknown
from ztpurge.changes.manifest import Manifest, differing_files, render_manifest, renew
from ztpurge.changes.output import hash_output
from ztpurge.changes.paths import Change, changes_of
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.site.mapping import served_as
from ztpurge.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ztpurge.changes.contents import Content
    from ztpurge.inputs import Inputs
    from ztpurge.site.mapping import Mapped, Sites
    from ztpurge.sources.source import Surroundings


@dataclass(frozen=True, slots=True)
class Output(Source):
    """A build's output, compared with the manifest; `now`, `unseen` and `changed` are paths below `top`."""

    top: str  # a folder of the repository with its slash, or nothing
    name: str  # of the manifest
    around: Surroundings
    before: Manifest
    now: Mapping[str, Content]
    unseen: Mapping[str, str]
    changed: tuple[str, ...]
    served: str

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        """Return what the output has at those of the paths."""
        below = {path: path.removeprefix(self.top) for path in paths}
        unseen = {path: Unknown(self.unseen[name]) for path, name in below.items() if name in self.unseen}
        return {path: self.now[name] for path, name in below.items() if name in self.now} | unseen

    def files(self) -> Iterable[str] | None:
        """Return the paths of all files of the output."""
        return [self.top + path for path in self.now]

    def begin(self, mapped: Mapped) -> None:
        """Keep a manifest that has what differs as not known to be purged; raise ZtpurgeError if that fails."""
        if self.changed:
            self.end(mapped, ())

    def end(self, mapped: Mapped, purged: Iterable[str]) -> None:
        """Keep the manifest of what was purged; raise ZtpurgeError if that fails."""
        files = renew(
            self.before,
            self.now,
            changed=self.changed,
            purged=(path.removeprefix(self.top) for path in purged),
            skipped=(skip.path.removeprefix(self.top) for skip in mapped.skipped if not skip.is_unseen),
        )
        run = self.around.event.run
        kept = Manifest(files, self.served, run.number, run.attempt, self.top.removesuffix("/"))
        try:
            self.around.runner.write_file(self.name, render_manifest(kept))
        except ZtpurgeError as error:
            raise error.at("manifest") from error


def open_output(inputs: Inputs, sites: Sites, manifest: Manifest | None, around: Surroundings) -> Output:
    """Hash the build's output and compare it with the manifest, None if there is none yet.

    Raises ZtpurgeError for an output that is not there or cannot be read.
    """
    runner, roots = around.runner, sites.roots
    top = posixpath.join(posixpath.commonpath(roots), "")
    own = frozenset(runner.file_to_write(name) for name in (inputs.manifest, inputs.report_file) if name)
    now: dict[str, Content] = {}
    unseen: dict[str, str] = {}
    for root in roots:
        try:
            hashed = hash_output(
                runner.workspace / root, workspace=runner.workspace, ignored=own, why_over=around.why_over
            )
        except ZtpurgeError as error:
            raise error.at(next(site.place("root") for site in sites.sites if site.root == root)) from error
        now |= {posixpath.join(root, path).removeprefix(top): content for path, content in hashed.files.items()}
        unseen |= {posixpath.join(root, path).removeprefix(top): reason for path, reason in hashed.unseen.items()}
    before, served = (manifest or Manifest()).below(top.removesuffix("/")), served_as(sites)
    distrust = _why_not_trusted(manifest, served, around)
    if distrust:
        runner.annotate("warning", "ztpurge", distrust)
    changed = differing_files(before, now, is_trusted=not distrust)
    gone = sum(path not in now for path in changed)
    folders = ", ".join(root or "the workspace" for root in roots)
    runner.say(sentences.manifest_line(folders, files=len(now), changed=len(changed), gone=gone))
    changes = changes_of(Change(top + path, is_deleted=path not in now) for path in changed)
    changes += tuple(Change(top + path, reason) for path, reason in unseen.items())
    return Output(changes, top, inputs.manifest, around, before, now, unseen, changed, served)


def _why_not_trusted(manifest: Manifest | None, served: str, around: Surroundings) -> str:
    """Say why all files count as changed, whatever the manifest says; nothing if it can be trusted."""
    run = around.event.run
    if manifest is None:
        return sentences.NO_MANIFEST
    if manifest.served != served or not run.number:
        return sentences.OTHER_SITE if manifest.served != served else ""
    if not manifest.run:  # whoever wrote it was no run of this workflow: what that one deployed since is not known
        return sentences.MANIFEST_OF_NO_RUN
    # what a run that left no manifest deployed may be at the edges, though this build has undone it
    since, this = (manifest.run, manifest.attempt), (run.number, run.attempt)
    try:
        lost = around.repository.api().lost_runs(run, since=since, this=this)
    except ZtpurgeError:  # no token, no permission, no such API: the numbers tell, unless a run is run again
        if this == (manifest.run + 1, 1):
            return ""
        return sentences.lost_runs(range(manifest.run + 1, run.number), are_known=False)
    return sentences.lost_runs(lost, are_known=True) if lost else ""
