"""A build's output against what was last purged of it -> the files that changed, and the manifest to keep.

Pure. A file that was deployed, but not seen to be purged, has an entry without a content: it differs from whatever
the next run finds, so that a run that failed or was cancelled is made up for.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ztpurge.changes.contents import Content
from ztpurge.changes.paths import changes_of
from ztpurge.changes.trees import is_count
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_SCHEMA = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AFRESH = "Delete it to purge all files, and see that the step that saves it saves it whole"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was last purged: each file below the root with its content, None if what the edges hold is not known.

    `root`: the folder of the repository that the paths are below, None if it was not kept; `served`: how files became
    URLs then. `run` and `attempt`: of the run that wrote it, 0 if the runner gave none.
    """

    files: Mapping[str, Content | None] = field(default_factory=dict)
    served: str = ""
    run: int = 0
    attempt: int = 0
    root: str | None = None

    def below(self, root: str) -> Manifest:
        """Return the manifest with its paths below another folder; what lies outside that is left out."""
        if self.root is None or self.root == root:
            return replace(self, root=root)
        top, old = posixpath.join(root, ""), posixpath.join(self.root, "")
        files = {old + path: entry for path, entry in self.files.items()}
        below = {path.removeprefix(top): entry for path, entry in files.items() if path.startswith(top)}
        return replace(self, files=below, root=root)


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest; raise ZtpurgeError for what is none, since an unknown state is not "nothing changed"."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ZtpurgeError("it is not JSON", remedy=_AFRESH) from error
    schema = document.get("ztpurge-manifest") if isinstance(document, dict) else None
    if not is_count(schema) or schema != _SCHEMA:
        raise ZtpurgeError("it is not a manifest of this version of ztpurge", remedy=_AFRESH)
    served, run, attempt, files, root = (document.get(name) for name in ("served", "run", "attempt", "files", "root"))
    if not (
        isinstance(served, str)
        and is_count(run)
        and is_count(attempt)
        and isinstance(files, dict)
        and isinstance(root, str | None)
    ):
        raise ZtpurgeError("it lacks what a manifest has", remedy=_AFRESH)
    try:
        tidy = [change.path for change in changes_of(files)]
    except ZtpurgeError as error:
        raise ZtpurgeError(error.cause, remedy=_AFRESH) from error
    if tidy != list(files):
        raise ZtpurgeError("it names files in another spelling than its own", remedy=_AFRESH)
    contents: dict[str, Content | None] = {}
    for path, entry in files.items():
        match entry:
            case None:
                contents[path] = None
            case [str(digest), int(size)] if _DIGEST.fullmatch(digest) and is_count(size):
                contents[path] = Content(digest, size)
            case _:
                raise ZtpurgeError(f"its entry for {path[:200]!r} cannot be read", remedy=_AFRESH)
    return Manifest(contents, served, run, attempt, root)


def render_manifest(manifest: Manifest) -> str:
    """Return a manifest as JSON, a file a line, so that two of them can be compared by eye."""
    files = {path: [entry.digest, entry.size] if entry else None for path, entry in sorted(manifest.files.items())}
    lines = ",\n".join(f"{json.dumps(path)}: {json.dumps(entry)}" for path, entry in files.items())
    facts = {"ztpurge-manifest": _SCHEMA, "run": manifest.run, "attempt": manifest.attempt, "served": manifest.served}
    facts |= {} if manifest.root is None else {"root": manifest.root}
    head = json.dumps(facts)[:-1]
    return f'{head}, "files": {{\n{lines}\n}}}}\n'


def differing_files(before: Manifest, now: Mapping[str, Content], *, is_trusted: bool) -> tuple[str, ...]:
    """Return the paths below the root of the files that differ or are gone; all of them if `before` is not trusted."""
    paths = sorted({*before.files, *now})
    return tuple(path for path in paths if not is_trusted or path not in now or before.files.get(path) != now[path])


def renew(
    before: Manifest,
    now: Mapping[str, Content],
    *,
    changed: Iterable[str],
    purged: Iterable[str],
    skipped: Iterable[str],
) -> dict[str, Content | None]:
    """Return the entries of the next manifest; all are paths below the root.

    Of the `changed` files those that were really `purged` get their present content, or leave if they are gone; those
    that were `skipped` and never purged leave, so that names that change with each build do not pile up; of the others
    nobody knows what the edges hold.
    """
    entries = {**before.files, **dict.fromkeys(changed)}
    for path in purged:
        entries[path] = now.get(path)
        if path not in now:
            del entries[path]
    for path in skipped:
        if path not in before.files:
            entries.pop(path, None)  # what is no file was never an entry
    return entries
