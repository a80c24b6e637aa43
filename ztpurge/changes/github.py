"""Door to GitHub's API: trees, refs, releases and runs, where the checkout does not have them.

Asks only for what is needed, on the host of GITHUB_API_URL alone, and tells which permission is lacking. Gitea's and
Forgejo's API serves too as far as it has the same calls (trees in pages).
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ztpurge.answers import retry_after
from ztpurge.changes.trees import Entry, Tree, differing_paths
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.retry import Limits, persist
from ztpurge.transport import exchange, make_session
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.clock import Clock
    from ztpurge.pace import Pace
    from ztpurge.transport import Answer

_MAX_ANSWER = 200_000_000  # bytes; 100,000 entries take some 30 MB
_PAGE = 100
_UNSENT_EVENTS = frozenset({"pull_request", "pull_request_target", "pull_request_review"})
_CHECKOUT = "Check out with `fetch-depth: 0`, so that the API is not needed"


class GitHub:
    """One repository, as GITHUB_API_URL shows it to a token."""

    def __init__(self, environ: Mapping[str, str], token: str, *, limits: Limits, pace: Pace, clock: Clock) -> None:
        self._api = environ.get("GITHUB_API_URL", "").rstrip("/")
        self._repository = environ.get("GITHUB_REPOSITORY", "")
        self._token = token
        self._limits = limits
        self._pace = pace
        self._clock = clock
        self._session = make_session(self._api, environ)

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a commit, tag or branch names; None if there is none."""
        name = quote(ref, safe="")
        for path in (f"commits/{name}", f"git/commits/{name}"):  # GitHub's, and Gitea's
            answer = self._get(path, may_lack=frozenset({400, 404, 409, 422}), permission="contents: read")
            if isinstance(answer, dict) and isinstance(answer.get("sha"), str):
                return str(answer["sha"])
        return None

    def differing_paths(self, base: str | None, head: str) -> tuple[str, ...]:
        """Return the paths of files that differ between two commits; `base` None: all files of `head`."""
        paths = tuple(sorted(differing_paths(base, head, self._tree)))
        lossy = [path for path in paths if "\N{REPLACEMENT CHARACTER}" in path]
        if lossy:
            raise ZtpurgeError(
                f"the API cannot spell the name of {for_log(lossy[0], limit=200)} and {len(lossy) - 1} more",
                remedy=_CHECKOUT,
                place="since",
            )
        return paths

    def last_success(self, workflow: str, branch: str) -> str | None:
        """Return the commit of the last successful run of a workflow on a branch; None if there was none."""
        query = urlencode({"branch": branch, "status": "success", "per_page": _PAGE})
        answer = self._get(f"actions/workflows/{quote(workflow, safe='')}/runs?{query}", permission="actions: read")
        runs = answer.get("workflow_runs") if isinstance(answer, dict) else None
        for run in runs if isinstance(runs, list) else ():
            # a fork's branch may have the same name; its runs purge nothing
            origin = run.get("head_repository") or {}
            own = str(origin.get("full_name", "")).lower() == self._repository.lower()
            if own and run.get("event") not in _UNSENT_EVENTS and isinstance(run.get("head_sha"), str):
                return str(run["head_sha"])
        return None

    def previous_release(self, tag: str) -> str | None:
        """Return the tag of the release before the one with `tag`; None if that is the first."""
        answer = self._get(f"releases?{urlencode({'per_page': _PAGE})}", permission="contents: read")
        releases = [
            release
            for release in (answer if isinstance(answer, list) else [])
            if isinstance(release.get("tag_name"), str) and not release.get("draft")
        ]
        this: dict[str, Any] = next((release for release in releases if release["tag_name"] == tag), {})
        when = str(this.get("created_at", "9999"))
        earlier = [
            release for release in releases if release["tag_name"] != tag and str(release.get("created_at")) < when
        ]
        return max(earlier, key=lambda release: str(release.get("created_at")))["tag_name"] if earlier else None

    def _tree(self, sha: str, recursive: bool) -> Tree:
        entries: dict[str, Entry] = {}
        page = 1
        while True:
            query = urlencode({**({"recursive": "1"} if recursive else {}), **({"page": page} if page > 1 else {})})
            answer = self._get(f"git/trees/{sha}{'?' if query else ''}{query}", permission="contents: read")
            try:
                listed = answer["tree"] or []
                entries |= {entry["path"]: Entry(entry["mode"], entry["sha"]) for entry in listed}
            except (TypeError, KeyError) as error:
                raise ZtpurgeError(f"the API answered no tree for {sha}", remedy=_CHECKOUT, place="since") from error
            # GitHub cuts, Gitea pages
            if not answer.get("truncated") or "total_count" not in answer or not listed:
                return Tree(entries, truncated=bool(answer.get("truncated")) and "total_count" not in answer)
            page += 1

    def _get(self, path: str, *, permission: str, may_lack: frozenset[int] = frozenset()) -> Any:  # noqa: ANN401 - JSON
        url = f"{self._api}/repos/{self._repository}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

        def call(timeout: float) -> Any:  # noqa: ANN401 - JSON
            answer = exchange(self._session, "GET", url, headers=headers, timeout=timeout, most=_MAX_ANSWER)
            return None if answer.status in may_lack else _read(answer, permission, now=self._clock.wall())

        attempted = persist(call, limits=self._limits, pace=self._pace, clock=self._clock, jitter=random.random)
        if attempted.error:
            raise ZtpurgeError(
                f"GitHub's API, asked for {for_log(path, limit=200)}: {attempted.error.cause}",
                remedy=attempted.error.remedy or _CHECKOUT,
                place="since",
            ) from attempted.error
        return attempted.value


def _read(answer: Answer, permission: str, *, now: float) -> Any:  # noqa: ANN401 - JSON
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        document = {}
        if answer.status == 200:
            raise ApiError(Failure.UNREADABLE, "it answered something that is not JSON", status=200) from error
    if answer.status == 200:
        return document
    said = document.get("message") if isinstance(document, dict) else None
    raise _refusal(answer, f"it answered {answer.status}: {for_log(str(said), limit=200)}", permission, now)


def _refusal(answer: Answer, cause: str, permission: str, now: float) -> ApiError:
    status = answer.status
    pause = _pause(answer, now)
    if pause is not None:
        return ApiError(Failure.BUSY, cause, remedy=_CHECKOUT, status=status, retry_after=pause)
    if status == 401:
        return ApiError(Failure.AUTH, cause, remedy="Check `github-token`; its default is the job's own", status=status)
    if status in {403, 404}:
        remedy = f"Give the job the permission `{permission}`, or {_CHECKOUT[0].lower()}{_CHECKOUT[1:]}"
        return ApiError(Failure.REJECTED, cause, remedy=remedy, status=status)
    failure = Failure.SERVER if status >= 500 else Failure.REJECTED
    return ApiError(failure, cause, status=status)


def _pause(answer: Answer, now: float) -> float | None:
    """Return the seconds until GitHub takes calls again, None if that is not what it says.

    See "Rate limits for the REST API" in GitHub's documentation: `retry-after`, else `x-ratelimit-reset`.
    """
    if answer.status not in {403, 429}:
        return None
    after = answer.headers.get("retry-after")
    if after is not None:
        return retry_after(after, now=now)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(1.0, float(reset) - now)
    return 60.0 if answer.status == 429 else None
