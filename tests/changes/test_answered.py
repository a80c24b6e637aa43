"""Whatever GitHub's API answers becomes a value of the right types or an error in words."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.changes.answered import (
    parse_blob,
    parse_commit,
    parse_list,
    parse_ref,
    parse_release,
    parse_run,
    parse_tree,
)
from ztpurge.changes.trees import is_id
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ztpurge.changes.runs import Listed

ID = "a" * 40
RUN = {
    "id": 30433642,
    "run_number": 562,
    "run_attempt": 1,
    "head_sha": ID,
    "event": "push",
    "status": "completed",
    "conclusion": "success",
    "created_at": "2026-01-22T19:33:08Z",
    "run_started_at": "2026-01-22T19:33:08Z",
    "updated_at": "2026-01-22T19:34:08Z",
    "head_repository": {"full_name": "owner/site"},
}
RELEASE = {"tag_name": "v1", "draft": False, "prerelease": False, "created_at": "2026", "published_at": "2026"}


def runs_of(answer: Any) -> list[Listed]:  # noqa: ANN401 - JSON
    runs = (parse_run(run, "owner/site") for run in parse_list(answer, "runs"))
    return [run for run in runs if run]


GOOD: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "commit": ({"sha": ID, "commit": {"tree": {"sha": ID}}}, parse_commit),
    "ref": ({"ref": "refs/tags/v1", "object": {"sha": ID, "type": "tag"}}, lambda a: parse_ref(a, "refs/tags/v1")),
    "refs": ([{"ref": "refs/tags/v1", "object": {"sha": ID}}], lambda a: parse_ref(a, "refs/tags/v1")),
    "tree": (
        {
            "sha": ID,
            "tree": [{"path": "a", "mode": "100644", "type": "blob", "sha": ID, "size": 1}],
            "truncated": False,
        },
        parse_tree,
    ),
    "paged tree": ({"tree": None, "truncated": False, "total_count": 0}, parse_tree),
    "blob": ({"content": "YQ==\n", "encoding": "base64"}, parse_blob),
    "runs": ({"total_count": 1, "workflow_runs": [RUN]}, runs_of),
    "releases": ([RELEASE, RELEASE | {"draft": True}], lambda a: [*map(parse_release, parse_list(a, "releases"))]),
}
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


@pytest.mark.parametrize("name", GOOD)
def test_a_good_answer_is_read(name: str) -> None:
    answer, parse = GOOD[name]
    assert parse(answer)


@given(name=st.sampled_from(sorted(GOOD)), data=st.data())
@settings(max_examples=400)
def test_an_odd_answer_is_an_error_in_words_or_a_value_of_the_right_types(name: str, data: st.DataObject) -> None:
    answer, parse = GOOD[name]
    path = data.draw(st.sampled_from(list(places(answer))))
    new = data.draw(JSON | st.just(DROPPED) if path else JSON)
    odd = changed(answer, path, new)
    value: object
    try:
        value = parse(odd)
    except ZtpurgeError as error:
        value = error
    if isinstance(value, ZtpurgeError):
        assert value.cause.startswith("it answered no ")
        return
    if name in {"commit", "ref", "refs"}:
        assert value is None or is_id(value)
    if name == "runs" and isinstance(value, list):
        assert all(is_id(run.head) and type(run.number) is int and type(run.attempt) is int for run in value)
    if name == "tree":
        page = parse_tree(odd)
        assert all(is_id(entry.sha) and isinstance(path, str) for path, entry in page.entries.items())
        assert page.is_cut is False


@pytest.mark.parametrize(
    ("name", "path", "new"),
    [
        pytest.param("runs", ("workflow_runs",), None, id="no list of runs is not an empty one"),
        pytest.param("runs", ("workflow_runs", 0, "head_sha"), DROPPED, id="a run without a commit is not passed over"),
        pytest.param("runs", ("workflow_runs", 0, "run_number"), True, id="true for a number"),
        pytest.param("runs", ("workflow_runs", 0, "created_at"), "yesterday", id="a time that is none"),
        pytest.param("tree", ("tree",), None, id="no tree is not an empty one"),
        pytest.param("tree", ("tree",), "x", id="a text for a tree"),
        pytest.param("tree", ("truncated",), DROPPED, id="not told whether it is whole"),
        pytest.param("tree", ("tree", 0, "path"), 7, id="a number for a name"),
        pytest.param("releases", (0, "prerelease"), DROPPED, id="not told whether it is a prerelease"),
        pytest.param("releases", (0, "tag_name"), 1, id="a number for a tag"),
        pytest.param("releases", (), {"0": RELEASE}, id="an object for a list"),
        pytest.param("tree", ("tree", 0), {"path": "a"}, id="an entry without an id"),
        pytest.param("tree", (), [], id="a list for a tree"),
        pytest.param("tree", (), None, id="null for a tree"),
        pytest.param("blob", (), {}, id="nothing for a file"),
        pytest.param("blob", ("content",), None, id="null for a content"),
        pytest.param("blob", ("content",), "\u00e9", id="not ASCII"),
        pytest.param("blob", ("content",), "a", id="half a byte"),
        pytest.param("blob", ("encoding",), "none", id="a file too large to be sent"),
    ],
)
def test_what_is_lacking_is_refused(name: str, path: tuple[object, ...], new: object) -> None:
    answer, parse = GOOD[name]
    with pytest.raises(ZtpurgeError, match="it answered no "):
        parse(changed(answer, path, new))


def test_runs_of_others_are_left_out() -> None:
    runs = [
        RUN | {"head_repository": {"full_name": "fork/site"}},
        RUN | {"head_repository": None},
        RUN | {"event": "pull_request"},
        RUN | {"head_repository": {"full_name": "Owner/Site"}},
    ]
    assert len(runs_of({"workflow_runs": runs})) == 1
