"""Door to a build's output: every file below a folder with its SHA-256, each read once.

Links inside the workspace are followed, as a server does that is handed the folder's content; what git keeps is left
out. Of what is neither file nor folder it is told why nobody can say what is served there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.contents import MOST_BYTES, Content
from ztpurge.errors import ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_PIECE = 1 << 20  # bytes
_MOST_LINKS = 10_000
_WORTH_A_THREAD = 256 * 1024  # bytes: below, handing a file over costs more than another core gains
_Place = tuple[int, int]  # device and inode: a file under several names is read once
_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}


@dataclass(frozen=True, slots=True)
class Hashed:
    """What is below a folder, by path there: each file's content, and why nobody can tell what the others serve."""

    files: dict[str, Content]
    unseen: dict[str, str]


def hash_output(
    folder: Path,
    *,
    workspace: Path,
    ignored: frozenset[Path],
    why_over: Callable[[], str],
) -> Hashed:
    """Return the content of each file below a folder of the workspace, in order of the paths.

    `ignored`: files that are no part of the output, their links resolved. `why_over` tells why it is to be left,
    nothing while it is not. Raises ZtpurgeError for a folder that is not there, for what cannot be read, and for what
    takes too long.
    """
    if not folder.is_dir():
        raise ZtpurgeError("there is no such folder", remedy="Build the site before this step")
    folder = _inside(folder, workspace)
    skipped = frozenset(map(os.fspath, ignored))
    unseen: dict[str, str] = {}
    with _reading():
        files = {path: facts for path, facts in _walk(folder, workspace, unseen, why_over) if path not in skipped}
        places = {_place(facts): (path, facts.st_size) for path, facts in files.items()}
        digests = _digests(places, why_over)
    start = len(os.fspath(folder)) + 1
    return Hashed(
        dict(sorted((path[start:], digests[_place(facts)]) for path, facts in files.items())),
        dict(sorted((path[start:], reason) for path, reason in unseen.items() if path not in skipped)),
    )


def list_files(folder: Path, *, workspace: Path, why_over: Callable[[], str]) -> Iterator[str]:
    """Yield the path below a folder of each file there; raise ZtpurgeError if that cannot be told."""
    folder = _inside(folder, workspace)
    with _reading():
        for path, _ in _walk(folder, workspace, {}, why_over):
            yield path[len(os.fspath(folder)) + 1 :]


def _inside(folder: Path, workspace: Path) -> Path:
    """Return where a folder really is; raise ZtpurgeError if that is outside the workspace."""
    resolved = folder.resolve()
    if not resolved.is_relative_to(workspace.resolve()):
        raise ZtpurgeError("it leads out of the workspace", remedy="Give a folder of the repository, or of its build")
    return resolved


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Say of what file it is that something cannot be read."""
    try:
        yield
    except OSError as error:
        name = for_log(os.fsdecode(error.filename or ""), limit=300)
        raise ZtpurgeError(f"{name} cannot be read ({error.strerror})") from error


def hash_files(folder: Path, paths: Iterable[str], *, why_over: Callable[[], str]) -> dict[str, Content]:
    """Return the content of the files below a folder at those of the paths where there is one that can be read.

    A file too large to be compared has no digest. Raises ZtpurgeError once `why_over` tells why it is to be left.
    """
    found: dict[str, Content] = {}
    for path in paths:
        place = os.path.join(folder, path)  # noqa: PTH118 - a path may hold any byte
        if path.startswith("/") or ".." in path.split("/"):
            continue
        try:
            facts = os.stat(place)  # noqa: PTH116 - a path may hold any byte
            if stat.S_ISREG(facts.st_mode):
                is_small = facts.st_size <= MOST_BYTES
                found[path] = _hash(place, why_over) if is_small else Content("", facts.st_size)
        except (OSError, ValueError):
            continue
    return found


def _walk(
    folder: Path, workspace: Path, unseen: dict[str, str], why_over: Callable[[], str]
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file below a folder, and note in `unseen` where something else is, and what.

    A link to a folder above itself ends there, and so does one out of the workspace.
    What lies in a folder that very many paths lead to is refused: links of links can have endless paths.
    """
    within = os.path.join(workspace.resolve(), "")  # noqa: PTH118 - a prefix
    left: list[tuple[str, tuple[_Place, ...]]] = [(os.fspath(folder), (_place(folder.stat()),))]
    entered: Counter[_Place] = Counter()
    while left:
        here, above = left.pop()
        _raise_if(why_over())
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name == ".git":
                    continue
                facts = _look_behind(entry, within, above)
                if isinstance(facts, str):
                    unseen[entry.path] = facts
                    continue
                place = _place(facts)
                if stat.S_ISREG(facts.st_mode):
                    yield entry.path, facts
                else:
                    entered[place] += 1
                    if entered[place] > _MOST_LINKS:
                        raise ZtpurgeError(
                            f"more than {_MOST_LINKS:,} paths lead to the folder {for_log(entry.path, limit=300)}",
                            remedy="Take out links to folders that hold links, or give a `root` without them",
                        )
                    left.append((entry.path, (*above, place)))


def _look_behind(entry: os.DirEntry[str], workspace: str, above: tuple[_Place, ...]) -> os.stat_result | str:
    """Return what is known of the file or the folder behind a name, else why nobody can tell what is served there."""
    try:
        facts = entry.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return "a link to nothing"
        raise
    if entry.is_symlink() and not os.path.realpath(entry.path).startswith(workspace):
        return "a link out of the workspace"
    if stat.S_ISDIR(facts.st_mode):
        return "a link to a folder above itself" if _place(facts) in above else facts
    return facts if stat.S_ISREG(facts.st_mode) else _KINDS.get(stat.S_IFMT(facts.st_mode), "a device")


def _place(facts: os.stat_result) -> _Place:
    return facts.st_dev, facts.st_ino


def _digests(files: Mapping[_Place, tuple[str, int]], why_over: Callable[[], str]) -> dict[_Place, Content]:
    """Hash files: the large ones on all cores, since hashing leaves the interpreter's lock, the small ones here."""
    by_size = sorted(files, key=lambda place: -files[place][1])
    large = [place for place in by_size if files[place][1] >= _WORTH_A_THREAD]
    cores = os.cpu_count() or 1

    def hash_each(places: Iterable[_Place]) -> dict[_Place, Content]:
        return {place: _hash(files[place][0], why_over) for place in places}

    with ThreadPoolExecutor(cores) as pool:
        hashing = [pool.submit(hash_each, large[start::cores]) for start in range(min(cores, len(large)))]
        found = hash_each(by_size[len(large) :])
        for part in hashing:
            found |= part.result()
    return found


def _hash(path: str, why_over: Callable[[], str]) -> Content:
    """Hash a file in pieces, so that it can be left."""
    _raise_if(why_over())
    digest, size = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a path may hold any byte
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            if len(piece) == _PIECE:
                _raise_if(why_over())
    return Content(digest.hexdigest(), size)


def _raise_if(over: str) -> None:
    if over:
        raise ZtpurgeError(
            f"not all files were hashed: {over}",
            remedy="If it was the time, raise `timeout`, or give a `root` that holds only what is deployed",
        )
