"""The inputs -> the source of changed files that they ask for, once the files that they name have been read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.lists import is_split_at_blanks, parse_list
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.site.mapping import Sites
from ztpurge.sources.commits import open_commits
from ztpurge.sources.listed import open_list
from ztpurge.sources.sites import CONFIG, find_sites
from ztpurge.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ztpurge.changes.manifest import Manifest
    from ztpurge.changes.paths import Change
    from ztpurge.inputs import Inputs
    from ztpurge.runner import Level, Runner
    from ztpurge.sources.source import Surroundings


@dataclass(slots=True)
class FilesOfInputs:
    """What was read from the files that the inputs name, while they were checked."""

    sites: Sites = Sites()
    listed: tuple[Change, ...] = ()
    manifest: Manifest | None = None


def check_files(inputs: Inputs, given: frozenset[str], runner: Runner, found: FilesOfInputs) -> Iterator[ZtpurgeError]:
    """Yield what is wrong with the files that the inputs name; leave what they hold in `found`.

    `given`: the names of the inputs that differ from their defaults.
    """
    is_purge = inputs.command == "purge"
    if is_purge:
        found.sites, problems = find_sites(inputs, given, runner)
        yield from problems
    try:
        if inputs.has_list and is_purge:
            listed = runner.read_list(inputs.files_from) if inputs.files_from else os.fsencode(inputs.files)
            if is_split_at_blanks(listed, inputs.files_format):
                runner.annotate("warning", "ztpurge", sentences.SPLIT_AT_BLANKS)
            found.listed = parse_list(listed, inputs.files_format)
    except ZtpurgeError as error:
        yield error.at("files-from" if inputs.files_from else "files")
    try:
        if inputs.manifest and is_purge:
            runner.file_to_write(inputs.manifest)
            from ztpurge.changes.manifest import parse_manifest  # noqa: PLC0415 - as `open_output` below

            data = runner.read_manifest(inputs.manifest)
            found.manifest = None if data is None else parse_manifest(data)
    except ZtpurgeError as error:
        yield error.at("manifest")
    if inputs.report_file:
        yield from _check_report_file(inputs, runner)


def open_source(inputs: Inputs, found: FilesOfInputs, around: Surroundings) -> Source:
    """Find out what changed; raise ZtpurgeError for a range that cannot be told."""
    if inputs.has_list:
        return open_list(found.sites, found.listed, around)
    if inputs.manifest:
        from ztpurge.sources.output import open_output  # noqa: PLC0415 - 10 ms that only runs with a manifest need

        return open_output(inputs, found.sites, found.manifest, around)
    if found.sites:
        return open_commits(inputs.since, found.sites, around)
    # with these given, somebody expects files to be purged
    level: Level = "warning" if inputs.root or inputs.include or inputs.exclude else "notice"
    around.runner.annotate(level, "ztpurge", sentences.NO_SITE)
    return Source(())


def _check_report_file(inputs: Inputs, runner: Runner) -> Iterator[ZtpurgeError]:
    """Yield what is wrong with where the report is to be written: over what the run reads, say."""
    try:
        report = os.fspath(runner.file_to_write(inputs.report_file))
    except ZtpurgeError as error:
        yield error.at("report-file")
        return
    read = {"manifest": inputs.manifest, "files-from": inputs.files_from, "config": inputs.config or CONFIG}
    for name, file in read.items():
        if file and os.path.realpath(runner.workspace / file) == report:
            yield ZtpurgeError(f"it is the file of `{name}`", remedy="Give each a file of its own", place="report-file")
