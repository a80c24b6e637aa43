"""GitHub's answers, parsed JSON -> values, so that nothing of another form or type gets any further. Pure.

Ids become arguments of git and parts of paths: each is checked here. The fields: GitHub's REST API documentation.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ztpurge.changes.deployments import Deployment, Status
from ztpurge.changes.runs import Listed
from ztpurge.changes.trees import Entry, is_count, is_id
from ztpurge.errors import ZtpurgeError

Kind = Literal["runs", "releases", "deployments", "statuses"]
_UNSENT_EVENTS = frozenset({"pull_request", "pull_request_target", "pull_request_review"})


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a tree; `is_cut`: the API leaves entries out; `has_more`: they are on the next page."""

    entries: dict[str, Entry]
    is_cut: bool
    has_more: bool


@dataclass(frozen=True, slots=True)
class Release:
    """A release that is no draft; `published` sorts as text, since its commit may be much older."""

    tag: str
    is_prerelease: bool
    published: str


def parse_commit(answer: Any) -> str:  # noqa: ANN401 - JSON
    """Return the id of a commit; raise ZtpurgeError if there is none."""
    match answer:
        case {"sha": sha} if is_id(sha):
            return str(sha)
    raise ZtpurgeError("the answer holds no commit")


def parse_ref(answer: Any, ref: str) -> str | None:  # noqa: ANN401 - JSON
    """Return the id of the object that a ref names; None if it is not there. Gitea lists all that begin so."""
    for found in answer if isinstance(answer, list) else [answer]:
        match found:
            case {"ref": str(name), "object": {"sha": sha}} if is_id(sha):
                if name == ref:
                    return str(sha)
            case _:
                raise ZtpurgeError("the answer holds no ref")
    return None


def parse_tree(answer: Any) -> Page:  # noqa: ANN401 - JSON
    """Return a page of a tree; raise ZtpurgeError for anything else."""
    match answer:
        case {"tree": list(listed), "truncated": bool(is_cut)}:
            is_paged = "total_count" in answer  # GitHub cuts, Gitea pages
        case {"tree": None, "truncated": bool(is_cut), "total_count": _}:  # a page that has nothing
            listed, is_paged = [], True
        case _:
            raise ZtpurgeError("the answer holds no tree")
    entries: dict[str, Entry] = {}
    for entry in listed:
        match entry:
            case {"path": str(path), "mode": str(mode), "sha": sha} if is_id(sha):
                size = entry.get("size")
                entries[path] = Entry(mode, str(sha), size if is_count(size) else None)
            case _:
                raise ZtpurgeError("the answer holds no tree")
    return Page(entries, is_cut and not is_paged, is_cut and is_paged and bool(listed))


def parse_blob(answer: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return a file's content; raise ZtpurgeError if there is none."""
    match answer:
        case {"content": str(content)} if answer.get("encoding", "base64") == "base64":
            try:
                return base64.b64decode(content)
            except ValueError:
                pass
    raise ZtpurgeError("the answer holds no file")


def parse_list(answer: Any, kind: Kind) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return the entries of a page of a list; raise ZtpurgeError for anything else."""
    listed = answer.get(f"workflow_{kind}") if isinstance(answer, dict) else answer
    if isinstance(listed, list) and all(isinstance(entry, dict) for entry in listed):
        return listed
    raise ZtpurgeError(f"the answer holds no {kind}")


def parse_run(run: dict[str, Any], repository: str) -> Listed | None:
    """Return a workflow's run if it could purge; raise ZtpurgeError for what is none.

    A fork's branch may have the same name, and pull requests serve nothing.
    """
    match run:
        case {"event": str(event), "head_repository": {"full_name": str(origin)}}:
            if origin.lower() != repository.lower() or event in _UNSENT_EVENTS:
                return None
        case {"event": str(), "head_repository": None}:  # a fork that is gone
            return None
        case _:
            raise ZtpurgeError("the answer holds no runs")
    attempt, ref = run.get("run_attempt", 1), run.get("head_branch")
    match run:
        case {"id": key, "run_number": number, "head_sha": head, "status": str(status)} if (
            is_count(key) and is_count(number) and is_count(attempt) and is_id(head)
        ):
            created = _time(run, "runs", "created_at", "run_started_at", "started_at", default=float("-inf"))
            return Listed(
                id=key,
                number=number,
                attempt=attempt,
                head=str(head),
                is_over=status == "completed",
                is_success=status == "completed" and run.get("conclusion") == "success",
                created=created,
                started=_time(run, "runs", "run_started_at", "started_at", default=float("inf")),
                updated=_time(run, "runs", "updated_at", "completed_at", default=float("inf")),
                ref=ref if isinstance(ref, str) else "",
                is_skipped=status == "completed" and run.get("conclusion") == "skipped",
            )
    raise ZtpurgeError("the answer holds no runs")


def parse_release(release: dict[str, Any]) -> Release | None:
    """Return a release, None for a draft; raise ZtpurgeError for what is none."""
    match release:
        case {"draft": True}:
            return None
        case {"draft": False, "prerelease": bool(is_prerelease), "tag_name": str(tag)}:
            published = release.get("published_at") or release.get("created_at") or ""
            if isinstance(published, str):
                return Release(tag, is_prerelease, published)
    raise ZtpurgeError("the answer holds no releases")


def parse_deployment(deployment: dict[str, Any], environment: str) -> Deployment | None:
    """Return a deployment, None for one of another environment; raise ZtpurgeError for what is none.

    Names of environments are the same in capitals and small letters.
    """
    match deployment:
        case {"id": key, "sha": sha, "task": str(task), "environment": str(name)} if is_count(key) and is_id(sha):
            created, updated = (_time(deployment, "deployments", f"{what}_at") for what in ("created", "updated"))
            is_there = name.casefold() == environment.casefold()
            return Deployment(key, str(sha), task, created, updated) if is_there else None
    raise ZtpurgeError("the answer holds no deployments")


def parse_status(status: dict[str, Any], environment: str) -> Status:
    """Return what was said of a deployment; raise ZtpurgeError for what is no status.

    A status may move its deployment to another environment, and is no end of it in this one.
    """
    match status:
        case {"id": key, "state": str(state)} if is_count(key):
            name = status.get("environment") or environment
            is_here = isinstance(name, str) and name.casefold() == environment.casefold()
            return Status(key, state if is_here else "elsewhere", _time(status, "statuses", "created_at"))
    raise ZtpurgeError("the answer holds no statuses")


def _time(entry: dict[str, Any], kind: Kind, *keys: str, default: float | None = None) -> float:
    """Return the first of several times that is told, in seconds; raise ZtpurgeError if none is, and none will do."""
    text: Any = next((entry[key] for key in keys if entry.get(key) is not None), None)
    if text is None and default is not None:
        return default
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError) as error:
        raise ZtpurgeError(f"the answer holds no {kind}") from error
