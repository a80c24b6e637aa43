"""What changed since what was served before: the range that the event or `since` names, compared where it can be.

The checkout is asked first, since it is quick and needs no permission; the API only for what the checkout lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ztpurge.changes.event import Range, Start
from ztpurge.changes.links import links_to
from ztpurge.changes.paths import Change, changes_of
from ztpurge.changes.trees import LINK, SUBMODULE
from ztpurge.errors import ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ztpurge.changes.event import Event, Run

_SAY_WHAT = (
    "Say with `since` what to compare with: a commit or a tag, or `last-success` once this workflow has succeeded; "
    "or give the list in `files-from`"
)
_SERVED_ELSEWHERE = {
    "a submodule": "Compare what is deployed with `manifest`, or run ztpurge in the repository of the submodule",
    "a symbolic link": "Name the folder that it leads to",
}
_UNSEEN = {
    SUBMODULE: "a submodule, whose files are another repository's",
    LINK: "a symbolic link that changed, and may lead to a folder",
}
_NO_FOLDER = {SUBMODULE: "a submodule", LINK: "a symbolic link"}
_OF_OTHER_COMMITS = frozenset({"workflow_run", "pull_request", "pull_request_target"})


class Checkout(Protocol):
    """The objects of the checkout."""

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a name stands for; None if it is not there."""

    def differing_paths(self, base: str | None, head: str) -> Mapping[str, frozenset[str]] | None:
        """Return the paths that differ with their modes; None if the checkout lacks what it takes."""

    def modes(self, commit: str, paths: Iterable[str]) -> Mapping[str, str] | None:
        """Return the modes of what a commit has at those of the paths; None if the checkout lacks it."""

    def links(self, commit: str, root: str) -> Mapping[str, str | None] | None:
        """Return what each symbolic link below a folder says; None if the checkout lacks the commit."""


class Api(Protocol):
    """The repository as the API shows it."""

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a name stands for; None if there is none."""

    def differing_paths(self, base: str | None, head: str) -> Mapping[str, frozenset[str]]:
        """Return the paths that differ with their modes."""

    def modes(self, commit: str, paths: Iterable[str]) -> Mapping[str, str]:
        """Return the modes of what a commit has at those of the paths."""

    def links(self, commit: str, root: str) -> Mapping[str, str | None]:
        """Return what each symbolic link below a folder says, None where it is not known."""

    def since_last_success(self, run: Run) -> tuple[str | None, ...]:
        """Return the commits of the last success, None if there is none, and of what may have deployed since."""

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
    modes: dict[str, frozenset[str]] = {}
    place = "the checkout"
    for base in bases:
        differing = {} if base == event.head else checkout.differing_paths(base, event.head)
        if differing is None:
            place = "GitHub's API"
            differing = api().differing_paths(base, event.head)
        for path in differing:
            modes[path] = modes.get(path, frozenset()) | differing[path]
    return Found(tuple(_changes(modes)), compared, place)


def _changes(modes: Mapping[str, frozenset[str]]) -> Iterator[Change]:
    yield from changes_of(path for path, kinds in modes.items() if kinds != {SUBMODULE})
    for kind, what in _UNSEEN.items():
        for change in changes_of(path for path, kinds in modes.items() if kind in kinds):
            yield Change(change.path, unseen=what)


def changes_through_links(root: str, found: Found, *, checkout: Checkout, api: Callable[[], Api]) -> tuple[Change, ...]:
    """Return what changed below `root` because a symbolic link leads there; raise ZtpurgeError if nobody can tell."""
    if found.range is None or not found.changes:
        return ()
    head, listed = found.range.head, {change.path for change in found.changes}
    links = checkout.links(head, root)
    if links is None:
        links = api().links(head, root)
    return changes_of_links(listed, links)


def changes_of_links(changed: Iterable[str], links: Mapping[str, str | None]) -> tuple[Change, ...]:
    """Return the changes of symbolic links that lead to changed paths; `links` says where each leads."""
    names = frozenset(changed)
    return tuple(
        Change(path, unseen="" if is_file else "a symbolic link to a folder where files changed")
        for path, is_file in links_to(names, links)
        if path not in names
    )


def raise_if_no_folder(root: str, head: str, *, checkout: Checkout, api: Callable[[], Api]) -> None:
    """Raise ZtpurgeError for a link or a submodule as the root: a commit lists no file below it."""
    parts = root.split("/") if root else []
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    if not above:
        return
    found = checkout.modes(head, above)
    if found is None:
        found = api().modes(head, above)
    for path in above:
        kind = _NO_FOLDER.get(found.get(path, ""))
        if kind:
            raise ZtpurgeError(
                f"{for_log(path, limit=200)} is {kind} in the repository, so no change below it is ever listed",
                remedy=_SERVED_ELSEWHERE[kind],
                place="root",
            )


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
    if not earlier:
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
    who = f"the event {event.name} does not say" if event.name else "there is no event, which would say"
    raise ZtpurgeError(f"{who} what was served before", remedy=_SAY_WHAT, place="since")


def _resolve(ref: str, checkout: Checkout, api: Callable[[], Api]) -> str:
    commit = checkout.resolve(ref) or api().resolve(ref)
    if commit is None:
        raise ZtpurgeError(
            f"{ref[:200]!r} is no commit, tag or branch of the repository, or the token may not see it",
            remedy=_SAY_WHAT,
            place="since",
        )
    return commit
