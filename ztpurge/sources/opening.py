"""Finding the source of changed files that the inputs ask for: a list, two commits, or a build's output.

What is compared is decided in `changes/`; here the doors are opened that it takes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ztpurge.changes.event import read_event, read_run
from ztpurge.changes.lists import is_split_at_blanks, parse_list
from ztpurge.changes.manifest import Manifest, parse_manifest
from ztpurge.changes.since import changes_of_links, changes_through_links, find_changes, raise_if_no_folder
from ztpurge.changes.trees import FOLDER, LINK, SUBMODULE
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.cautions import Surroundings, patterns_that_repeat
from ztpurge.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ztpurge.changes.contents import Content, Unknown
    from ztpurge.changes.event import Event, Range
    from ztpurge.changes.paths import Change
    from ztpurge.inputs import Inputs
    from ztpurge.runner import Level, Runner
    from ztpurge.site.mapping import Site
    from ztpurge.step import Step

_LEAST_OF_AN_ID = 7  # digits that stand for a commit


@dataclass(slots=True)
class FilesOfInputs:
    """What was read from the files that the inputs name, while they were checked."""

    listed: tuple[Change, ...] = ()
    manifest: Manifest | None = None


def check_files(inputs: Inputs, runner: Runner, found: FilesOfInputs) -> Iterator[ZtpurgeError]:
    """Yield what is wrong with the files that the inputs name; leave what they hold in `found`."""
    is_purge = inputs.command == "purge"
    try:
        if inputs.has_list and is_purge:
            found.listed = _read_list(inputs, runner)
    except ZtpurgeError as error:
        yield error.at("files-from" if inputs.files_from else "files")
    kept = report = None
    try:
        if inputs.manifest and is_purge:
            kept = runner.file_to_write(inputs.manifest)
            data = runner.read_manifest(inputs.manifest)
            found.manifest = None if data is None else parse_manifest(data)
    except ZtpurgeError as error:
        yield error.at("manifest")
    try:
        if inputs.report_file:
            report = runner.file_to_write(inputs.report_file)
    except ZtpurgeError as error:
        yield error.at("report-file")
    if report and report == kept:  # links are resolved
        yield ZtpurgeError("it is the file of `manifest`", remedy="Give each a file of its own", place="report-file")
    if is_purge:
        yield from _check_patterns(inputs, runner.workspace / inputs.root)


def open_source(step: Step, site: Site, found: FilesOfInputs) -> Source:
    """Find out what changed; raise ZtpurgeError for a range that cannot be told."""
    inputs = step.inputs
    if inputs.has_list:
        if not (step.runner.workspace / inputs.root).is_dir():
            _raise_if_root_is_nowhere(step, found.listed)
        _warn_if_below_root(step, found.listed)
        return _Listed(_folders_as_unseen(step, found.listed) + _links_to(step, found.listed), step=step)
    if inputs.manifest:
        from ztpurge.sources.built import open_output  # noqa: PLC0415 - for runs that compare a build's output

        return open_output(step, site, found.manifest)
    if inputs.base_url:
        return _open_commits(step)
    # with these given, somebody expects files to be purged
    level: Level = "warning" if inputs.root or inputs.include or inputs.exclude else "notice"
    step.runner.annotate(level, "ztpurge", sentences.NO_BASE_URL)
    return Source()


def _check_patterns(inputs: Inputs, root: Path) -> Iterator[ZtpurgeError]:
    """Yield patterns that begin with `root`, if it holds no such folder again that they could be about."""
    if not root.is_dir() or (root / inputs.root).exists():
        return
    for name, patterns in (("include", inputs.include), ("exclude", inputs.exclude)):
        for line in patterns_that_repeat(inputs.root, patterns)[:1]:
            yield ZtpurgeError(
                f"{line[:200]!r} matches nothing, since patterns are over paths below `root`",
                remedy=f"Take {inputs.root[:200]!r} off its beginning",
                place=name,
            )


def look_around(step: Step) -> Surroundings:
    """Find what cautions take from the runner and the workspace."""
    environ = step.environ
    try:
        pull_request = step.runner.read_event().get("pull_request")
    except ZtpurgeError:  # told of where the event is needed
        pull_request = None
    attempt = environ.get("GITHUB_RUN_ATTEMPT", "")
    return Surroundings(
        event=environ.get("GITHUB_EVENT_NAME", ""),
        is_merged=isinstance(pull_request, dict) and pull_request.get("merged") is True,
        attempt=int(attempt) if attempt.isascii() and attempt.isdecimal() and len(attempt) < 10 else 1,
        top_files=_names_of_files(step.runner.workspace / step.inputs.root),
    )


def _names_of_files(folder: Path) -> tuple[str, ...]:
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted(entry.name for entry in entries if entry.is_file()))
    except OSError:  # there need not be a checkout
        return ()


def _read_list(inputs: Inputs, runner: Runner) -> tuple[Change, ...]:
    listed = runner.read_list(inputs.files_from) if inputs.files_from else os.fsencode(inputs.files)
    if is_split_at_blanks(listed, inputs.files_format):
        runner.annotate("warning", "ztpurge", sentences.SPLIT_AT_BLANKS)
    return parse_list(listed, inputs.files_format)


@dataclass(frozen=True, slots=True)
class _Commits(Source):
    """Two commits, compared; `head` is what is served now, None if its ref is gone."""

    step: Step = field(kw_only=True)
    head: str | None = field(kw_only=True)

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        if not (paths and self.head):
            return {}
        return self.step.repository.contents(self.head, paths)

    def pointer_of(self, sha: str) -> Content | None:
        return self.step.repository.pointer_of(sha)


def _open_commits(step: Step) -> _Commits:
    event, run = _read_event(step), read_run(step.environ, step.runner.read_event())
    inputs = step.inputs
    found = find_changes(inputs.since, event, run, step.repository)
    if event.head and found.changes:
        raise_if_no_folder(inputs.root, event.head, step.repository)
    linked = changes_through_links(inputs.root, found, step.repository)
    step.runner.say(sentences.range_line(event.name, found))
    if found.range:
        _raise_if_compared_with_itself(step, found.range)
        _raise_if_root_is_nowhere(step, found.changes, found.range)
    return _Commits(found.changes + linked, step=step, head=event.head)


def _raise_if_compared_with_itself(step: Step, compared: Range) -> None:
    """Raise ZtpurgeError for a `since` that names what the run itself is of: nothing would ever differ from that."""
    environ, since = step.environ, step.inputs.since
    own = {environ.get(name, "") for name in ("GITHUB_REF_NAME", "GITHUB_REF", "GITHUB_SHA")} | {"HEAD"}
    own |= {ref.removeprefix("refs/") for ref in own}
    is_own = since in own or (len(since) >= _LEAST_OF_AN_ID and compared.head.startswith(since))
    if is_own and compared.bases == (compared.head,):
        raise ZtpurgeError(
            f"{since[:200]!r} is what this run is of, so nothing would ever have changed since",
            remedy="Take `since` out to compare with the commit before the push, or set `last-success`",
            place="since",
        )


def _raise_if_root_is_nowhere(step: Step, changes: tuple[Change, ...], compared: Range | None = None) -> None:
    """Raise ZtpurgeError if files changed, but none below `root`, and no commit has such a folder; warn if unknown."""
    root, runner = step.inputs.root, step.runner
    if not (root and changes) or any(change.path.startswith(f"{root}/") for change in changes):
        return
    try:
        commits = (compared.head, *compared.bases) if compared else (_served_commit(step),)
        is_there = any(_has_folder(step, commit, root) for commit in commits)
    except ZtpurgeError as error:
        runner.annotate("warning", "ztpurge", f"root: whether {root[:200]!r} is there is not known ({error.cause})")
        return
    if not is_there:
        raise ZtpurgeError(
            f"there is no folder {root[:200]!r} in what is compared, so none of its files could ever change",
            remedy="Write the folder's name as it is in the repository; for one that a build makes, give a `manifest`",
            place="root",
        )


def _has_folder(step: Step, commit: str, path: str) -> bool:
    """Say whether a commit has a folder at a path, or what may stand for one."""
    return step.repository.modes(commit, [path]).get(path) in {FOLDER, LINK, SUBMODULE}


@dataclass(frozen=True, slots=True)
class _Listed(Source):
    """A list, whose paths are those of the event's commit or, where that has none, of files of the workspace."""

    step: Step = field(kw_only=True)

    def contents(self, paths: frozenset[str]) -> Mapping[str, Content | Unknown]:
        from ztpurge.changes.output import hash_files  # noqa: PLC0415 - for runs that compare

        if not paths:
            return {}
        found = self.step.repository.contents(_served_commit(self.step), paths)
        others = hash_files(self.step.runner.workspace, paths - found.keys(), why_over=self.step.why_over)
        return {**others, **found}

    def pointer_of(self, sha: str) -> Content | None:
        return self.step.repository.pointer_of(sha)


def _folders_as_unseen(step: Step, listed: tuple[Change, ...]) -> tuple[Change, ...]:
    """Mark what a list names of submodules and links to folders, as git does; a folder whose files it names is none."""
    above = {change.path[:end] for change in listed for end, char in enumerate(change.path) if char == "/"}
    workspace = os.fspath(step.runner.workspace)
    return tuple(
        replace(change, unseen="a folder in the workspace: a submodule, say, or a link")
        if change.path not in above and os.path.isdir(os.path.join(workspace, change.path))  # noqa: PTH112, PTH118 - may hold any byte
        else change
        for change in listed
    )


def _links_to(step: Step, listed: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the links below `root` that lead to what a list names, as far as the checkout tells."""
    try:
        links = step.repository.links(_served_commit(step), step.inputs.root, may_ask=False) if listed else {}
    except ZtpurgeError:  # without a commit or a checkout a list must do
        return ()
    return changes_of_links((change.path for change in listed), links)


def _warn_if_below_root(step: Step, listed: tuple[Change, ...]) -> None:
    """Warn of a list of which nothing is below `root`, but whose names would be files there if they began in it."""
    root, workspace = step.inputs.root, os.fspath(step.runner.workspace)
    if not root or any(change.path.startswith(f"{root}/") for change in listed):
        return
    for path in (change.path for change in listed):
        there, below = (os.path.lexists(os.path.join(workspace, name)) for name in (path, f"{root}/{path}"))  # noqa: PTH118 - the same
        if below and not there:
            step.runner.annotate("warning", "ztpurge", sentences.below_root(root, path))
            return


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
            remedy="Check the repository out before this step",
            place="verify",
        )
    return commit


def _own_commit(step: Step) -> str:
    """Return the run's commit; at a desk that of the checkout, empty if there is none."""
    return step.environ.get("GITHUB_SHA", "") or step.repository.head() or ""


def _read_event(step: Step) -> Event:
    name = step.environ.get("GITHUB_EVENT_NAME", "")
    return read_event(name, step.runner.read_event(), _own_commit(step))
