"""What changed since what was served before: the range that the event or `since` names, compared where it can be.

The checkout is asked first, since it is quick and needs no permission; the API only for what the checkout lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ztpurge.changes import changes_of
from ztpurge.changes.event import Range, Start
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ztpurge.changes import Change
    from ztpurge.changes.event import Event, Run

_SAY_WHAT = (
    "Say with `since` what to compare with: a commit or a tag, or `last-success` once this workflow has succeeded; "
    "or give the list in `files-from`"
)
_OF_OTHER_COMMITS = frozenset({"workflow_run", "pull_request", "pull_request_target"})


class Checkout(Protocol):
    """The objects of the checkout."""

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a name stands for; None if it is not there."""

    def differing_paths(self, base: str | None, head: str) -> tuple[str, ...] | None:
        """Return the paths that differ; None if the checkout lacks what it takes."""


class Api(Protocol):
    """The repository as the API shows it."""

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a name stands for; None if there is none."""

    def differing_paths(self, base: str | None, head: str) -> tuple[str, ...]:
        """Return the paths that differ."""

    def since_last_success(self, run: Run) -> tuple[str | None, ...]:
        """Return the commits of the last successful run, None if none has succeeded, and of all that came after it."""

    def previous_release(self, tag: str) -> str | None:
        """Return the tag of the release before."""


@dataclass(frozen=True, slots=True)
class Found:
    """The changes, the range they come from (None: the ref is gone) and where it was compared."""

    changes: tuple[Change, ...]
    range: Range | None
    place: str


def find_changes(since: str, event: Event, run: Run, *, checkout: Checkout, api: Callable[[], Api]) -> Found:
    """Find what changed; `api` is called only if it is needed. Raises ZtpurgeError for a range that cannot be told."""
    if event.head is None:
        return Found((), None, "nowhere")
    bases = tuple(dict.fromkeys(_bases(since, event, run, checkout, api)))
    commits = tuple(base for base in bases if base is not None)
    compared = Range(commits, event.head, has_all_files=None in bases)
    paths: dict[str, None] = {}
    place = "the checkout"
    for base in bases:
        differing = () if base == event.head else checkout.differing_paths(base, event.head)
        if differing is None:
            place = "GitHub's API"
            differing = api().differing_paths(base, event.head)
        paths |= dict.fromkeys(differing)
    return Found(changes_of(paths), compared, place)


def _bases(since: str, event: Event, run: Run, checkout: Checkout, api: Callable[[], Api]) -> tuple[str | None, ...]:
    if since == "event":
        return (_base_of_event(event, run, checkout, api),)
    if since != "last-success":
        return (_resolve(since, checkout, api),)
    if event.name in _OF_OTHER_COMMITS:
        raise ZtpurgeError(
            f"`last-success` cannot be told for {event.name}, whose runs count for another commit than they serve",
            remedy="Run ztpurge in the workflow that deploys, or name a commit or tag",
            place="since",
        )
    earlier = api().since_last_success(run)
    if not earlier or {*earlier} == {None, event.head}:  # no run, or none but this one
        return (_base_of_event(event, run, checkout, api),)
    # what a run that failed may have brought to the edge counts, though a revert has undone it since
    return (*earlier, event.base) if isinstance(event.base, str) else earlier


def _base_of_event(event: Event, run: Run, checkout: Checkout, api: Callable[[], Api]) -> str | None:
    if isinstance(event.base, str):
        return event.base
    if event.base is Start.NOTHING_BEFORE:
        return None
    if event.base is Start.PREVIOUS_RELEASE:
        tag = api().previous_release(run.tag)
        return _resolve(tag, checkout, api) if tag else None
    raise ZtpurgeError(f"the event {event.name} does not say what was served before", remedy=_SAY_WHAT, place="since")


def _resolve(ref: str, checkout: Checkout, api: Callable[[], Api]) -> str:
    commit = checkout.resolve(ref) or api().resolve(ref)
    if commit is None:
        raise ZtpurgeError(
            f"{ref[:200]!a} is no commit, tag or branch of the repository, or the token may not see it",
            remedy=_SAY_WHAT,
            place="since",
        )
    return commit
