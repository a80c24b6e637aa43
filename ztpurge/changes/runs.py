"""A workflow's runs, as the API lists them -> which of them may have deployed since all was known to be fresh. Pure.

A run that is run again keeps its number and its place in the list, deploys its old commit, and may succeed though its
purge was not among the jobs that ran again. So the order is that of creation, and what was touched later counts too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.changes.event import Run

# GitHub's documentation: "You can re-run a workflow or jobs in a workflow for up to 30 days after the initial run"
MOST_SECONDS_TO_RUN_AGAIN = 31 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A run as it is listed: `attempt` is its latest, `started` and `updated` are that one's; seconds since 1970.

    A time that is not told is as early (`created`) or as late (the others) as can be. `ref`: its branch or tag.
    `is_skipped`: no job of it ran.
    """

    id: int
    number: int
    attempt: int
    head: str
    is_over: bool
    is_success: bool
    created: float
    started: float
    updated: float
    ref: str = ""
    is_skipped: bool = False

    def is_of(self, run: Run) -> bool:
        """Say whether this is that very run."""
        return self.id == run.id if run.id else self.number == run.number


def commits_since_last_success(listed: Iterable[Listed], run: Run) -> tuple[str | None, ...]:
    """Return the commit of the last run that succeeded and of all that may have deployed since, oldest first.

    `run` is the present one, which does not count. If none has succeeded, None stands first; empty if there is none.
    """
    others = sorted((other for other in listed if not other.is_of(run)), key=lambda other: other.number)
    success = last_success(others, run)
    if success is None:
        return (None, *dict.fromkeys(other.head for other in others)) if others else ()
    since = (
        other.head
        for other in others
        if other.number >= success.number or not other.is_over or other.updated > success.created
    )
    return tuple(dict.fromkeys(since))


def is_far_enough(listed: Iterable[Listed], last: Listed | None) -> bool:
    """Say whether no run before those listed can have been run again since `last`, None if not known, was created."""
    return last is not None and min(run.created for run in listed) < last.created - MOST_SECONDS_TO_RUN_AGAIN


def last_success(listed: Iterable[Listed], run: Run) -> Listed | None:
    """Return the newest run by creation that succeeded, the present one aside."""
    successes = (other for other in listed if other.is_success and not other.is_of(run))
    return max(successes, key=lambda other: other.number, default=None)


def lost_runs(listed: Iterable[Listed], *, since: tuple[int, int], this: tuple[int, int]) -> tuple[int, ...] | None:
    """Return the numbers of the runs that may have deployed after the one that wrote a manifest; None if unknown.

    `since` and `this`: number and attempt of the run that wrote it and of the present one, whose earlier attempts
    count. What is not over yet counts for the next run.
    """
    (number, attempt), (own, own_attempt) = since, this
    found = {run.number: run for run in listed}
    writer = found.get(number)
    if own not in found or (writer is None and number > own):
        return None
    lost = {
        other.number
        for other in found.values()
        if other.number != own
        and (other.number < own or other.is_over)
        and (other.number > number or _may_have_deployed_since(other, writer, attempt))
    }
    # earlier attempts of this very run, but for the one that wrote the manifest
    return tuple(sorted(lost | {own} if own_attempt > (attempt + 1 if own == number else 1) else lost))


def _may_have_deployed_since(run: Listed, writer: Listed | None, attempt: int) -> bool:
    """Say whether a run as old as a manifest's writer, or older, may have deployed after it."""
    if writer is None:  # it is no longer listed, and whatever was run again since is not known to have been before
        return run.attempt > 1
    if run is writer:
        return run.attempt > attempt
    if run.attempt > 1:
        # of an attempt that is not the latest, as the first of a run that is now run again, the start is not listed
        return run.started > (writer.started if writer.attempt == attempt else writer.created)
    return run.is_over and not run.is_success and run.updated > writer.created
