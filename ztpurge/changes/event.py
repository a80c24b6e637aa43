"""The event that started the run -> which commit is served now, and which was before.

Pure. A range that cannot be told is said to be unknown, never taken for an empty one. The fields: GitHub's webhook
documentation; zeros for refs that came or went; Gitea's and Forgejo's payloads have the same fields where they matter.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ztpurge.changes.trees import is_id
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNT = re.compile(r"[1-9][0-9]{0,17}")


class Start(enum.Enum):
    """What stands where an event names no commit to compare with."""

    NOTHING_BEFORE = "a new branch or tag"
    PREVIOUS_RELEASE = "a release"
    UNKNOWN = "an event that names no earlier commit"


@dataclass(frozen=True, slots=True)
class Event:
    """What an event says: its name, the commit that is served now (None: its ref is gone), and the one before."""

    name: str
    head: str | None
    base: str | Start


@dataclass(frozen=True, slots=True)
class Run:
    """Which workflow runs (its file's name), on which branch (empty: for a tag), and for which tag if for a release.

    `id` and `number` tell this run from the others, 0 where the runner gives none.
    """

    workflow: str
    branch: str
    tag: str
    event: str = ""
    id: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Range:
    """Commits to compare with `head`, what differs from any of them counts; `has_all_files`: all its files do."""

    bases: tuple[str, ...]
    head: str
    has_all_files: bool = False


def read_event(name: str, payload: Mapping[str, Any], sha: str) -> Event:
    """Read an event's name (GITHUB_EVENT_NAME), payload and commit (GITHUB_SHA).

    Raises ZtpurgeError for a payload that lacks what its event has.
    """
    match name:
        case "push":
            return _push(payload)
        case "pull_request" | "pull_request_target":
            return Event(
                name,
                _commit(payload, name, "pull_request", "head", "sha"),
                _commit(payload, name, "pull_request", "base", "sha"),
            )
        case "merge_group":
            return Event(
                name,
                _commit(payload, name, "merge_group", "head_sha"),
                _commit(payload, name, "merge_group", "base_sha"),
            )
        case "release":
            return Event(name, _sha(sha, "GITHUB_SHA"), Start.PREVIOUS_RELEASE)
        case "workflow_run":
            return Event(name, _commit(payload, name, "workflow_run", "head_sha"), Start.UNKNOWN)
        case _:
            return Event(name, _sha(sha, "GITHUB_SHA"), Start.UNKNOWN)


def read_run(environ: Mapping[str, str], payload: Mapping[str, Any]) -> Run:
    """Read from the runner's environment which workflow runs where, and from a release's payload for which tag."""
    release = payload.get("release")
    return Run(
        workflow=environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2],
        branch="" if environ.get("GITHUB_REF_TYPE") == "tag" else environ.get("GITHUB_REF_NAME", ""),
        tag=str(release.get("tag_name", "")) if isinstance(release, dict) else "",
        event=environ.get("GITHUB_EVENT_NAME", ""),
        id=_count(environ, "GITHUB_RUN_ID"),
        number=_count(environ, "GITHUB_RUN_NUMBER"),
    )


def _count(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    return int(value) if _COUNT.fullmatch(value) else 0


def _push(payload: Mapping[str, Any]) -> Event:
    before = _commit(payload, "push", "before")
    after = _commit(payload, "push", "after")
    return Event(
        "push",
        after if after.strip("0") else None,
        before if before.strip("0") else Start.NOTHING_BEFORE,
    )


def _commit(payload: Mapping[str, Any], name: str, *keys: str) -> str:
    value: Any = payload
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return _sha(value, f"{'.'.join(keys)} of the event {name}")


def _sha(value: object, place: str) -> str:
    if is_id(value):
        return str(value)
    raise ZtpurgeError(
        f"{place} is not a commit",
        remedy="Give the list in `files` or `files-from`, or say with `since` what to compare with",
        place="since",
    )
