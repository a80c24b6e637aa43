"""Door to a build's output: every file below a folder with its SHA-256, each read once.

Links are followed, as a server does that is handed the folder's content; what git keeps is left out.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ztpurge.errors import ZtpurgeError
from ztpurge.expected import Content
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_WORTH_A_THREAD = 256 * 1024  # bytes: below, handing a file over costs more than another core gains
_Place = tuple[int, int]  # device and inode: a file under several names is read once


def hash_output(folder: Path, *, ignored: frozenset[Path] = frozenset()) -> dict[str, Content]:
    """Return the content of each file below a folder by its path there, in order of the paths.

    `ignored`: files that are no part of the output, their links resolved. Raises ZtpurgeError for a folder that is not
    there, and for what cannot be read.
    """
    if not folder.is_dir():
        raise ZtpurgeError("there is no such folder", remedy="Build the site before this step")
    folder = folder.resolve()
    skipped = frozenset(map(os.fspath, ignored))
    try:
        files = {path: facts for path, facts in _walk(os.fspath(folder)) if path not in skipped}
        digests = _digests({(facts.st_dev, facts.st_ino): (path, facts.st_size) for path, facts in files.items()})
    except OSError as error:
        name = for_log(os.fsdecode(error.filename or ""), limit=300)
        raise ZtpurgeError(f"{name} cannot be read ({error.strerror})") from error
    start = len(os.fspath(folder)) + 1
    return dict(sorted((path[start:], digests[facts.st_dev, facts.st_ino]) for path, facts in files.items()))


def hash_files(folder: Path, paths: Iterable[str]) -> dict[str, Content]:
    """Return the content of the files below a folder at those of the paths where there is one that can be read."""
    found: dict[str, Content] = {}
    for path in paths:
        place = os.path.join(folder, path)  # noqa: PTH118 - a path may hold any byte
        if path.startswith("/") or ".." in path.split("/"):
            continue
        try:
            if stat.S_ISREG(os.stat(place).st_mode):  # noqa: PTH116 - the same
                found[path] = _hash(place)
        except (OSError, ValueError):
            continue
    return found


def _walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file below a folder; a link to a folder above itself ends there."""
    left: list[tuple[str, tuple[_Place, ...]]] = [(folder, (_place(os.stat(folder)),))]  # noqa: PTH116 - 100,000 paths
    while left:
        here, above = left.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                facts = None if entry.name == ".git" else _facts(entry)
                if facts and stat.S_ISREG(facts.st_mode):
                    yield entry.path, facts
                elif facts and stat.S_ISDIR(facts.st_mode) and _place(facts) not in above:
                    left.append((entry.path, (*above, _place(facts))))


def _facts(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return what is behind a name, None for a link to nothing."""
    try:
        return entry.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return None
        raise


def _place(facts: os.stat_result) -> _Place:
    return facts.st_dev, facts.st_ino


def _digests(files: Mapping[_Place, tuple[str, int]]) -> dict[_Place, Content]:
    """Hash files: the large ones on all cores, since hashing leaves the interpreter's lock, the small ones here."""
    by_size = sorted(files, key=lambda place: -files[place][1])
    large = [place for place in by_size if files[place][1] >= _WORTH_A_THREAD]
    cores = os.cpu_count() or 1

    def hash_each(places: Iterable[_Place]) -> dict[_Place, Content]:
        return {place: _hash(files[place][0]) for place in places}

    with ThreadPoolExecutor(cores) as pool:
        hashing = [pool.submit(hash_each, large[start::cores]) for start in range(min(cores, len(large)))]
        found = hash_each(by_size[len(large) :])
        for part in hashing:
            found |= part.result()
    return found


def _hash(path: str) -> Content:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - the same
        digest = hashlib.file_digest(file, "sha256")
        return Content(digest.hexdigest(), file.tell())
