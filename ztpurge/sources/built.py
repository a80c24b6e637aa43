"""A build's output as the source of changed files: compared with the manifest of the last purge, which is kept anew.

What differs is decided in `changes/manifest.py`; here it is decided whether the manifest can be trusted, and when it
is written.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ztpurge.changes.contents import Unknown
from ztpurge.changes.event import read_run
from ztpurge.changes.manifest import Manifest, differing_files, render_manifest, renew
from ztpurge.changes.paths import Change, changes_of
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.site.mapping import served_as
from ztpurge.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ztpurge.changes.contents import Content
    from ztpurge.site.mapping import Mapped, Site
    from ztpurge.step import Step

_COUNT = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class _Output(Source):
    """A build's output, compared with the manifest; `now`, `unseen` and `changed` are paths below the root."""

    step: Step = field(kw_only=True)
    before: Manifest = field(kw_only=True)
    now: Mapping[str, Content] = field(kw_only=True)
    unseen: Mapping[str, str] = field(kw_only=True)
    changed: tuple[str, ...] = field(kw_only=True)
    served: str = field(kw_only=True)

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        below = {path: self._below(path) for path in paths}
        unseen = {path: Unknown(self.unseen[name]) for path, name in below.items() if name in self.unseen}
        return {path: self.now[name] for path, name in below.items() if name in self.now} | unseen

    def begin(self, mapped: Mapped) -> None:
        if self.changed:
            self._keep(mapped, ())

    def end(self, mapped: Mapped, purged: Iterable[str]) -> None:
        self._keep(mapped, purged)

    def _keep(self, mapped: Mapped, purged: Iterable[str]) -> None:
        files = renew(
            self.before,
            self.now,
            changed=self.changed,
            purged=map(self._below, purged),
            skipped=(self._below(skip.path) for skip in mapped.skipped if not skip.is_unseen),
        )
        kept = Manifest(files, self.served, *_this_run(self.step.environ))
        try:
            self.step.runner.write_file(self.step.inputs.manifest, render_manifest(kept))
        except ZtpurgeError as error:
            raise error.at("manifest") from error

    def _below(self, path: str) -> str:
        root = self.step.inputs.root
        return path.removeprefix(f"{root}/") if root else path


def open_output(step: Step, site: Site, manifest: Manifest | None) -> Source:
    """Hash the build's output and compare it with the manifest, None if there is none yet.

    Raises ZtpurgeError for an output that is not there or cannot be read.
    """
    from ztpurge.changes.output import hash_output  # noqa: PLC0415 - for runs that compare a build's output

    runner, inputs = step.runner, step.inputs
    own = frozenset(runner.file_to_write(name) for name in (inputs.manifest, inputs.report_file) if name)
    try:
        hashed = hash_output(
            runner.workspace / inputs.root,
            workspace=runner.workspace,
            ignored=own,
            why_over=step.why_over,
        )
    except ZtpurgeError as error:
        raise error.at("root") from error
    before, now, served = manifest or Manifest(), hashed.files, served_as(site)
    distrust = _why_not_trusted(step, manifest, served)
    if distrust:
        runner.annotate("warning", "ztpurge", distrust)
    changed = differing_files(before, now, is_trusted=not distrust)
    gone = sum(path not in now for path in changed)
    runner.say(sentences.manifest_line(inputs.root, files=len(now), changed=len(changed), gone=gone))
    changes = changes_of(posixpath.join(inputs.root, path) for path in changed)
    changes += tuple(Change(posixpath.join(inputs.root, path), reason) for path, reason in hashed.unseen.items())
    return _Output(changes, step=step, before=before, now=now, unseen=hashed.unseen, changed=changed, served=served)


def _why_not_trusted(step: Step, manifest: Manifest | None, served: str) -> str:
    """Say why all files count as changed, whatever the manifest says; nothing if it can be trusted."""
    if manifest is None:
        return sentences.NO_MANIFEST
    if manifest.served != served:
        return sentences.OTHER_SITE
    return _why_runs_are_lost(step, manifest) if _this_run(step.environ)[0] else ""


def _why_runs_are_lost(step: Step, manifest: Manifest) -> str:
    """Say which runs of the workflow may have deployed since the manifest was written; nothing if none."""
    this, attempt = _this_run(step.environ)
    if not manifest.run:  # whoever wrote it was no run of this workflow: what that one deployed since is not known
        return sentences.MANIFEST_OF_NO_RUN
    # what a run that left no manifest deployed may be at the edges, though this build has undone it
    try:
        run = read_run(step.environ, step.runner.read_event())
        lost = step.repository.api().lost_runs(run, since=(manifest.run, manifest.attempt), this=(this, attempt))
    except ZtpurgeError:  # no token, no permission, no such API: the numbers tell, unless a run is run again
        if this == manifest.run + 1 and attempt == 1:
            return ""
        return sentences.lost_runs(range(manifest.run + 1, this), are_known=False)
    return sentences.lost_runs(lost, are_known=True) if lost else ""


def _this_run(environ: Mapping[str, str]) -> tuple[int, int]:
    """Return the number and the attempt of this run, zeros where the runner gives none."""
    number, attempt = (environ.get(f"GITHUB_RUN_{name}", "") for name in ("NUMBER", "ATTEMPT"))
    return (int(number), int(attempt) if _COUNT.fullmatch(attempt) else 1) if _COUNT.fullmatch(number) else (0, 0)
