"""Door to GitHub's API: trees, refs, releases and runs, where the checkout does not have them.

Asks only for what is needed, on the host of GITHUB_API_URL alone, and tells which permission is lacking. Gitea's and
Forgejo's API serves too as far as it has the same calls (trees in pages).
"""

from __future__ import annotations

import base64
import functools
import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ztpurge.answers import retry_after
from ztpurge.changes.trees import Entry, Tree, differing_paths, find_entry, find_files
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.redaction import Secrets
from ztpurge.retry import Limits, persist
from ztpurge.transport import exchange, make_session
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ztpurge.changes.event import Run
    from ztpurge.clock import Clock
    from ztpurge.pace import Pace
    from ztpurge.transport import Answer

_MAX_ANSWER = 200_000_000  # bytes; 100,000 entries take some 30 MB
_PAGE = 100
_MOST_PAGES = 10
_SOON = 15.0  # seconds
_UNSENT_EVENTS = frozenset({"pull_request", "pull_request_target", "pull_request_review"})
_CHECKOUT = "Check out with `fetch-depth: 0`, so that the API is not needed"


class GitHub:
    """One repository, as GITHUB_API_URL shows it to a token."""

    def __init__(  # noqa: PLR0913 - each a thing that tests replace
        self,
        environ: Mapping[str, str],
        token: str,
        *,
        limits: Limits,
        pace: Pace,
        clock: Clock,
        secrets: Secrets | None = None,
    ) -> None:
        self._api = environ.get("GITHUB_API_URL", "").rstrip("/")
        self._repository = environ.get("GITHUB_REPOSITORY", "")
        self._token = token
        self._limits = limits
        self._pace = pace
        self._clock = clock
        self._secrets = secrets or Secrets()
        self._secrets.add(token)
        self._session = make_session(self._api, environ)
        # several commits are compared with one head, whose files are then looked up
        self._tree = functools.lru_cache(maxsize=4)(self._read_tree)

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
        return tuple(sorted(differing_paths(base, head, self._tree)))

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
        """Return the files that a commit has at those of the paths where there is one."""
        return find_files(commit, paths, self._tree)

    def has_folder(self, commit: str, path: str) -> bool:
        """Say whether a commit has a folder at a path, or what may stand for one."""
        entry = find_entry(commit, path, self._tree)
        return entry is not None and entry.may_be_folder

    def blob(self, sha: str) -> bytes:
        """Return the content of a small file by its blob id; raise ZtpurgeError if the API does not give it."""
        answer = self._get(f"git/blobs/{sha}", permission="contents: read", limits=self._soon(retries=0))
        try:
            return base64.b64decode(answer["content"])
        except (TypeError, KeyError, ValueError) as error:
            raise ZtpurgeError(f"the API answered no file for {sha}", remedy=_CHECKOUT, place="verify") from error

    def since_last_success(self, run: Run) -> tuple[str | None, ...]:
        """Return the commits of a workflow's last successful run on a branch and of its runs after that, oldest first.

        For a tag, of its runs for the same event. If none has succeeded, None stands first; empty if none is listed.
        """
        later: list[str] = []
        for listed in self._runs(run):
            # a re-run starts anew, though it stays where it was in the list
            for found in sorted(listed, key=lambda found: str(found.get("run_started_at") or ""), reverse=True):
                later.append(str(found["head_sha"]))
                if found.get("conclusion") == "success":
                    return tuple(dict.fromkeys(reversed(later)))
        return (None, *dict.fromkeys(reversed(later))) if later else ()

    def lost_runs(self, run: Run, *, since: tuple[int, int], this: tuple[int, int]) -> tuple[int, ...]:
        """Return the numbers of a workflow's runs on a branch, for a tag of its event, that began between two others.

        `since` and `this`: number and attempt of each; a run that is run again keeps its number, and earlier attempts
        of `this` count. What is not over yet counts for the next run. Raises ZtpurgeError if the API does not tell
        soon, or does not list them: then its list is of another branch, event or workflow.
        """
        (number, attempt), (own, own_attempt) = since, this
        found: dict[int, dict[str, Any]] = {}
        for listed in self._runs(run, self._soon(retries=1)):
            found |= {entry["run_number"]: entry for entry in listed if isinstance(entry.get("run_number"), int)}
            if found and min(found) <= min(number, own):
                break
        if own not in found or (number not in found and number > own):
            raise ZtpurgeError("the API does not list the runs that are asked for", place="manifest")
        began = str(found.get(number, {}).get("run_started_at") or "")
        lost = {
            other
            for other, entry in found.items()
            if other != own
            and (other < own or entry.get("status") == "completed")
            and (other > number or _was_run_again(entry, began="" if other == number else began, attempt=attempt))
        }
        # earlier attempts of this very run, but for the one that wrote the manifest
        return tuple(sorted(lost | {own} if own_attempt > (attempt + 1 if own == number else 1) else lost))

    def _runs(self, run: Run, limits: Limits | None = None) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a workflow's runs that could purge, newest first."""
        query = {"branch": run.branch} if run.branch else {"event": run.event}
        path = f"actions/workflows/{quote(run.workflow, safe='')}/runs"
        for answer in self._pages(path, query, permission="actions: read", limits=limits):
            runs = answer.get("workflow_runs") if isinstance(answer, dict) else None
            yield [found for found in runs or () if self._is_own(found)]

    def _is_own(self, run: dict[str, Any]) -> bool:
        """Say whether a run could purge: a fork's branch may have the same name, and pull requests serve nothing."""
        origin = str((run.get("head_repository") or {}).get("full_name", ""))
        own = origin.lower() == self._repository.lower() and run.get("event") not in _UNSENT_EVENTS
        return own and isinstance(run.get("head_sha"), str)

    def previous_release(self, tag: str) -> str | None:
        """Return the tag of the release published before the one with `tag`; None if that is the first.

        Drafts never count, prereleases only before a prerelease. Raises ZtpurgeError if there is no such release.
        """
        releases = [
            release
            for answer in self._pages("releases", {}, permission="contents: read")
            for release in (answer if isinstance(answer, list) else ())
            if not release.get("draft")
        ]
        this = next((release for release in releases if release.get("tag_name") == tag), None)
        if this is None:
            raise ZtpurgeError(
                f"the API lists no release {tag[:200]!a}",
                remedy="Name with `since` the tag to compare with",
                place="since",
            )
        when = _published(this) or "9999"
        earlier = [
            release
            for release in releases
            if release is not this and _published(release) < when and (this["prerelease"] or not release["prerelease"])
        ]
        return str(max(earlier, key=_published)["tag_name"]) if earlier else None

    def _pages(
        self, path: str, query: dict[str, str], *, permission: str, limits: Limits | None = None
    ) -> Iterator[Any]:
        """Yield the pages of a list until one is not full."""
        for page in range(1, _MOST_PAGES + 1):
            paged = f"{path}?{urlencode(query | {'per_page': _PAGE, 'page': page})}"
            answer = self._get(paged, permission=permission, limits=limits)
            yield answer
            listed = answer.get("workflow_runs") if isinstance(answer, dict) else answer
            if not isinstance(listed, list) or len(listed) < _PAGE:
                return

    def _read_tree(self, sha: str, recursive: bool) -> Tree:
        entries: dict[str, Entry] = {}
        page = 1
        while True:
            query = urlencode({**({"recursive": "1"} if recursive else {}), **({"page": page} if page > 1 else {})})
            answer = self._get(f"git/trees/{sha}{'?' if query else ''}{query}", permission="contents: read")
            try:
                listed = answer["tree"] or []
                entries |= {entry["path"]: Entry(entry["mode"], entry["sha"], _size(entry)) for entry in listed}
            except (TypeError, KeyError) as error:
                raise ZtpurgeError(f"the API answered no tree for {sha}", remedy=_CHECKOUT, place="since") from error
            lossy = next((entry["path"] for entry in listed if "\N{REPLACEMENT CHARACTER}" in entry["path"]), None)
            if lossy:  # two such names may be spelled alike, and a change of one be missed
                raise ZtpurgeError(
                    f"the API cannot spell the name of {for_log(lossy, limit=200)}", remedy=_CHECKOUT, place="since"
                )
            # GitHub cuts, Gitea pages
            if not answer.get("truncated") or "total_count" not in answer or not listed:
                return Tree(entries, truncated=bool(answer.get("truncated")) and "total_count" not in answer)
            page += 1

    def _soon(self, *, retries: int) -> Limits:
        """Return limits for what is not worth a long wait."""
        seconds = min(self._limits.request_timeout, _SOON)
        end = min(self._limits.deadline, self._clock.now() + (retries + 1) * _SOON)
        return Limits(retries=retries, request_timeout=seconds, deadline=end)

    def _get(
        self,
        path: str,
        *,
        permission: str,
        may_lack: frozenset[int] = frozenset(),
        limits: Limits | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        url = f"{self._api}/repos/{self._repository}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

        def call(timeout: float) -> Any:  # noqa: ANN401 - JSON
            answer = exchange(
                self._session, "GET", url, headers=headers, timeout=timeout, most=_MAX_ANSWER, secrets=self._secrets
            )
            if answer.status in may_lack:
                return None
            return _read(answer, permission, now=self._clock.wall(), secrets=self._secrets)

        attempted = persist(
            call, limits=limits or self._limits, pace=self._pace, clock=self._clock, jitter=random.random
        )
        if attempted.error:
            asked = for_log(self._secrets.redact(path), limit=200)
            raise ZtpurgeError(
                f"GitHub's API, asked for {asked}: {attempted.error.cause}",
                remedy=attempted.error.remedy or _CHECKOUT,
                place="since",
            ) from attempted.error
        return attempted.value


def _was_run_again(entry: dict[str, Any], *, began: str, attempt: int) -> bool:
    """Say whether a run was run again since another one `began`; if that is the run itself (empty), since `attempt`."""
    again = entry.get("run_attempt")
    again = again if isinstance(again, int) else 1
    return (again > 1 and str(entry.get("run_started_at") or "") > began) if began else again > attempt


def _size(entry: dict[str, Any]) -> int | None:
    size = entry.get("size")
    return size if isinstance(size, int) and size >= 0 else None


def _published(release: dict[str, Any]) -> str:
    """Return when a release was published, as text that sorts; its commit may be much older."""
    return str(release.get("published_at") or release.get("created_at") or "")


def _read(answer: Answer, permission: str, *, now: float, secrets: Secrets) -> Any:  # noqa: ANN401 - JSON
    """Return the document as it is: a password may be a folder's name, too. What is said of errors is redacted."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        document = {}
        if answer.status == 200:
            raise ApiError(Failure.UNREADABLE, "it answered something that is not JSON", status=200) from error
    if answer.status == 200:
        return document
    said = document.get("message") if isinstance(document, dict) else None
    raise _refusal(
        answer, f"it answered {answer.status}: {for_log(secrets.redact(str(said)), limit=200)}", permission, now
    )


def _refusal(answer: Answer, cause: str, permission: str, now: float) -> ApiError:
    status = answer.status
    pause = 60.0 if "secondary rate limit" in cause else _pause(answer, now)
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
