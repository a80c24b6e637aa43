"""Whatever GitHub's API answers becomes a value of the right types or an error in words."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.answered import (
    parse_blob,
    parse_commit,
    parse_deployment,
    parse_list,
    parse_ref,
    parse_release,
    parse_run,
    parse_status,
    parse_tree,
)
from ztpurge.changes.trees import is_id
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ztpurge.changes.deployments import Deployment, Status
    from ztpurge.changes.runs import Listed

ID = "a" * 40
RUN = {
    "id": 30433642, "run_number": 562, "run_attempt": 1, "head_sha": ID, "event": "push", "status": "completed",
    "conclusion": "success", "created_at": "2026-01-22T19:33:08Z", "run_started_at": "2026-01-22T19:33:08Z",
    "updated_at": "2026-01-22T19:34:08Z", "head_repository": {"full_name": "owner/site"},
}  # fmt: skip
RELEASE = {"tag_name": "v1", "draft": False, "prerelease": False, "created_at": "2026", "published_at": "2026"}
DEPLOYMENT = {
    "id": 42, "sha": ID, "task": "deploy", "environment": "production", "created_at": "2026-01-22T19:33:08Z",
    "updated_at": "2026-01-22T19:33:08Z",
}  # fmt: skip
STATUS = {"id": 1, "state": "success", "environment": "production", "created_at": "2026-01-22T19:33:08Z"}


def runs_of(answer: Any) -> list[Listed]:  # noqa: ANN401 - JSON
    runs = (parse_run(run, "owner/site") for run in parse_list(answer, "runs"))
    return [run for run in runs if run]


def deployments_of(answer: Any) -> list[Deployment | None]:  # noqa: ANN401 - JSON
    return [parse_deployment(one, "production") for one in parse_list(answer, "deployments")]


def statuses_of(answer: Any) -> list[Status]:  # noqa: ANN401 - JSON
    return [parse_status(one, "production") for one in parse_list(answer, "statuses")]


GOOD: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "commit": ({"sha": ID, "commit": {"tree": {"sha": ID}}}, parse_commit),
    "ref": ({"ref": "refs/tags/v1", "object": {"sha": ID, "type": "tag"}}, lambda a: parse_ref(a, "refs/tags/v1")),
    "refs": ([{"ref": "refs/tags/v1", "object": {"sha": ID}}], lambda a: parse_ref(a, "refs/tags/v1")),
    "tree": ({"sha": ID, "tree": [{"path": "a", "mode": "100644", "type": "blob", "sha": ID, "size": 1}],
     "truncated": False}, parse_tree),
    "paged tree": ({"tree": None, "truncated": False, "total_count": 0}, parse_tree),
    "blob": ({"content": "YQ==\n", "encoding": "base64"}, parse_blob),
    "runs": ({"total_count": 1, "workflow_runs": [RUN]}, runs_of),
    "releases": ([RELEASE, RELEASE | {"draft": True}], lambda a: [*map(parse_release, parse_list(a, "releases"))]),
    "deployments": ([DEPLOYMENT], deployments_of), "statuses": ([STATUS], statuses_of),
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["-x", ID, "2026", "9" * 30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: object) -> Any:  # noqa: ANN401 - JSON
    if not path:
        return new
    whole = copy.deepcopy(value)
    at = whole
    for key in path[:-1]:
        at = at[key]
    if new is DROPPED:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return whole


DROPPED = object()


@given(name=st.sampled_from(sorted(GOOD)), data=st.data())
@settings(max_examples=200)
def test_an_odd_answer_is_an_error_in_words_or_a_value_of_the_right_types(name: str, data: st.DataObject) -> None:
    answer, parse = GOOD[name]
    path = data.draw(st.sampled_from(list(places(answer))))
    new = data.draw(JSON | st.just(DROPPED) if path else JSON)
    odd = changed(answer, path, new)
    value: object
    try:
        value = parse(odd)
    except ZtpurgeError as error:
        assert error.cause.startswith("the answer holds no ")  # noqa: PT017 - either end is fine
        return
    if name in {"commit", "ref", "refs"}:
        assert value is None or is_id(value)
    if name == "runs" and isinstance(value, list):
        assert all(is_id(run.head) and type(run.number) is int and type(run.attempt) is int for run in value)
    if name == "deployments" and isinstance(value, list):
        found = [one for one in value if one]
        assert all(is_id(one.commit) and type(one.id) is int and isinstance(one.updated, float) for one in found)
    if name == "statuses" and isinstance(value, list):
        assert all(isinstance(one.state, str) and isinstance(one.told, float) for one in value)
    if name == "tree":
        page = parse_tree(odd)
        assert all(is_id(entry.sha) and isinstance(path, str) for path, entry in page.entries.items())
        assert page.is_cut is False


@cases("name path new", {
    "no list of runs is not an empty one": ("runs", ("workflow_runs",), None),
    "a run without a commit is not passed over": ("runs", ("workflow_runs", 0, "head_sha"), DROPPED),
    "true for a number": ("runs", ("workflow_runs", 0, "run_number"), True),
    "a time that is none": ("runs", ("workflow_runs", 0, "created_at"), "yesterday"),
    "no tree is not an empty one": ("tree", ("tree",), None), "a text for a tree": ("tree", ("tree",), "x"),
    "not told whether it is whole": ("tree", ("truncated",), DROPPED),
    "a number for a name": ("tree", ("tree", 0, "path"), 7),
    "not told whether it is a prerelease": ("releases", (0, "prerelease"), DROPPED),
    "a number for a tag": ("releases", (0, "tag_name"), 1), "an object for a list": ("releases", (), {"0": RELEASE}),
    "not told where": ("deployments", (0, "environment"), DROPPED), "nor when": ("statuses", (0, "created_at"), None),
    "a path for a deployment's id": ("deployments", (0, "id"), "../../user"), "no state": ("statuses", (0, "state"), 1),
    "an entry without an id": ("tree", ("tree", 0), {"path": "a"}), "a list for a tree": ("tree", (), []),
    "null for a tree": ("tree", (), None), "nothing for a file": ("blob", (), {}),
    "null for a content": ("blob", ("content",), None), "not ASCII": ("blob", ("content",), "\u00e9"),
    "half a byte": ("blob", ("content",), "a"),
    **{f"{sha!a} for the id of {name}": (name, path, sha)
       for name, path in (("commit", ("sha",)), ("ref", ("object", "sha")), ("runs", ("workflow_runs", 0, "head_sha")),
                          ("refs", (0, "object", "sha")), ("tree", ("tree", 0, "sha")), ("deployments", (0, "sha")))
       for sha in ("--output=/tmp/never", "a" * 39, "A" * 40, "a" * 40 + "\n", "", 1, None)},
    "a file too large to be sent": ("blob", ("encoding",), "none"),
})  # fmt: skip
def test_what_is_lacking_is_refused(name: str, path: tuple[object, ...], new: object) -> None:
    assert all(parse(good) for good, parse in GOOD.values())
    answer, parse = GOOD[name]
    with pytest.raises(ZtpurgeError, match="the answer holds no "):
        parse(changed(answer, path, new))


def test_runs_of_others_are_left_out() -> None:
    of = [{"full_name": "fork/site"}, None, {"full_name": "Owner/Site"}]
    runs = [RUN | {"event": "pull_request"}, *(RUN | {"head_repository": one} for one in of)]
    assert len(runs_of({"workflow_runs": runs})) == 1


def test_deployments_elsewhere_are_left_out_and_successes_elsewhere_are_none() -> None:
    names = ["production", "Production", "staging", "", "production2"]
    found = deployments_of([DEPLOYMENT | {"environment": name} for name in names])
    assert [bool(one) for one in found] == [True, True, False, False, False]
    told = statuses_of(
        [STATUS | {"environment": name} for name in ("production", "PRODUCTION", "", None, "staging", 1)]
    )
    assert [one.state for one in told] == ["success"] * 4 + ["elsewhere"] * 2


@pytest.mark.parametrize(("status", "conclusion", "is_skipped"), [
    ("completed", "skipped", True), ("completed", "success", False), ("in_progress", None, False),
])  # fmt: skip
def test_a_run_whose_jobs_were_all_skipped_is_known(status: str, conclusion: str | None, is_skipped: bool) -> None:
    (run,) = runs_of({"workflow_runs": [RUN | {"status": status, "conclusion": conclusion}]})
    assert (run.is_skipped, run.is_success) == (is_skipped, conclusion == "success")
