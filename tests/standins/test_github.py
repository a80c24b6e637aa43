"""The stand-in for GitHub's API against GitHub's own description of it, and what Gitea does otherwise."""

from __future__ import annotations

import copy
import json
import os
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft4Validator

from tests.standins.github import Deployment, GitHub, GitHubApi, Release, Run
from tests.standins.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = Path(__file__).parents[2] / "lint/node_modules/@octokit/openapi/generated/api.github.com.json"
HOME = "/repos/{owner}/{repo}"
TOKEN = "gh-token"
NOBODY = "0123456789abcdef0123456789abcdef01234567"
RUNS = (Run("2" * 40, status="in_progress", conclusion=None), Run("1" * 40, head_repository="fork/site"))
RELEASES = (Release("v2", prerelease=True, published_at="2026-02-02T00:00:00Z"), Release("v1", draft=True))

SAID = ((1, "in_progress", "2026-01-01T00:00:01Z"), (2, "success", "2026-01-01T00:00:02Z"))
DEPLOYMENTS = (Deployment(1, "1" * 40), Deployment(2, "2" * 40, said=SAID), Deployment(3, "3" * 40, "staging"))


class Description:
    """GitHub's description of its API, OpenAPI 3.0, as JSON Schema that leaves no room for fields it does not name."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def expand(self, node: Any) -> Any:  # noqa: ANN401 - JSON
        """Put what references mean in their places, and null where it is allowed."""
        if isinstance(node, list):
            return [self.expand(one) for one in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            found = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            return self.expand(found)
        schema = {key: self.expand(value) for key, value in node.items()}
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
        return {"anyOf": [schema, {"type": "null"}]} if schema.get("nullable") is True else schema

    def parameters(self, path: str) -> set[str]:
        """Return the names that a GET of a path takes in its query."""
        described = self.expand(self._document["paths"][path]["get"]["parameters"])
        return {one["name"] for one in described if one["in"] == "query"}

    def mistakes(self, path: str, status: int, document: object) -> list[str]:
        """Say what a GET of a path cannot answer like that; for refusals that no path names there is one form."""
        answer = self._document["paths"][path]["get"]["responses"].get(str(status))
        schema = {"$ref": "#/components/schemas/basic-error"}
        if answer is not None or status not in {401, 403, 404}:
            schema = self.expand(answer)["content"]["application/json"]["schema"]
        return [error.message for error in Draft4Validator(self.expand(schema)).iter_errors(document)]


@pytest.fixture(scope="module")
def description() -> Description:
    if not DESCRIPTION.is_file():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs {DESCRIPTION.name}: `make lint`")
    return Description(json.loads(DESCRIPTION.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = Repository(tmp_path_factory.mktemp("site"))
    repository.commit({"index.html": "home", "css/a.css": "a"})
    repository.git("tag", "light")
    (repository.folder / "link").symlink_to("index.html")
    repository.write({"café \n.html": "b", "run.sh": "#!"})
    (repository.folder / "run.sh").chmod(0o755)
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{NOBODY},theme")
    repository.git("commit", "--quiet", "--message=all kinds of entries")
    repository.git("tag", "--annotate", "--message=v1", "v1")
    repository.git("branch", "feature/x")
    return repository


def ask(api: GitHubApi, path: str, *, token: str = TOKEN) -> tuple[int, Any]:
    connection = HTTPConnection(urlsplit(api.url).netloc, timeout=30)
    path = f"{urlsplit(api.url).path}/repos/owner/site{path}"
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    with connection.getresponse() as response:
        return response.status, json.loads(response.read())


ANSWERS = (
    ("/git/trees/{tree_sha}", "/git/trees/main", 200), ("/git/trees/{tree_sha}", "/git/trees/v1?recursive=1", 200),
    ("/git/trees/{tree_sha}", f"/git/trees/{NOBODY}", 404), ("/git/blobs/{file_sha}", "/git/blobs/{blob}", 200),
    ("/git/blobs/{file_sha}", f"/git/blobs/{NOBODY}", 404), ("/git/ref/{ref}", "/git/ref/heads/feature/x", 200),
    ("/git/ref/{ref}", "/git/ref/tags/v1", 200), ("/git/ref/{ref}", "/git/ref/heads/feature", 404),
    ("/commits/{ref}", "/commits/feature%2Fx", 200), ("/commits/{ref}", "/commits/main~1", 422),
    ("/actions/workflows/{workflow_id}/runs", "/actions/workflows/purge.yml/runs?branch=main&per_page=100&page=1", 200),
    ("/actions/workflows/{workflow_id}/runs", "/actions/workflows/none.yml/runs", 404), ("/releases", "/releases", 200),
    ("/deployments", "/deployments?environment=production&per_page=1&page=2", 200),
    ("/deployments/{deployment_id}/statuses", "/deployments/2/statuses", 200),
    ("/deployments/{deployment_id}/statuses", "/deployments/9/statuses", 404),
)  # fmt: skip


def answers(repository: Repository) -> Iterator[tuple[str, int, Any]]:
    """Yield what the stand-in answers to each kind of question, with the path as the description writes it."""
    blob = repository.git("rev-parse", "HEAD:index.html")
    with GitHubApi(repository.folder, runs=RUNS, releases=RELEASES, deployments=DEPLOYMENTS) as api:
        for path, asked, expected in ANSWERS:
            status, document = ask(api, asked.replace("{blob}", blob))
            assert status == expected, asked
            yield HOME + path, status, document


def test_each_answer_is_one_that_github_describes(repository: Repository, description: Description) -> None:
    for path, status, document in answers(repository):
        assert not description.mistakes(path, status, document), path
    assert {path for path, _, status in ANSWERS if status == 200} == GitHub.routes.keys()


@pytest.mark.parametrize(
    ("permissions", "token", "status"), [((), TOKEN, 403), (("contents", "actions", "deployments"), "wrong", 401)]
)
def test_each_refusal_is_one_that_github_describes(
    repository: Repository, description: Description, permissions: tuple[str, ...], token: str, status: int
) -> None:
    with GitHubApi(repository.folder, permissions=permissions) as api:
        for path in GitHub.routes:
            said = ask(api, path.replace("{ref}", "heads/main").replace("{", "").replace("}", ""), token=token)
            assert said[0] == status
            assert not description.mistakes(HOME + path, *said), path


def odd(document: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """Yield the document with one field named otherwise, and with what no field holds, for each field anywhere."""
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        if isinstance(document, dict):
            yield {name: one for name, one in document.items() if name != key} | {f"{key}_": value}
            if key != "payload":  # which is whatever its deployer likes
                yield document | {key: {"odd": 1}}
        for worse in odd(value) if isinstance(value, dict | list) else ():
            changed = copy.copy(document)
            changed[key] = worse
            yield changed


def test_a_wrong_answer_is_seen(repository: Repository, description: Description) -> None:
    seen = 0
    for path, status, document in answers(repository):
        for wrong in odd(document[:1] if isinstance(document, list) else document):
            assert description.mistakes(path, status, wrong), (path, wrong)
            seen += 1
    assert seen > 300


def test_what_it_reads_is_what_github_takes(repository: Repository, description: Description) -> None:
    """The client sends nothing else: for a parameter that no route names there is 501, which no test of it expects."""
    for path, (_, _, read) in GitHub.routes.items():
        assert read <= description.parameters(HOME + path)
    with GitHubApi(repository.folder) as api:
        assert ask(api, "/git/trees/main?page=2")[0] == 501
        assert ask(api, "/pulls")[0] == 404


def test_deployments_are_listed_by_environment_newest_first_and_so_is_what_was_said(repository: Repository) -> None:
    with GitHubApi(repository.folder, deployments=DEPLOYMENTS) as api:
        listed = ask(api, "/deployments?environment=production")[1]
        said = ask(api, "/deployments/2/statuses")[1]
    assert [(one["id"], one["updated_at"][-3:]) for one in listed] == [(2, "02Z"), (1, "00Z")]
    assert [one["state"] for one in said] == ["success", "in_progress"]


class TestGitea:
    def test_pages_of_a_tree_make_the_whole(self, repository: Repository) -> None:
        with GitHubApi(repository.folder, flavour="gitea", page_size=3) as gitea, GitHubApi(repository.folder) as api:
            whole = ask(api, "/git/trees/main?recursive=1")[1]["tree"]
            pages = [ask(gitea, f"/git/trees/main?recursive=1&page={number}")[1] for number in (1, 2, 3, 4)]
            assert len(ask(gitea, "/git/trees/main?recursive=1&per_page=2")[1]["tree"]) == 2
        assert [page["truncated"] for page in pages] == [True, True, False, False]
        assert {page["total_count"] for page in pages} == {len(whole)} == {7}
        assert pages[3]["tree"] is None
        found = [entry for page in pages[:3] for entry in page["tree"]]
        assert [entry["path"] for entry in found] == [entry["path"] for entry in whole]
        assert {(entry["url"], entry["size"]) for entry in found if entry["type"] == "commit"} == {("", 0)}

    @pytest.mark.parametrize(("path", "status"), [
        ("/git/refs/tags/v1", 200), ("/git/commits/feature%2Fx", 200), ("/git/commits/feature/x", 404),
        (f"/git/commits/{NOBODY}", 404), (f"/git/trees/{NOBODY}", 400), ("/commits/main", 404),
    ])  # fmt: skip
    def test_paths_of_its_own(self, repository: Repository, path: str, status: int) -> None:
        with GitHubApi(repository.folder, flavour="gitea") as api:
            said, document = ask(api, path)
        assert (said, "url" in document) == (status, True)
        assert api.requests[0].path.startswith("/api/v1/repos/")
