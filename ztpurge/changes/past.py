"""What GitHub lists of the past: a workflow's runs, releases and deployments.

Which of them count is decided in `runs.py` and `deployments.py`. Lists are read page by page, no further than needed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from ztpurge.changes.answered import (
    parse_deployment,
    parse_list,
    parse_ref,
    parse_release,
    parse_run,
    parse_status,
)
from ztpurge.changes.api import Api, Need
from ztpurge.changes.deployments import DAY, commits_since_success, newer_success, was_purged
from ztpurge.changes.runs import commits_since_last_success, is_far_enough, last_success, lost_runs
from ztpurge.changes.trees import is_ref_name
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.changes.answered import Kind
    from ztpurge.changes.deployments import Deployment, Status
    from ztpurge.changes.event import Deployed, Run
    from ztpurge.changes.runs import Listed

_PAGE = 100
_MOST_PAGES = 10
_MOST_REFS = 100  # each takes a call or two
_RUNS = Need("actions: read", "Name with `since` the commit, tag or branch to compare with")
_RELEASES = Need("contents: read", "Name with `since` the tag to compare with")
_DEPLOYMENTS = Need("deployments: read", _RUNS.otherwise)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _List(Generic[_T]):
    """A list: where it is, what it is of, what `parse` makes of an entry (None: leave it out), and what it takes."""

    path: str
    kind: Kind
    parse: Callable[[dict[str, Any]], _T | None]
    need: Need


class Past(Api):
    """The past of one repository."""

    @functools.cached_property
    def _is_tag(self) -> dict[str, bool]:
        return {}

    def since_last_success(self, run: Run) -> tuple[str | None, ...]:
        """Return the commits of a workflow's last successful run on a branch and of what may have deployed since.

        For a tag, of its runs for the same event; if that is a push, of those for tags, since those for branches may
        deploy nothing. The oldest first; if none has succeeded, None stands first; empty if no other run is listed.
        """
        found: list[Listed] = []
        is_of_branches = not run.branch and run.event == "push"
        for listed in self._pages(self._runs_of_its_ref(run)):
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
        for listed in self._pages(self._runs_of_its_ref(run), self._soon(retries=1)):
            found += listed
            oldest = next((other for other in found if other.number == min(since[0], this[0])), None)
            if is_far_enough(found, oldest):
                break
        lost = lost_runs(found, since=since, this=this)
        if lost is None:
            raise ZtpurgeError("the API does not list the runs that are asked for", place="manifest")
        return lost

    def _runs_of_its_ref(self, run: Run) -> _List[Listed]:
        return self._runs(run, {"branch": run.branch} if run.branch else {"event": run.event})

    def _runs(self, run: Run, query: dict[str, str]) -> _List[Listed]:
        """Return the list of a workflow's runs that could purge, newest first."""
        path = f"actions/workflows/{quote(run.workflow, safe='')}/runs?{urlencode(query)}&"
        return _List(path, "runs", functools.partial(parse_run, repository=self._repository), _RUNS)

    def previous_release(self, tag: str) -> str | None:
        """Return the tag of the release published before the one with `tag`; None if that is the first.

        Drafts never count, prereleases only before a prerelease. Raises ZtpurgeError if there is no such release.
        """
        releases = self._all(_List("releases?", "releases", parse_release, _RELEASES))
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

    def since_deployment(
        self, deployed: Deployed, run: Run, *, only_purged: bool
    ) -> tuple[tuple[str | None, ...], str | None]:
        """Return the commits of an environment's last successful deployment and of what it may have served since.

        It is the last before the present status or, with `only_purged`, the last that this workflow is known to have
        purged for, if it ever ran for another. The oldest first; if there is none, None stands first. Also return the
        commit that is served by now, if that is of a later success.
        """
        named = functools.partial(parse_deployment, environment=deployed.environment)
        path = f"deployments?{urlencode({'environment': deployed.environment})}&"
        listed = self._all(_List(path, "deployments", named, _DEPLOYMENTS))
        said = functools.partial(parse_status, environment=deployed.environment)

        @functools.cache
        def read(deployment: Deployment) -> list[Status]:
            return self._all(_List(f"deployments/{deployment.id}/statuses?", "statuses", said, _DEPLOYMENTS))

        newer = newer_success(listed, deployed, read)
        others, are_all = self._other_runs(run) if only_purged else ([], True)
        if not others and are_all:
            before = commits_since_success(listed, deployed, read, lambda _, success: success.id < deployed.status)
            return before, newer

        @functools.cache
        def runs_for(commit: str) -> list[Listed]:
            return self._all(self._runs(run, {"event": run.event, "head_sha": commit}))

        def is_purged(deployment: Deployment, success: Status) -> bool:
            return was_purged(deployment, success, others if are_all else runs_for(deployment.commit), run)

        start = min(other.created for other in others) - DAY if are_all else float("-inf")
        return commits_since_success(listed, deployed, read, is_purged, start=start), newer

    def _other_runs(self, run: Run) -> tuple[list[Listed], bool]:
        """Return the newest runs for the same event that were not skipped, and whether those are all."""
        listed, is_full = self._page(self._runs(run, {"event": run.event}), 1, self._scheduler)
        return [other for other in listed if not (other.is_skipped or other.is_of(run))], not is_full

    def _all(self, listed: _List[_T]) -> list[_T]:
        """Return a whole list, as far as it is read."""
        return [entry for page in self._pages(listed) for entry in page]

    def _pages(self, listed: _List[_T], scheduler: Scheduler | None = None) -> Iterator[list[_T]]:
        """Yield the pages of a list until one is not full."""
        for number in range(1, _MOST_PAGES + 1):
            page, is_full = self._page(listed, number, scheduler or self._scheduler)
            yield page
            if not is_full:
                return

    def _page(self, listed: _List[_T], number: int, scheduler: Scheduler) -> tuple[list[_T], bool]:
        """Return a page of a list, and whether it is full, so that there may be another."""

        def read(answer: Any) -> tuple[list[_T], bool]:  # noqa: ANN401 - JSON
            entries = parse_list(answer, listed.kind)
            return [one for one in map(listed.parse, entries) if one is not None], len(entries) >= _PAGE

        path = f"{listed.path}per_page={_PAGE}&page={number}"
        return self._give(path, read, need=listed.need, scheduler=scheduler)
