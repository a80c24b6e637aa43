"""Where the changed files of a run come from, and what each URL of theirs must serve: a list, commits, or a manifest.

What is compared is decided in `changes/`; here the doors are opened that it takes.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ztpurge import messages
from ztpurge.changes import changes_of
from ztpurge.changes.contents import find_contents, find_pointer
from ztpurge.changes.event import read_event, read_run
from ztpurge.changes.listed import is_split_at_blanks, parse_list
from ztpurge.changes.manifest import (
    Manifest,
    differing_files,
    parse_manifest,
    render_manifest,
    renew,
    served_as,
)
from ztpurge.changes.since import find_changes
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ztpurge.changes import Change
    from ztpurge.expected import Content, Unknown
    from ztpurge.inputs import Inputs
    from ztpurge.mapping import Mapped, Site
    from ztpurge.step import Step
    from ztpurge.workflow import Level, Workflow


@dataclass(frozen=True, slots=True)
class Source:
    """Where changed files come from; this one has none, since there is no address that files are served under."""

    changes: tuple[Change, ...] = ()

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:  # noqa: ARG002 - there is nothing
        """Return what is there now at those of the paths where there is a file; raise ZtpurgeError if unknown."""
        return {}

    def pointer_of(self, sha: str) -> Content | None:  # noqa: ARG002 - the same
        """Return what Git LFS serves in the place of a blob; None if it is no pointer."""
        return None

    def begin(self, mapped: Mapped) -> None:
        """Note, before the first call, what is about to be purged; raise ZtpurgeError if that cannot be kept."""

    def end(self, mapped: Mapped, purged: Iterable[str]) -> None:
        """Note which paths were really purged; raise ZtpurgeError if that cannot be kept."""


@dataclass(slots=True)
class FilesOfInputs:
    """What was read from the files that the inputs name, while they were checked."""

    listed: tuple[Change, ...] = ()
    manifest: Manifest | None = None


def check_files(inputs: Inputs, workflow: Workflow, found: FilesOfInputs) -> Iterator[ZtpurgeError]:
    """Yield what is wrong with the files that the inputs name; leave what they hold in `found`."""
    try:
        if inputs.has_list:
            found.listed = _read_list(inputs, workflow)
    except ZtpurgeError as error:
        yield error.at("files-from" if inputs.files_from else "files")
    try:
        if inputs.manifest:
            data = workflow.read_manifest(inputs.manifest)
            found.manifest = None if data is None else parse_manifest(data)
    except ZtpurgeError as error:
        yield error.at("manifest")
    try:
        if inputs.report_file:
            workflow.file_to_write(inputs.report_file)
    except ZtpurgeError as error:
        yield error.at("report-file")


def open_source(step: Step, site: Site, found: FilesOfInputs) -> Source:
    """Find out what changed; raise ZtpurgeError for a range that cannot be told."""
    inputs = step.inputs
    if inputs.has_list:
        return _Listed(found.listed, step=step)
    if inputs.manifest:
        return _open_output(step, site, found.manifest)
    if inputs.base_url:
        return _open_commits(step)
    level: Level = "notice" if inputs.urls or inputs.dirs else "warning"
    step.workflow.annotate(level, "ztpurge", messages.NO_BASE_URL)
    return Source()


def _read_list(inputs: Inputs, workflow: Workflow) -> tuple[Change, ...]:
    listed = workflow.read_list(inputs.files_from) if inputs.files_from else os.fsencode(inputs.files)
    if is_split_at_blanks(listed, inputs.files_format):
        workflow.annotate("warning", "ztpurge", messages.SPLIT_AT_BLANKS)
    return parse_list(listed, inputs.files_format)


@dataclass(frozen=True, slots=True)
class _Commits(Source):
    """Two commits, compared; `head` is what is served now, None if its ref is gone."""

    step: Step = field(kw_only=True)
    head: str | None = field(kw_only=True)

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        if not (paths and self.head):
            return {}
        return find_contents(self.head, paths, checkout=self.step.checkout, api=self.step.github)

    def pointer_of(self, sha: str) -> Content | None:
        return find_pointer(sha, checkout=self.step.checkout, api=self.step.github)


def _open_commits(step: Step) -> _Commits:
    payload = step.workflow.read_event()
    event = read_event(step.environ.get("GITHUB_EVENT_NAME", ""), payload, step.environ.get("GITHUB_SHA", ""))
    run = read_run(step.environ, payload)
    found = find_changes(step.inputs.since, event, run, checkout=step.checkout, api=step.github)
    step.workflow.say(messages.range_line(event.name, found))
    return _Commits(found.changes, step=step, head=event.head)


@dataclass(frozen=True, slots=True)
class _Listed(Source):
    """A list, whose paths are those of the event's commit or, where that has none, of files of the workspace."""

    step: Step = field(kw_only=True)

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        from ztpurge.changes.output import hash_files  # noqa: PLC0415 - for runs that compare

        if not paths:
            return {}
        found = find_contents(_served_commit(self.step), paths, checkout=self.step.checkout, api=self.step.github)
        return {**hash_files(self.step.workflow.workspace, paths - found.keys()), **found}

    def pointer_of(self, sha: str) -> Content | None:
        return find_pointer(sha, checkout=self.step.checkout, api=self.step.github)


def _served_commit(step: Step) -> str:
    """Return the commit that the event is about."""
    payload = step.workflow.read_event()
    try:
        head = read_event(step.environ.get("GITHUB_EVENT_NAME", ""), payload, step.environ.get("GITHUB_SHA", "")).head
    except ZtpurgeError:
        head = None
    commit = head or step.environ.get("GITHUB_SHA", "")
    if not commit:
        raise ZtpurgeError("the event names no commit to compare what is served with", place="verify")
    return commit


@dataclass(frozen=True, slots=True)
class _Output(Source):
    """A build's output, compared with the manifest; `now` and `changed` are paths below the root."""

    step: Step = field(kw_only=True)
    before: Manifest = field(kw_only=True)
    now: Mapping[str, Content] = field(kw_only=True)
    changed: tuple[str, ...] = field(kw_only=True)
    served: str = field(kw_only=True)

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        below = {path: self._below(path) for path in paths}
        return {path: self.now[name] for path, name in below.items() if name in self.now}

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
            skipped=(self._below(skip.path) for skip in mapped.skipped),
        )
        kept = Manifest(files, self.served, _run_number(self.step.environ))
        try:
            self.step.workflow.write_file(self.step.inputs.manifest, render_manifest(kept))
        except ZtpurgeError as error:
            raise error.at("manifest") from error

    def _below(self, path: str) -> str:
        root = self.step.inputs.root
        return path.removeprefix(f"{root}/") if root else path


def _open_output(step: Step, site: Site, manifest: Manifest | None) -> _Output:
    from ztpurge.changes.output import hash_output  # noqa: PLC0415 - for runs that compare a build's output

    workflow, inputs = step.workflow, step.inputs
    own = frozenset(workflow.file_to_write(name) for name in (inputs.manifest, inputs.report_file) if name)
    try:
        now = hash_output(workflow.workspace / inputs.root, ignored=own)
    except ZtpurgeError as error:
        raise error.at("root") from error
    before, served = manifest or Manifest(), served_as(site)
    distrust = _why_not_trusted(step, manifest, served)
    if distrust:
        workflow.annotate("warning", "ztpurge", distrust)
    changed = differing_files(before, now, is_trusted=not distrust)
    gone = sum(path not in now for path in changed)
    workflow.say(messages.manifest_line(inputs.root, files=len(now), changed=len(changed), gone=gone))
    changes = changes_of(posixpath.join(inputs.root, path) for path in changed)
    return _Output(changes, step=step, before=before, now=now, changed=changed, served=served)


def _why_not_trusted(step: Step, manifest: Manifest | None, served: str) -> str:
    """Say why all files count as changed, whatever the manifest says; nothing if it can be trusted."""
    if manifest is None:
        return messages.NO_MANIFEST
    if manifest.served != served:
        return messages.OTHER_SITE
    # what a run that left no manifest deployed may be at the edges, though this build has undone it
    this = _run_number(step.environ)
    if not manifest.run or this <= manifest.run + 1:
        return ""
    try:
        lost = step.github().runs_between(read_run(step.environ, step.workflow.read_event()), manifest.run, this)
    except ZtpurgeError:  # no token, no permission, no such API
        return messages.lost_runs(tuple(range(manifest.run + 1, this)), are_known=False)
    return messages.lost_runs(lost, are_known=True) if lost else ""


def _run_number(environ: Mapping[str, str]) -> int:
    number = environ.get("GITHUB_RUN_NUMBER", "")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0
