"""The range comes from the event or from `since`; the checkout is asked first, the API only for what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ztpurge.changes.event import Event, Range, Run, Start
from ztpurge.changes.since import find_changes
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.changes.since import Found

FILE = frozenset({"100644"})
A, B, C, D = "a" * 40, "b" * 40, "c" * 40, "d" * 40


@dataclass
class FakeCheckout:
    refs: dict[str, str] = field(default_factory=dict)
    complete: bool = True

    def resolve(self, ref: str) -> str | None:
        return self.refs.get(ref)

    def differing_paths(self, base: str | None, head: str) -> dict[str, frozenset[str]] | None:
        return {f"checkout:{(base or 'nothing')[0]}{head[0]}": FILE} if self.complete else None

    def modes(self, commit: str, paths: Iterable[str]) -> dict[str, str] | None:
        raise AssertionError(commit, paths)

    def links(self, commit: str, root: str) -> dict[str, str | None] | None:
        raise AssertionError(commit, root)


@dataclass
class FakeApi:
    refs: dict[str, str] = field(default_factory=dict)
    success: tuple[str | None, ...] = ()
    release: str | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def resolve(self, ref: str) -> str | None:
        return self.refs.get(ref)

    def differing_paths(self, base: str | None, head: str) -> dict[str, frozenset[str]]:
        return {f"api:{(base or 'nothing')[0]}{head[0]}": FILE}

    def modes(self, commit: str, paths: Iterable[str]) -> dict[str, str]:
        raise AssertionError(commit, paths)

    def links(self, commit: str, root: str) -> dict[str, str | None]:
        raise AssertionError(commit, root)

    def since_last_success(self, run: Run) -> tuple[str | None, ...]:
        self.asked.append((run.workflow, run.branch))
        return self.success

    def previous_release(self, tag: str) -> str | None:
        self.asked.append((tag,))
        return self.release


PUSH = Event("push", B, A)
NEW = Event("push", B, Start.NOTHING_BEFORE)
GONE = Event("push", None, A)
RELEASE = Event("release", B, Start.PREVIOUS_RELEASE)
DISPATCH = Event("workflow_dispatch", B, Start.UNKNOWN)
PULL = Event("pull_request", B, A)
AFTER_RUN = Event("workflow_run", B, Start.UNKNOWN)


def find(since: str, event: Event, *, checkout: FakeCheckout | None = None, api: FakeApi | None = None) -> Found:
    def connect() -> FakeApi:
        if api is None:
            raise AssertionError("the API was not needed")
        return api

    run = Run("purge.yml", "main", "v2")
    return find_changes(since, event, run, checkout=checkout or FakeCheckout(), api=connect)


@pytest.mark.parametrize(
    ("since", "event", "checkout", "api", "compared"),
    [
        pytest.param("event", PUSH, None, None, "checkout:ab", id="push"),
        pytest.param("event", PUSH, FakeCheckout(complete=False), FakeApi(), "api:ab", id="push, shallow"),
        pytest.param("event", NEW, None, None, "checkout:nb", id="new branch"),
        pytest.param("event", RELEASE, FakeCheckout({"v1": C}), FakeApi(release="v1"), "checkout:cb", id="release"),
        pytest.param(
            "event", RELEASE, None, FakeApi({"v1": C}, release="v1"), "checkout:cb", id="release, tag fetched"
        ),
        pytest.param("event", RELEASE, None, FakeApi(), "checkout:nb", id="first release"),
        pytest.param(
            "last-success",
            PUSH,
            None,
            FakeApi(success=(C,)),
            "checkout:cb checkout:ab",
            id="last success, and what the push replaced",
        ),
        pytest.param("last-success", DISPATCH, None, FakeApi(success=(C,)), "checkout:cb", id="last success, by hand"),
        pytest.param("last-success", PUSH, None, FakeApi(), "checkout:ab", id="no run yet: the event's range"),
        pytest.param(
            "last-success",
            PUSH,
            None,
            FakeApi(success=(None, B)),
            "checkout:nb checkout:ab",
            id="no success, and all of this very commit",
        ),
        pytest.param("last-success", DISPATCH, None, FakeApi(success=(B,)), "", id="nothing since the last success"),
        pytest.param(
            "last-success",
            PUSH,
            None,
            FakeApi(success=(None, C, B)),
            "checkout:nb checkout:cb checkout:ab",
            id="runs, but no success: all files, and what differs from each",
        ),
        pytest.param(
            "last-success", DISPATCH, None, FakeApi(success=(None, C)), "checkout:nb checkout:cb", id="the same by hand"
        ),
        pytest.param(
            "last-success",
            PUSH,
            FakeCheckout(complete=False),
            FakeApi(success=(C, D, A)),
            "api:cb api:db api:ab",
            id="last success, and each run since that may have brought something to the edge",
        ),
        pytest.param(
            "last-success", PUSH, None, FakeApi(success=(C, B)), "checkout:cb checkout:ab", id="this run itself"
        ),
        pytest.param("v1", DISPATCH, FakeCheckout({"v1": C}), None, "checkout:cb", id="tag"),
        pytest.param("v1", DISPATCH, FakeCheckout(complete=False), FakeApi({"v1": C}), "api:cb", id="tag, shallow"),
        pytest.param("v1", AFTER_RUN, FakeCheckout({"v1": C}), None, "checkout:cb", id="after a run, from a tag"),
    ],
)
def test_two_commits_are_compared(
    since: str, event: Event, checkout: FakeCheckout | None, api: FakeApi | None, compared: str
) -> None:
    found = find(since, event, checkout=checkout, api=api)
    assert [change.path for change in found.changes] == compared.split()


def test_a_deleted_ref_changes_nothing() -> None:
    assert (find("event", GONE).changes, find("last-success", GONE).range) == ((), None)


def test_the_same_commit_changes_nothing() -> None:
    found = find("v1", PUSH, checkout=FakeCheckout({"v1": B}))
    assert (found.changes, found.range) == ((), Range((B,), B))


def test_the_last_success_is_of_this_workflow_on_this_branch() -> None:
    api = FakeApi(success=(C,))
    find("last-success", PUSH, api=api)
    assert api.asked == [("purge.yml", "main")]


@pytest.mark.parametrize(
    ("since", "event", "words"),
    [
        pytest.param("event", DISPATCH, "workflow_dispatch does not say", id="by hand"),
        pytest.param("event", AFTER_RUN, "workflow_run does not say", id="after a run"),
        pytest.param("last-success", AFTER_RUN, "cannot be told for workflow_run", id="last success after a run"),
        pytest.param("last-success", PULL, "cannot be told for pull_request", id="last success of a pull request"),
        pytest.param("last-success", DISPATCH, "does not say", id="no success yet, by hand"),
        pytest.param("no-such", PUSH, "'no-such' is no commit", id="unknown ref"),
    ],
)
def test_a_range_that_cannot_be_told_is_refused(since: str, event: Event, words: str) -> None:
    with pytest.raises(ZtpurgeError, match=words) as caught:
        find(since, event, api=FakeApi())
    assert caught.value.place == "since"
    assert caught.value.remedy
