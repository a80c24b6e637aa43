"""Which paths changed: the value that every source of changes makes, and what no source may hand on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.errors import ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_PATH = 4096  # bytes: PATH_MAX of Linux
_SHOWN = 10
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")  # no path that git lists has a doubled slash


@dataclass(frozen=True, slots=True)
class Change:
    """A file that was added, changed or deleted: its path in the repository, bytes that are not UTF-8 as surrogates.

    `unseen` tells what it is if it is no file: what is served below it is not known, so it is not purged.
    `is_deleted`: it is known to be gone; where nobody tells that, it is not.
    """

    path: str
    unseen: str = ""
    is_deleted: bool = False


def changes_of(paths: Iterable[str | Change]) -> tuple[Change, ...]:
    """Make changes of the paths of files, each once, in their order, `./` and doubled slashes taken out.

    Of a path that comes several times, a file is deleted only if it is each time. Raises ZtpurgeError, naming them, for
    paths that are absolute, climb out with `..` or are no file's.
    """
    deleted: dict[str, bool] = {}
    refused: list[str] = []
    for given in paths:
        path, is_deleted = (given, False) if isinstance(given, str) else (given.path, given.is_deleted)
        reason = _refusal(path)
        if reason:
            refused.append(f"{for_log(path, limit=200)} ({reason})")
        else:
            tidy = "/".join(part for part in path.split("/") if part not in {"", "."})
            deleted[tidy] = is_deleted and deleted.get(tidy, True)
    if refused:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise ZtpurgeError(
            f"it holds what is not a path of a file in the repository: {', '.join(refused[:_SHOWN])}{more}",
            remedy="List paths as git does: relative to the repository's top folder",
        )
    return tuple(Change(path, is_deleted=is_deleted) for path, is_deleted in deleted.items())


def _refusal(path: str) -> str | None:
    parts = path.split("/")
    if path.startswith("/") or _URL.match(path):
        return "absolute" if path.startswith("/") else "a URL, which belongs in `urls`"
    if ".." in parts:
        return "climbs with `..`"
    if parts[-1] in {"", "."}:
        return "a folder, not a file"
    if "\0" in path:
        return "holds a NUL"
    try:
        length = len(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return "not text"
    return f"longer than {_MAX_PATH} bytes" if length > _MAX_PATH else None
