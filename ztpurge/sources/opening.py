"""The inputs -> the source of changed files that they ask for, once the files that they name have been read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.lists import is_split_at_blanks, parse_list
from ztpurge.changes.manifest import Manifest, parse_manifest
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.cautions import patterns_that_repeat
from ztpurge.sources.commits import open_commits
from ztpurge.sources.listed import open_list
from ztpurge.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ztpurge.changes.paths import Change
    from ztpurge.inputs import Inputs
    from ztpurge.runner import Level, Runner
    from ztpurge.site.mapping import Site
    from ztpurge.sources.source import Surroundings


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
            listed = runner.read_list(inputs.files_from) if inputs.files_from else os.fsencode(inputs.files)
            if is_split_at_blanks(listed, inputs.files_format):
                runner.annotate("warning", "ztpurge", sentences.SPLIT_AT_BLANKS)
            found.listed = parse_list(listed, inputs.files_format)
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


def open_source(inputs: Inputs, site: Site, found: FilesOfInputs, around: Surroundings) -> Source:
    """Find out what changed; raise ZtpurgeError for a range that cannot be told."""
    if inputs.has_list:
        return open_list(inputs.root, found.listed, around)
    if inputs.manifest:
        from ztpurge.sources.output import open_output  # noqa: PLC0415 - 10 ms that only runs with a manifest need

        return open_output(inputs, site, found.manifest, around)
    if inputs.base_url:
        return open_commits(inputs.since, inputs.root, around)
    # with these given, somebody expects files to be purged
    level: Level = "warning" if inputs.root or inputs.include or inputs.exclude else "notice"
    around.runner.annotate(level, "ztpurge", sentences.NO_BASE_URL)
    return Source(())


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
