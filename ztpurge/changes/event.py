"""The event that started the run -> which commit is served now, which was before, and which run this is.

Pure. A range that cannot be told is said to be unknown, never taken for an empty one. The fields: GitHub's webhook
documentation; zeros for refs that came or went; Gitea's and Forgejo's payloads have the same fields where they matter.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ztpurge.changes.trees import is_count, is_id
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME_A_RANGE = "Give the list in `files` or `files-from`, or say with `since` what to compare with"
_COUNT = re.compile(r"[1-9][0-9]{0,17}")


class Start(enum.Enum):
    """What stands where an event names no commit to compare with."""

    NOTHING_BEFORE = "a new branch or tag"
    PREVIOUS_RELEASE = "a release"
    UNKNOWN = "an event that names no earlier commit"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What stands there for a status of a deployment: its environment and task, and the id of that status."""

    environment: str
    task: str
    status: int


@dataclass(frozen=True, slots=True)
class Run:
    """Which workflow runs (its file's name), on which branch (empty: for a tag), and for which tag if for a release.

    `id`, `number` and `attempt` tell this run from the others, 0 where the runner gives none.
    """

    workflow: str
    branch: str
    tag: str
    event: str = ""
    id: int = 0
    number: int = 0
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """What started the run: the event's name, the commit that is served now (None: its ref is gone), the one before.

    `problem`: why the payload does not tell these commits. `names`: what the run's own ref and commit are called.
    `is_merged`: it is of a pull request that was merged. `commit`: the one that the run itself is of, empty if unknown.
    """

    name: str
    head: str | None
    base: str | Start | Deployed
    run: Run = Run("", "", "")
    problem: ZtpurgeError | None = None
    commit: str = ""
    names: frozenset[str] = frozenset()
    is_merged: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Commits to compare with `head`, what differs from any of them counts; `has_all_files`: all its files do."""

    bases: tuple[str, ...]
    head: str
    has_all_files: bool = False


def read_event(environ: Mapping[str, str], payload: Mapping[str, Any], commit: str) -> Event:
    """Read the runner's environment and an event's payload; `commit`: GITHUB_SHA or, at a desk, what is checked out."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    head: str | None = None
    base: str | Start | Deployed = Start.UNKNOWN
    problem = None
    try:
        head, base = _commits(name, payload, commit)
    except ZtpurgeError as error:
        problem = error
    release, pull_request = payload.get("release"), payload.get("pull_request")
    names = {environ.get(variable, "") for variable in ("GITHUB_REF_NAME", "GITHUB_REF", "GITHUB_SHA")} | {"HEAD"}
    number = _count(environ, "GITHUB_RUN_NUMBER")
    return Event(
        name,
        head,
        base,
        problem=problem,
        commit=commit,
        names=frozenset(names | {ref.removeprefix("refs/") for ref in names}) - {""},
        is_merged=isinstance(pull_request, dict) and pull_request.get("merged") is True,
        run=Run(
            workflow=environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2],
            branch="" if environ.get("GITHUB_REF_TYPE") == "tag" else environ.get("GITHUB_REF_NAME", ""),
            tag=str(release.get("tag_name", "")) if isinstance(release, dict) else "",
            event=name,
            id=_count(environ, "GITHUB_RUN_ID"),
            number=number,
            attempt=_count(environ, "GITHUB_RUN_ATTEMPT") or min(number, 1),
        ),
    )


def _commits(name: str, payload: Mapping[str, Any], commit: str) -> tuple[str | None, str | Start | Deployed]:
    """Return the commit that is served now and the one before; raise ZtpurgeError for a payload that lacks them."""
    match name:
        case "push":
            before, after = (_commit(payload, name, key) for key in ("before", "after"))
            return after if after.strip("0") else None, before if before.strip("0") else Start.NOTHING_BEFORE
        case "pull_request" | "pull_request_target":
            head, base = (_commit(payload, name, "pull_request", which, "sha") for which in ("head", "base"))
            return head, base
        case "merge_group":
            return _commit(payload, name, name, "head_sha"), _commit(payload, name, name, "base_sha")
        case "deployment_status":
            return _commit(payload, name, "deployment", "sha"), _deployed(payload)
        case "workflow_run":
            return _commit(payload, name, name, "head_sha"), Start.UNKNOWN
        case _:
            return _sha(commit, "GITHUB_SHA"), Start.PREVIOUS_RELEASE if name == "release" else Start.UNKNOWN


def _deployed(payload: Mapping[str, Any]) -> Deployed:
    match payload:
        case {
            "deployment": {"environment": str(environment), "task": str(task)},
            "deployment_status": {"id": status},
        } if environment and is_count(status):
            return Deployed(environment, task, status)
    raise ZtpurgeError(
        "the event deployment_status names no environment and task, or not its status",
        remedy=_NAME_A_RANGE,
        place="since",
    )


def _count(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    return int(value) if _COUNT.fullmatch(value) else 0


def _commit(payload: Mapping[str, Any], name: str, *keys: str) -> str:
    value: Any = payload
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return _sha(value, f"{'.'.join(keys)} of the event {name}")


def _sha(value: object, place: str) -> str:
    if is_id(value):
        return str(value)
    raise ZtpurgeError(f"{place} is not a commit", remedy=_NAME_A_RANGE, place="since")
