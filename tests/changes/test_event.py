"""What an event says of the commits before and after; a range that cannot be told is never an empty one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.changes.event import Event, Run, Start, read_event

A, B, SHA = "a" * 40, "b" * 40, "c" * 40
ZEROS = "0" * 40


PUSH = {"before": A, "after": B}
PULL = {"pull_request": {"base": {"sha": A}, "head": {"sha": B}}}
OF_ANOTHER = {"workflow_run": {"head_sha": B}}


def read(environ: dict[str, str], payload: dict[str, Any]) -> Event:
    return read_event(environ, payload, SHA)


@pytest.mark.parametrize(
    ("name", "payload", "head", "base"),
    [
        pytest.param("push", PUSH, B, A, id="push"),
        pytest.param("push", {"before": "a" * 64, "after": "b" * 64}, "b" * 64, "a" * 64, id="SHA-256"),
        pytest.param("push", PUSH | {"forced": True}, B, A, id="force push compares two points"),
        pytest.param("push", PUSH | {"before": ZEROS}, B, Start.NOTHING_BEFORE, id="new ref"),
        pytest.param("push", PUSH | {"after": ZEROS}, None, A, id="deleted ref"),
        *(pytest.param(name, PULL, B, A, id=name) for name in ("pull_request", "pull_request_target")),
        pytest.param("merge_group", {"merge_group": {"base_sha": A, "head_sha": B}}, B, A, id="merge_group"),
        pytest.param("release", {"release": {"tag_name": "v2"}}, SHA, Start.PREVIOUS_RELEASE, id="release"),
        pytest.param("workflow_run", OF_ANOTHER, B, Start.UNKNOWN, id="workflow_run"),
        *(
            pytest.param(name, {}, SHA, Start.UNKNOWN, id=name)
            for name in ("workflow_dispatch", "schedule", "repository_dispatch", "an_event_of_next_year")
        ),
    ],
)
def test_events_name_two_commits(name: str, payload: dict[str, Any], head: str | None, base: str | Start) -> None:
    found = read({"GITHUB_EVENT_NAME": name}, payload)
    assert (found.name, found.head, found.base, found.problem) == (name, head, base, None)


@pytest.mark.parametrize(
    ("name", "payload", "sha", "place"),
    [
        pytest.param("push", {}, SHA, "before of the event push", id="no payload"),
        pytest.param("push", {"before": A}, SHA, "after of the event push", id="half a payload"),
        pytest.param("push", {"before": "main", "after": B}, SHA, "before of", id="not an id"),
        pytest.param("push", {"before": f"{A}\n", "after": B}, SHA, "before of", id="line break"),
        pytest.param("push", {"before": "--output=x", "after": B}, SHA, "before of", id="an option"),
        pytest.param("pull_request", {"pull_request": None}, SHA, "pull_request.head.sha", id="null"),
        pytest.param("pull_request", {"pull_request": {"head": B}}, SHA, "pull_request.head.sha", id="other shape"),
        pytest.param("schedule", {}, "", "GITHUB_SHA", id="no GITHUB_SHA"),
        pytest.param("", {}, "", "GITHUB_SHA", id="no event at all"),
    ],
)
def test_a_payload_that_lacks_its_commits_is_refused(name: str, payload: dict[str, Any], sha: str, place: str) -> None:
    found = read_event({"GITHUB_EVENT_NAME": name}, payload, sha)
    assert (found.head, found.base) == (None, Start.UNKNOWN)
    assert found.problem
    assert place in found.problem.cause
    assert (found.problem.place, "files-from" in found.problem.remedy) == ("since", True)


def numbers(*values: str) -> dict[str, str]:
    return {f"GITHUB_RUN_{name}": value for name, value in zip(("ID", "NUMBER", "ATTEMPT"), values, strict=True)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
KEYS = st.sampled_from(["before", "after", "pull_request", "head", "base", "sha", "merge_group", "workflow_run"])
NAMES = ["push", "pull_request", "merge_group", "workflow_run", "release", "schedule"]


@given(st.sampled_from(NAMES), st.dictionaries(KEYS, JSON), st.text())
def test_no_payload_breaks_the_reader(name: str, payload: dict[str, Any], sha: str) -> None:
    event = read_event({"GITHUB_EVENT_NAME": name}, payload, sha)
    assert event.head is None or len(event.head) in {40, 64}
    assert event.head or event.problem or name == "push"


WORKFLOW = {"GITHUB_WORKFLOW_REF": "o/r/.github/workflows/p.yaml@refs/pull/7/merge", "GITHUB_REF_NAME": "7/merge"}
IDS = {"GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ID": "1234", "GITHUB_RUN_NUMBER": "7"}
TAG = {"GITHUB_REF_NAME": "v2", "GITHUB_REF_TYPE": "tag", "GITHUB_EVENT_NAME": "release"}


@pytest.mark.parametrize(
    ("environ", "payload", "run"),
    [
        pytest.param(WORKFLOW | IDS, {}, Run("p.yaml", "7/merge", "", "push", 1234, 7, 1), id="push"),
        pytest.param(TAG, {"release": {"tag_name": "v2"}}, Run("", "", "v2", "release"), id="release, no workflow"),
        pytest.param({"GITHUB_RUN_ID": "0x1", "GITHUB_RUN_NUMBER": "0"}, {"release": "odd"}, Run("", "", ""), id="odd"),
        pytest.param(numbers("7", "3", "2"), {}, Run("", "", "", "", 7, 3, 2), id="its numbers"),
        pytest.param(numbers("7", "3", ""), {}, Run("", "", "", "", 7, 3, 1), id="a first attempt"),
        pytest.param(numbers("-1", "0", "\u0662"), {}, Run("", "", ""), id="no numbers"),
    ],
)
def test_the_run_is_read_from_the_environment(environ: dict[str, str], payload: dict[str, Any], run: Run) -> None:
    assert read(environ, payload).run == run


@pytest.mark.parametrize(
    ("pull_request", "is_merged"),
    [({"merged": True}, True), ({"merged": False}, False), ({}, False), (None, False), ({"merged": "true"}, False)],
)
def test_a_pull_request_is_merged_or_not(pull_request: object, is_merged: bool) -> None:
    assert read({"GITHUB_EVENT_NAME": "pull_request"}, {"pull_request": pull_request}).is_merged == is_merged


def test_a_run_knows_the_names_of_its_own_ref() -> None:
    names = read({"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_SHA": SHA}, {}).names
    assert names >= {"HEAD", "main", "heads/main", "refs/heads/main", SHA}
