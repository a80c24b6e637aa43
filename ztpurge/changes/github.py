"""Door to GitHub's API: trees, refs, releases and runs, where the checkout does not have them.

Asks only for what is needed, on the host of GITHUB_API_URL alone, and tells which permission is lacking. Gitea's and
Forgejo's API serves too as far as it has the same calls (trees in pages).
"""

from __future__ import annotations

import contextlib
import functools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from ztpurge.calls.scheduler import retry_after
from ztpurge.calls.transport import Request, Session
from ztpurge.changes.answered import (
    parse_blob,
    parse_commit,
    parse_list,
    parse_ref,
    parse_release,
    parse_run,
    parse_tree,
)
from ztpurge.changes.runs import commits_since_last_success, is_far_enough, last_success, lost_runs
from ztpurge.changes.trees import LINK, Tree, differing_paths, find_entries, find_files, is_id, is_ref_name
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ztpurge.calls.redaction import Secrets
    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.calls.transport import Answer, Exchange
    from ztpurge.changes.event import Run
    from ztpurge.changes.runs import Listed
    from ztpurge.changes.trees import Entry

_MAX_ANSWER = 200_000_000  # bytes; 100,000 entries take some 30 MB
_PAGE = 100
_MOST_PAGES = 10
_MOST_LINKS = 50  # each takes a call
_MOST_REFS = 100  # each takes a call or two
_SOON = 15.0  # seconds
_SECONDARY = "secondary rate limit"  # what GitHub says of it: there is no code
_NOT_THERE = frozenset({400, 404, 409, 422})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Need:
    """Which permission a call takes, and what helps without the call."""

    permission: str
    otherwise: str


_CONTENTS = _Need("contents: read", "Check out with `fetch-depth: 0`, so that the API is not needed")
_RUNS = _Need("actions: read", "Name with `since` the commit, tag or branch to compare with")
_RELEASES = _Need("contents: read", "Name with `since` the tag to compare with")


class GitHub:
    """One repository, as GITHUB_API_URL shows it to a token; `on_exchange` hears of each request."""

    def __init__(
        self,
        environ: Mapping[str, str],
        token: str,
        scheduler: Scheduler,
        secrets: Secrets,
        *,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._api = environ.get("GITHUB_API_URL", "").rstrip("/")
        self._repository = environ.get("GITHUB_REPOSITORY", "")
        self._token = token
        # a call that hangs is left at once when the run is to stop: it only reads
        self._scheduler = replace(scheduler, grace_at_stop=0.0)
        self._secrets = secrets
        secrets.add(token)
        self._session = Session(self._api, environ, on_exchange=on_exchange)
        # several commits are compared with one head, whose files are then looked up
        self._tree = functools.lru_cache(maxsize=4)(self._read_tree)
        self._is_tag: dict[str, bool] = {}

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a commit, tag or branch names; None if there is none.

        Raises ZtpurgeError for a name that a tag and a branch share.
        """
        if not is_ref_name(ref):
            return None
        tag = branch = None
        for path in () if is_id(ref) else ("git/ref", "git/refs"):  # GitHub's, and Gitea's
            tag, branch = (
                self._find(f"{path}/{kind}/{quote(ref)}", functools.partial(parse_ref, ref=f"refs/{kind}/{ref}"))
                for kind in ("tags", "heads")
            )
            if tag or branch:
                break
        if tag and branch and tag != branch:
            raise ZtpurgeError(f"{ref!r} is a tag and a branch", remedy="Give the commit's id", place="since")
        name = quote(ref, safe="")
        for path in (f"commits/{name}", f"git/commits/{name}"):  # GitHub's, and Gitea's
            found = self._find(path, parse_commit)
            if found:
                return found
        return None

    def differing_paths(self, base: str | None, head: str) -> dict[str, frozenset[str]]:
        """Return the path of each file and submodule that differs, with its modes; `base` None: all of `head`."""
        return dict(sorted(differing_paths(base, head, self._tree)))

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
        """Return the files that a commit has at those of the paths where there is one."""
        return find_files(commit, paths, self._tree)

    def sizes(self, commit: str, paths: Iterable[str]) -> dict[str, int | None]:
        """Return the sizes of a commit's files at those paths; raise ZtpurgeError if the API does not tell soon."""
        soon = self._soon(retries=0)
        found = find_files(commit, paths, lambda sha, recursive: self._read_tree(sha, recursive, soon))
        return {path: entry.size for path, entry in found.items()}

    def modes(self, commit: str, paths: Iterable[str]) -> dict[str, str]:
        """Return the modes of what a commit has at those of the paths."""
        return {path: entry.mode for path, entry in find_entries(commit, paths, self._tree).items()}

    def links(self, commit: str, root: str) -> dict[str, str | None]:
        """Return what each symbolic link below a folder of a commit says, None where the API does not tell that soon.

        Empty for a commit with more entries than the API lists at once.
        """
        tree = self._tree(commit, True)
        below = f"{root}/" if root else ""
        found = {
            path: entry.sha for path, entry in tree.entries.items() if entry.mode == LINK and path.startswith(below)
        }
        if tree.truncated:
            return {}
        said: dict[str, str | None] = dict.fromkeys(found)
        for path, sha in [*found.items()][:_MOST_LINKS]:
            with contextlib.suppress(ZtpurgeError):
                said[path] = self.blob(sha).decode("utf-8", "surrogateescape")
        return said

    def blob(self, sha: str) -> bytes:
        """Return the content of a small file by its blob id; raise ZtpurgeError if the API does not give it."""
        return self._give(f"git/blobs/{sha}", parse_blob, scheduler=self._soon(retries=0))

    def since_last_success(self, run: Run) -> tuple[str | None, ...]:
        """Return the commits of a workflow's last successful run on a branch and of what may have deployed since.

        For a tag, of its runs for the same event; if that is a push, of those for tags, since those for branches may
        deploy nothing. The oldest first; if none has succeeded, None stands first; empty if no other run is listed.
        """
        found: list[Listed] = []
        is_of_branches = not run.branch and run.event == "push"
        for listed in self._runs(run):
            found += [other for other in listed if not is_of_branches or self._is_of_tag(other)]
            if found and is_far_enough(found, last_success(found, run)):
                break
        return commits_since_last_success(found, run)

    def _is_of_tag(self, run: Listed) -> bool:
        """Say whether a run was for a tag that is still there; one that does not tell its ref counts as such."""
        name = run.ref
        if name and name not in self._is_tag:
            if len(self._is_tag) >= _MOST_REFS:
                raise ZtpurgeError(
                    f"the workflow ran for more than {_MOST_REFS} branches and tags recently",
                    remedy=_RUNS.otherwise,
                    place="since",
                )
            parse = functools.partial(parse_ref, ref=f"refs/tags/{name}")
            places = (f"{path}/tags/{quote(name)}" for path in ("git/ref", "git/refs"))  # GitHub's, and Gitea's
            self._is_tag[name] = is_ref_name(name) and any(self._find(place, parse) for place in places)
        return not name or self._is_tag[name]

    def lost_runs(self, run: Run, *, since: tuple[int, int], this: tuple[int, int]) -> tuple[int, ...]:
        """Return the numbers of a workflow's runs on a branch, for a tag of its event, that began between two others.

        `since` and `this`: number and attempt of each. Raises ZtpurgeError if the API does not tell soon, or does not
        list them: then its list is of another branch, event or workflow.
        """
        found: list[Listed] = []
        for listed in self._runs(run, self._soon(retries=1)):
            found += listed
            oldest = next((other for other in found if other.number == min(since[0], this[0])), None)
            if is_far_enough(found, oldest):
                break
        lost = lost_runs(found, since=since, this=this)
        if lost is None:
            raise ZtpurgeError("the API does not list the runs that are asked for", place="manifest")
        return lost

    def _runs(self, run: Run, scheduler: Scheduler | None = None) -> Iterator[tuple[Listed, ...]]:
        """Yield the pages of a workflow's runs that could purge, newest first."""
        query = {"branch": run.branch} if run.branch else {"event": run.event}
        path = f"actions/workflows/{quote(run.workflow, safe='')}/runs?{urlencode(query)}&"
        parse = functools.partial(parse_run, repository=self._repository)
        return self._pages(path, "runs", parse, need=_RUNS, scheduler=scheduler or self._scheduler)

    def previous_release(self, tag: str) -> str | None:
        """Return the tag of the release published before the one with `tag`; None if that is the first.

        Drafts never count, prereleases only before a prerelease. Raises ZtpurgeError if there is no such release.
        """
        pages = self._pages("releases?", "releases", parse_release, need=_RELEASES, scheduler=self._scheduler)
        releases = [release for page in pages for release in page]
        this = next((release for release in releases if release.tag == tag), None)
        if this is None:
            raise ZtpurgeError(f"the API lists no release {tag[:200]!r}", remedy=_RELEASES.otherwise, place="since")
        earlier = [
            release
            for release in releases
            if release is not this
            and release.published < (this.published or "9999")
            and (this.is_prerelease or not release.is_prerelease)
        ]
        return max(earlier, key=lambda release: release.published).tag if earlier else None

    def _pages(
        self,
        path: str,
        kind: Literal["runs", "releases"],
        parse: Callable[[dict[str, Any]], _T | None],
        *,
        need: _Need,
        scheduler: Scheduler,
    ) -> Iterator[tuple[_T, ...]]:
        """Yield the pages of a list, what `parse` makes of each entry, until one is not full."""

        def read(answer: Any) -> tuple[tuple[_T, ...], int]:  # noqa: ANN401 - JSON
            listed = parse_list(answer, kind)
            return tuple(value for value in map(parse, listed) if value is not None), len(listed)

        for page in range(1, _MOST_PAGES + 1):
            parsed, count = self._give(f"{path}per_page={_PAGE}&page={page}", read, need=need, scheduler=scheduler)
            yield parsed
            if count < _PAGE:
                return

    def _read_tree(self, sha: str, recursive: bool, scheduler: Scheduler | None = None) -> Tree:
        entries: dict[str, Entry] = {}
        number = 1
        while True:
            query = urlencode({**({"recursive": "1"} if recursive else {}), **({"page": number} if number > 1 else {})})
            page = self._give(f"git/trees/{sha}{'?' if query else ''}{query}", parse_tree, scheduler=scheduler)
            lossy = next((path for path in page.entries if "\N{REPLACEMENT CHARACTER}" in path), None)
            if lossy:  # two such names may be spelled alike, and a change of one be missed
                raise ZtpurgeError(
                    f"the API cannot spell the name of {for_log(lossy, limit=200)}",
                    remedy=_CONTENTS.otherwise,
                    place="since",
                )
            entries |= page.entries
            if not page.has_more:
                return Tree(entries, truncated=page.is_cut)
            number += 1

    def _soon(self, *, retries: int) -> Scheduler:
        """Return a scheduler for what is not worth a long wait."""
        seconds = (retries + 1) * _SOON
        soon = replace(self._scheduler, retries=retries, request_timeout=min(self._scheduler.request_timeout, _SOON))
        return soon.within(seconds, f"a limit of {seconds:g} s")

    def _find(self, path: str, parse: Callable[[Any], _T]) -> _T | None:
        """Get something of the repository; None if it is not there."""
        found = self._ask(path, parse, need=_CONTENTS, scheduler=self._scheduler, may_lack=_NOT_THERE)
        return found[0] if found else None

    def _give(
        self, path: str, parse: Callable[[Any], _T], *, need: _Need = _CONTENTS, scheduler: Scheduler | None = None
    ) -> _T:
        """Get what must be there."""
        return self._ask(path, parse, need=need, scheduler=scheduler or self._scheduler)[0]

    def _ask(
        self,
        path: str,
        parse: Callable[[Any], _T],
        *,
        need: _Need,
        scheduler: Scheduler,
        may_lack: frozenset[int] = frozenset(),
    ) -> tuple[_T, ...]:
        """Return what an answer says, nothing for a status of `may_lack`; leave the call once the run is to stop."""
        asked = f"GitHub's API, asked for {for_log(self._secrets.redact(path), limit=200)}"
        url = f"{self._api}/repos/{self._repository}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

        request = Request("GET", url, headers)

        def call(timeout: float) -> tuple[Any, ...]:
            answer = self._session.exchange(request, timeout=timeout, most=_MAX_ANSWER, secrets=self._secrets)
            if answer.status in may_lack:
                return ()
            return (_read(answer, need, now=scheduler.clock.wall(), secrets=self._secrets),)

        # in a thread of its own, since a socket that blocks hears of no signal
        tried = next((found for _, found in scheduler.each((call,), scheduler.call)), None)
        if tried is None:
            why = self._scheduler.why_over()  # none where it was worth no longer wait
            cause = f"no answer, and {why}" if why else "no answer in time"
            raise ZtpurgeError(f"{asked}: {cause}", remedy=need.otherwise, place="since")
        if tried.error:
            remedy = tried.error.remedy or need.otherwise
            raise ZtpurgeError(f"{asked}: {tried.error.cause}", remedy=remedy, place="since") from tried.error
        try:
            return tuple(map(parse, tried.value or ()))
        except ZtpurgeError as error:
            raise ZtpurgeError(f"{asked}: {error.cause}", remedy=need.otherwise, place="since") from error


def _read(answer: Answer, need: _Need, *, now: float, secrets: Secrets) -> Any:  # noqa: ANN401 - JSON
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
    cause = f"it answered {answer.status}: {for_log(secrets.redact(str(said)), limit=200)}"
    status, pause = answer.status, 60.0 if _SECONDARY in str(said) else _pause(answer, now)
    if pause is not None:
        raise ApiError(Failure.BUSY, cause, remedy=need.otherwise, status=status, retry_after=pause)
    if status == 401:
        raise ApiError(Failure.AUTH, cause, remedy="Check `github-token`; its default is the job's own", status=status)
    if status in {403, 404}:
        otherwise = f"{need.otherwise[0].lower()}{need.otherwise[1:]}"
        remedy = f"Give the job the permission `{need.permission}`, or {otherwise}"
        raise ApiError(Failure.REJECTED, cause, remedy=remedy, status=status)
    raise ApiError(Failure.SERVER if status >= 500 else Failure.REJECTED, cause, status=status)


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
