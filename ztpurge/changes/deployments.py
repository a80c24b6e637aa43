"""An environment's deployments and what was said of each -> the commits that it may have served since all was fresh.

Pure but for the reader it is given. What counts is when a success was told, not when its deployment was created: an old
one may succeed late, or once more. `inactive` is what GitHub says of the others at a success, and tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ztpurge.changes.event import Deployed, Run
    from ztpurge.changes.runs import Listed

MOST_READ = 100  # deployments: to learn what was said of one takes a call
# GitHub ends a job after 6 hours: of what has said nothing for a day no more files come, and no run is later than that
DAY = 86_400.0
_OVER = frozenset({"success", "failure", "error", "inactive"})


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as it is listed; `updated`: when something was last said of it. Times are seconds since 1970."""

    id: int
    commit: str
    task: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Status:
    """What was said of a deployment, and when; what was said later has a higher id."""

    id: int
    state: str
    told: float


def commits_since_success(
    listed: Iterable[Deployment],
    deployed: Deployed,
    read: Callable[[Deployment], Sequence[Status]],
    is_base: Callable[[Deployment, Status], bool],
    *,
    start: float = float("-inf"),
) -> tuple[str | None, ...]:
    """Return the commit of the last success that `is_base` and of all that may have been deployed since, oldest first.

    `deployed` is the present one, whose status is no success yet; `read` returns what was said of a deployment. If none
    is a base, None stands first, and what was there at `start` counts, with all since.
    """
    oldest = sorted(listed, key=lambda deployment: deployment.created)
    known = sorted(oldest, key=lambda deployment: deployment.updated, reverse=True)[:MOST_READ]
    for deployment, status in _successes(known, deployed, read):
        is_known = is_base(deployment, status)
        if is_known or status.told < start:
            began = deployment.created
            since = (
                other.commit
                for other in oldest
                if other.updated >= began - DAY
                and (other.created >= began or other not in known or _was_active(read(other), since=began))
            )
            return (*(() if is_known else (None,)), *dict.fromkeys((deployment.commit, *since)))
    return (None, *dict.fromkeys(deployment.commit for deployment in oldest))


def newer_success(
    listed: Iterable[Deployment], deployed: Deployed, read: Callable[[Deployment], Sequence[Status]]
) -> str | None:
    """Return the commit that is served now, if a success was told after the present status; None if that is the last.

    So it is when an old run is run again, or waited while another deployment overtook it.
    """
    known = sorted(listed, key=lambda deployment: deployment.updated, reverse=True)[:MOST_READ]
    newest = next(_successes(known, deployed, read), None)
    return newest[0].commit if newest and newest[1].id > deployed.status else None


def was_purged(deployment: Deployment, success: Status, runs: Iterable[Listed], run: Run) -> bool:
    """Say whether a purge for a deployment is known to have gone well after that succeeded.

    `runs` are the workflow's. A run tells its commit, but not its environment, which may be another. So there must be
    one for that commit since then, and all must have gone well; the present `run` and what was skipped do not count.
    """
    since = [
        other
        for other in runs
        if other.head == deployment.commit and other.created >= success.told
        if not (other.is_skipped or other.is_of(run))
    ]
    return bool(since) and all(other.is_success for other in since)


def _successes(
    known: Iterable[Deployment], deployed: Deployed, read: Callable[[Deployment], Sequence[Status]]
) -> Iterator[tuple[Deployment, Status]]:
    """Yield the successes for the same task, those told last first, and read no more deployments than that takes.

    `known`: those updated last first. Another task, such as a migration, need not have brought the files.
    """
    found: list[tuple[Deployment, Status]] = []

    def told_after(moment: float) -> Iterator[tuple[Deployment, Status]]:
        found.sort(key=lambda pair: (pair[1].told, pair[1].id))
        while found and found[-1][1].told > moment:
            yield found.pop()

    for deployment in known:
        yield from told_after(deployment.updated)
        if deployment.task == deployed.task:
            said = read(deployment)
            found += [(deployment, one) for one in said if one.state == "success" and one.id != deployed.status]
    yield from told_after(float("-inf"))


def _was_active(said: Iterable[Status], *, since: float) -> bool:
    """Say whether a deployment may have brought files since then, or still may.

    An end that is told as `inactive` counts as one: a run that was cancelled may have got that far.
    """
    last, is_over = float("-inf"), False
    for status in sorted(said, key=lambda status: status.id):
        if status.state != "inactive" or not is_over:
            last = status.told
        is_over = status.state in _OVER
    return last >= since or not is_over
