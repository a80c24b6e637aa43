"""The range comes from the event or from `since`, and a link that leads to what changed serves it, too."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.event import Deployed, Event, Range, Run, Start
from ztpurge.changes.paths import Change
from ztpurge.changes.repository import Repository
from ztpurge.changes.since import changes_of_links, find_changes, folders_above
from ztpurge.changes.trees import ABSENT, LINK, SUBMODULE
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from ztpurge.changes.github import GitHub

A, B, C, D = "a" * 40, "b" * 40, "c" * 40, "d" * 40
RUN = Run("purge.yml", "main", "v2")


FILE = frozenset({"100644"})


@dataclass(kw_only=True)
class Told(Repository):
    """A repository whose comparisons name their base, and which the API tells of the commit D alone."""

    refs: dict[str, str] = field(default_factory=dict)
    success: tuple[str | None, ...] = ()
    release: str | None = None
    modes_of: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)  # what differs, by its base
    deployed: tuple[str | None, ...] = ()
    newer: str | None = None

    def api(self) -> GitHub:
        return cast("GitHub", self)

    def resolve(self, ref: str) -> str | None:
        return self.refs.get(ref)

    def differing_paths(self, base: str | None, head: str) -> tuple[dict[str, frozenset[str]], bool]:
        assert head == (self.newer or B)
        return self.modes_of.get(base or "", {(base or "nothing")[0]: FILE}), base == D

    def since_last_success(self, run: Run) -> tuple[str | None, ...]:
        assert run == RUN
        return self.success

    def since_deployment(
        self, deployed: Deployed, run: Run, *, only_purged: bool
    ) -> tuple[tuple[str | None, ...], str | None]:
        assert (deployed, run) == (DEPLOYED.base, RUN)
        return ((self.deployed[-1],) if only_purged else self.deployed), self.newer

    def previous_release(self, tag: str) -> str | None:
        assert tag == RUN.tag
        return self.release


PUSH = Event("push", B, A)
NEW = Event("push", B, Start.NOTHING_BEFORE)
GONE = Event("push", None, A)
RELEASE = Event("release", B, Start.PREVIOUS_RELEASE)
DISPATCH = Event("workflow_dispatch", B, Start.UNKNOWN)
DEPLOYED = Event("deployment_status", B, Deployed("production", "deploy", 42))
PULL = Event("pull_request", B, A)
AFTER_RUN = Event("workflow_run", B, Start.UNKNOWN)
V1 = Told(refs={"v1": C})


LAST = "last-success"


@cases("since event told compared", {
    "push": ("event", PUSH, Told(), "a"), "push, shallow": ("event", Event("push", B, D), Told(), "d"),
    "new branch": ("event", NEW, Told(), "n"), "release": ("event", RELEASE, Told(refs={"v1": C}, release="v1"), "c"),
    "first release": ("event", RELEASE, Told(), "n"),
    "a deployment": ("event", DEPLOYED, Told(deployed=(C, A)), "c a"),
    "a deployment, and what was purged for": (LAST, DEPLOYED, Told(deployed=(C, A)), "a"),
    "a deployment that another overtook": ("event", DEPLOYED, Told(deployed=(C, B), newer=A), "c b"),
    "a deployment, from a tag": ("v1", DEPLOYED, V1, "c"),
    "the first deployment": ("event", DEPLOYED, Told(deployed=(None,)), "n"),
    "last success, and what the push replaced": (LAST, PUSH, Told(success=(C,)), "c a"),
    "last success, by hand": (LAST, DISPATCH, Told(success=(C,)), "c"),
    "no run yet: the event's range": (LAST, PUSH, Told(), "a"),
    "no success, and all of this very commit": (LAST, PUSH, Told(success=(None, B)), "n a"),
    "nothing since the last success": (LAST, DISPATCH, Told(success=(B,)), ""),
    "no success: all, and what differs from each": (LAST, PUSH, Told(success=(None, C, B)), "n c a"),
    "runs, but no success, by hand": (LAST, DISPATCH, Told(success=(None, C)), "n c"),
    "what runs since may have brought to the edge": (LAST, PUSH, Told(success=(C, D, A)), "c d a"),
    "this run itself": (LAST, PUSH, Told(success=(C, B)), "c a"), "tag": ("v1", DISPATCH, V1, "c"),
    "after a run, from a tag": ("v1", AFTER_RUN, V1, "c"),
})  # fmt: skip
def test_two_commits_are_compared(since: str, event: Event, told: Told, compared: str) -> None:
    found = find_changes(since, replace(event, run=RUN), told)
    place = "GitHub's API" if "d" in compared else "the checkout"
    assert ([change.path for change in found.changes], found.place) == (compared.split(), place)


@cases("of_a of_c changes", {
    "gone": ({"x": FILE | {ABSENT}}, {}, [Change("x", is_deleted=True)]),
    "gone since both": ({"x": FILE | {ABSENT}}, {"x": FILE | {ABSENT}}, [Change("x", is_deleted=True)]),
    "there": ({"x": FILE}, {}, [Change("x")]),
    "a link that is gone": ({"x": frozenset({LINK, ABSENT})}, {}, [
        Change("x", is_deleted=True), Change("x", "a symbolic link that changed, and may lead to a folder")]),
    "a submodule that is gone": ({"x": frozenset({SUBMODULE, ABSENT})}, {}, [
        Change("x", "a submodule, whose files are another repository's")]),
})  # fmt: skip
def test_what_the_later_commit_lacks_is_deleted(
    of_a: dict[str, frozenset[str]], of_c: dict[str, frozenset[str]], changes: list[Change]
) -> None:
    told = Told(success=(C,), modes_of={A: of_a, C: of_c})
    assert list(find_changes(LAST, replace(PUSH, run=RUN), told).changes) == changes


def test_a_deleted_ref_and_the_same_commit_change_nothing() -> None:
    assert [find_changes(since, GONE, V1).range for since in ("event", "last-success")] == [None, None]
    found = find_changes("v1", PUSH, Told(refs={"v1": B}))
    assert (found.changes, found.range) == ((), Range((B,), B))


@cases("since event words", {
    "by hand": ("event", DISPATCH, "workflow_dispatch does not say"),
    "after a run": ("event", AFTER_RUN, "workflow_run does not say"),
    "last success after a run": (LAST, AFTER_RUN, "does not work for workflow_run"),
    "last success of a pull request": (LAST, PULL, "does not work for pull_request"),
    "no success yet, by hand": (LAST, DISPATCH, "does not say"),
    "unknown ref": ("no-such", PUSH, "'no-such' is no commit"),
})  # fmt: skip
def test_a_range_that_cannot_be_told_is_refused(since: str, event: Event, words: str) -> None:
    with pytest.raises(ZtpurgeError, match=words) as caught:
        find_changes(since, replace(event, run=RUN), Told())
    assert caught.value.place == "since"
    assert caught.value.remedy


@cases("changed links found", {
    "a folder": (["v2/a"], {"latest": "v2"}, {"latest": False}),
    "a folder above": (["v2/b/a"], {"latest": "v2/"}, {"latest": False}),
    "a file": (["src/a.css"], {"p/a.css": "../src/a.css"}, {"p/a.css": True}),
    "something else": (["v1/a"], {"latest": "v2", "file": "v1/b"}, {}),
    "a name that only begins so": (["v20/a"], {"latest": "v2"}, {}),
    "a link to a link": (["v2/a"], {"latest": "v2", "now": "latest"}, {"latest": False, "now": True}),
    "through a link": (["v2/d/a"], {"latest": "v2", "docs": "latest/d"}, {"latest": False, "docs": False}),
    "above what a link leads to": (["a"], {"b/c/d": "e/..", "b/c/e": ".."}, {"b/c/d": False, "b/c/e": False}),
    "through a link that changed": (["now"], {"x": "now/y", "now": "v1"}, {"x": False}),
    "a folder that holds a link": (["a"], {"d/x": "../a", "e": "d"}, {"d/x": True, "e": False}),
    "above itself": (["a/x"], {"a/self": ".", "a/up": ".."}, {"a/self": False, "a/up": False}),
    "a circle": (["a"], {"one": "two", "two": "one"}, {}),
    "a circle of folders": (["a"], {"one": "two/x", "two": "one/x"}, {}),
    "out of the repository": (["a"], {"out": "../../etc", "abs": "/etc/a", "slashes": "//a"}, {}),
    "nobody knows where to": (["a"], {"link": None}, {"link": False}),
    "nor on the way": (["a"], {"link": "on/x", "on": None}, {"link": False, "on": False}),
    "a link that is listed itself": (["a", "link"], {"link": "a"}, {}),
})  # fmt: skip
def test_links_that_lead_to_a_change(changed: list[str], links: dict[str, str | None], found: dict[str, bool]) -> None:
    assert {change.path: not change.unseen for change in changes_of_links(changed, links)} == found


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.lists(NAMES | st.just(".."), min_size=1, max_size=3).map("/".join)


@given(st.lists(PATHS))
def test_all_folders_above_are_found(paths: list[str]) -> None:
    assert folders_above(paths) == {str(folder).strip(".") for path in paths for folder in Path(path).parents}


@given(st.sets(PATHS, min_size=1, max_size=4), st.dictionaries(PATHS, TARGETS, max_size=4))
@example({"a"}, {"b/b/a": "b/..", "b/b/b": ".."})
@settings(max_examples=150)
def test_no_link_is_missed_that_the_file_system_follows(
    tmp_path_factory: pytest.TempPathFactory, files: set[str], links: dict[str, str]
) -> None:
    top = tmp_path_factory.mktemp("links") / "x/y/z"
    made_links = {}
    for path in files:
        with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).touch()
    for path, target in links.items():
        if not any(Path(path) in Path(other).parents for other in links):  # what is made through a link lies elsewhere
            with contextlib.suppress(FileExistsError, NotADirectoryError, FileNotFoundError):
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).symlink_to(target)
                made_links[path] = target
    for changed in (path for path in files if (top / path).is_file() and not (top / path).is_symlink()):
        found = {change.path for change in changes_of_links([changed], made_links)}
        real = os.path.realpath(top / changed)
        for path in made_links:
            leads_to = os.path.realpath(top / path)
            is_inside = f"{leads_to}/".startswith(f"{os.path.realpath(top)}/")  # elsewhere nothing is the commit's
            if is_inside and (top / path).exists() and (real == leads_to or real.startswith(f"{leads_to}/")):
                assert path in found, (changed, made_links)
