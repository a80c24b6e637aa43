"""Finding the source of changed files that the inputs ask for: a list, two commits, or a build's output.

What is compared is decided in `changes/`; here the doors are opened that it takes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ztpurge import messages
from ztpurge.changes.contents import find_contents
from ztpurge.changes.event import read_event, read_run
from ztpurge.changes.listed import is_split_at_blanks, parse_list
from ztpurge.changes.manifest import Manifest, parse_manifest
from ztpurge.changes.since import changes_through_links, find_changes, raise_if_no_folder
from ztpurge.errors import ZtpurgeError
from ztpurge.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ztpurge.changes import Change
    from ztpurge.changes.event import Event
    from ztpurge.expected import Content, Unknown
    from ztpurge.inputs import Inputs
    from ztpurge.mapping import Site
    from ztpurge.step import Step
    from ztpurge.workflow import Level, Workflow


@dataclass(slots=True)
class FilesOfInputs:
    """What was read from the files that the inputs name, while they were checked."""

    listed: tuple[Change, ...] = ()
    manifest: Manifest | None = None


def check_files(inputs: Inputs, workflow: Workflow, found: FilesOfInputs) -> Iterator[ZtpurgeError]:
    """Yield what is wrong with the files that the inputs name; leave what they hold in `found`."""
    is_purge = inputs.command == "purge"
    try:
        if inputs.has_list and is_purge:
            found.listed = _read_list(inputs, workflow)
    except ZtpurgeError as error:
        yield error.at("files-from" if inputs.files_from else "files")
    try:
        if inputs.manifest and is_purge:
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
        from ztpurge.built import open_output  # noqa: PLC0415 - for runs that compare a build's output

        return open_output(step, site, found.manifest)
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
        return self.step.pointers.find(sha)


def _open_commits(step: Step) -> _Commits:
    event, run = _read_event(step), read_run(step.environ, step.workflow.read_event())
    inputs, checkout, api = step.inputs, step.checkout, step.github
    found = find_changes(inputs.since, event, run, checkout=checkout, api=api)
    if event.head and found.changes:
        raise_if_no_folder(inputs.root, event.head, checkout=checkout, api=api)
    linked = changes_through_links(inputs.root, found, checkout=checkout, api=api)
    step.workflow.say(messages.range_line(event.name, found))
    return _Commits(found.changes + linked, step=step, head=event.head)


@dataclass(frozen=True, slots=True)
class _Listed(Source):
    """A list, whose paths are those of the event's commit or, where that has none, of files of the workspace."""

    step: Step = field(kw_only=True)

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        from ztpurge.changes.output import hash_files  # noqa: PLC0415 - for runs that compare

        if not paths:
            return {}
        found = find_contents(_served_commit(self.step), paths, checkout=self.step.checkout, api=self.step.github)
        others = hash_files(self.step.workflow.workspace, paths - found.keys(), why_over=self.step.why_over)
        return {**others, **found}

    def pointer_of(self, sha: str) -> Content | None:
        return self.step.pointers.find(sha)


def _served_commit(step: Step) -> str:
    """Return the commit that the event is about, else the run's own, else that of the checkout."""
    try:
        commit = _read_event(step).head
    except ZtpurgeError:
        commit = None
    commit = commit or _own_commit(step)
    if not commit:
        raise ZtpurgeError(
            "which commit is served is not known: there is no GITHUB_SHA, and the workspace is no checkout",
            place="verify",
        )
    return commit


def _own_commit(step: Step) -> str:
    """Return the run's commit; at a desk that of the checkout, empty if there is none."""
    return step.environ.get("GITHUB_SHA", "") or step.checkout.head() or ""


def _read_event(step: Step) -> Event:
    name = step.environ.get("GITHUB_EVENT_NAME", "")
    return read_event(name, step.workflow.read_event(), _own_commit(step))
