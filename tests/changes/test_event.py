"""What an event says of the commits before and after; a range that cannot be told is never an empty one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.event import Deployed, Event, Run, Start, read_event

A, B, SHA = "a" * 40, "b" * 40, "c" * 40
ZEROS = "0" * 40


PUSH = {"before": A, "after": B}
PULL = {"pull_request": {"base": {"sha": A}, "head": {"sha": B}}}
OF_ANOTHER = {"workflow_run": {"head_sha": B}}
OF_DEPLOYMENT = {"id": 1, "sha": B, "environment": "production", "task": "deploy"}
DEPLOYED = {"deployment": OF_DEPLOYMENT, "deployment_status": {"id": 42, "state": "success"}}


def read(environ: dict[str, str], payload: dict[str, Any]) -> Event:
    return read_event(environ, payload, SHA)


@cases("name payload head base", {
    "push": ("push", PUSH, B, A), "SHA-256": ("push", {"before": "a" * 64, "after": "b" * 64}, "b" * 64, "a" * 64),
    "force push compares two points": ("push", PUSH | {"forced": True}, B, A),
    "new ref": ("push", PUSH | {"before": ZEROS}, B, Start.NOTHING_BEFORE),
    "deleted ref": ("push", PUSH | {"after": ZEROS}, None, A),
    **{name: (name, PULL, B, A) for name in ("pull_request", "pull_request_target")},
    "merge_group": ("merge_group", {"merge_group": {"base_sha": A, "head_sha": B}}, B, A),
    "release": ("release", {"release": {"tag_name": "v2"}}, SHA, Start.PREVIOUS_RELEASE),
    "workflow_run": ("workflow_run", OF_ANOTHER, B, Start.UNKNOWN),
    "deployment_status": ("deployment_status", DEPLOYED, B, Deployed("production", "deploy", 42)),
    **{name: (name, {}, SHA, Start.UNKNOWN) for name in ("workflow_dispatch", "schedule", "repository_dispatch",
     "an_event_of_next_year")},
})  # fmt: skip
def test_events_name_two_commits(name: str, payload: dict[str, Any], head: str | None, base: object) -> None:
    found = read({"GITHUB_EVENT_NAME": name}, payload)
    assert (found.name, found.head, found.base, found.problem) == (name, head, base, None)


@cases("name payload sha place", {
    "no payload": ("push", {}, SHA, "before of the event push"),
    "half a payload": ("push", {"before": A}, SHA, "after of the event push"),
    "not an id": ("push", {"before": "main", "after": B}, SHA, "before of"),
    "line break": ("push", {"before": f"{A}\n", "after": B}, SHA, "before of"),
    "an option": ("push", {"before": "--output=x", "after": B}, SHA, "before of"),
    "null": ("pull_request", {"pull_request": None}, SHA, "pull_request.head.sha"),
    "other shape": ("pull_request", {"pull_request": {"head": B}}, SHA, "pull_request.head.sha"),
    "no deployment": ("deployment_status", {}, SHA, "deployment.sha of the event"),
    "an option for a deployment": ("deployment_status", {"deployment": {"sha": "--output=x"}}, SHA, "deployment.sha"),
    "no status": ("deployment_status", {"deployment": OF_DEPLOYMENT}, SHA, "names no environment"),
    "no environment": ("deployment_status", DEPLOYED | {"deployment": OF_DEPLOYMENT | {"environment": ""}}, SHA,
     "names no environment"),
    "true for a status": ("deployment_status", DEPLOYED | {"deployment_status": {"id": True}}, SHA, "not its status"),
    "no GITHUB_SHA": ("schedule", {}, "", "GITHUB_SHA"), "no event at all": ("", {}, "", "GITHUB_SHA"),
})  # fmt: skip
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
KEYS = st.sampled_from(
    ["before", "after", "pull_request", "head", "base", "sha", "merge_group", "workflow_run", *DEPLOYED]
)
NAMES = ["push", "pull_request", "merge_group", "workflow_run", "release", "schedule", "deployment_status"]


@given(st.sampled_from(NAMES), st.dictionaries(KEYS, JSON), st.text())
def test_no_payload_breaks_the_reader(name: str, payload: dict[str, Any], sha: str) -> None:
    event = read_event({"GITHUB_EVENT_NAME": name}, payload, sha)
    assert event.head is None or len(event.head) in {40, 64}
    assert event.head or event.problem or name == "push"


WORKFLOW = {"GITHUB_WORKFLOW_REF": "o/r/.github/workflows/p.yaml@refs/pull/7/merge", "GITHUB_REF_NAME": "7/merge"}
IDS = {"GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ID": "1234", "GITHUB_RUN_NUMBER": "7"}
TAG = {"GITHUB_REF_NAME": "v2", "GITHUB_REF_TYPE": "tag", "GITHUB_EVENT_NAME": "release"}


@cases("environ payload run", {
    "push": (WORKFLOW | IDS, {}, Run("p.yaml", "7/merge", "", "push", 1234, 7, 1)),
    "release, no workflow": (TAG, {"release": {"tag_name": "v2"}}, Run("", "", "v2", "release")),
    "odd": ({"GITHUB_RUN_ID": "0x1", "GITHUB_RUN_NUMBER": "0"}, {"release": "odd"}, Run("", "", "")),
    "its numbers": (numbers("7", "3", "2"), {}, Run("", "", "", "", 7, 3, 2)),
    "a first attempt": (numbers("7", "3", ""), {}, Run("", "", "", "", 7, 3, 1)),
    "no numbers": (numbers("-1", "0", "\u0662"), {}, Run("", "", "")),
})  # fmt: skip
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
