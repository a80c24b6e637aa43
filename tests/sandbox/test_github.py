"""The stand-in for GitHub's API over real sockets and real repositories, its answers held against git's own."""

import base64
import gzip
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import FrozenInstanceError, dataclass
from http.client import HTTPConnection, HTTPMessage, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox import Fault
from sandbox.github import Flavour, GitHubApi, Release, Run

TOKEN = "gh-token"
CLIENT = {"User-Agent": "ztpurge", "Authorization": f"Bearer {TOKEN}"}
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
NOBODY = "0123456789abcdef0123456789abcdef01234567"
SUBMODULE = "89abcdef0123456789abcdef0123456789abcdef"
UNUSUAL = (
    "a b.html",
    'q"uote.html',
    "tab\there.html",
    "line\nbreak.html",
    "back\\slash.html",
    "café/ünï.html",
    "-x",
    "#.html",
)
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Heard:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def document(self) -> Any:  # noqa: ANN401  whatever JSON it is
        plain = gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body
        return json.loads(plain)


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
        }
        command = ["git", "-C", str(self.folder), *AUTHOR, *arguments]
        return subprocess.run(command, input=stdin, check=True, capture_output=True, env=environment).stdout

    def sha(self, name: str) -> str:
        return self.git("rev-parse", "--verify", name).decode().strip()

    def write(self, *names: str | bytes) -> None:
        for name in names:
            file = self.folder / os.fsdecode(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"content of " + os.fsencode(name))

    def commit(self, message: str = "c") -> str:
        self.git("add", "-A")
        return self.commit_index(message)

    def commit_index(self, message: str = "c") -> str:
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.sha("HEAD")

    def tree(self, name: str, *options: str) -> list[dict[str, Any]]:
        """What git itself says, in the words of the API."""
        entries = []
        for line in self.git("ls-tree", "-z", "--long", *options, name).split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, kind, sha, size = facts.decode().split()
            entry = {"path": path.decode(errors="replace"), "mode": mode, "type": kind, "sha": sha}
            entries.append(entry | ({"size": int(size)} if kind == "blob" else {}))
        return entries


def make(folder: Path, *options: str) -> Repository:
    folder.mkdir()
    made = Repository(folder)
    made.git("init", "-q", "-b", "main", *options)
    return made


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make(tmp_path / "site")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = make(tmp_path_factory.mktemp("template") / "site")
    made.write("index.html", "css/a.css", "css/deep/er/b.css", "run.sh", *UNUSUAL, b"bad\xff.html", b"\xe9t\xe9/x.html")
    (made.folder / "run.sh").chmod(0o755)
    (made.folder / "link.html").symlink_to("index.html")
    made.git("add", "-A")
    made.git("update-index", "--add", "--cacheinfo", f"160000,{SUBMODULE},vendor/theme")
    made.commit_index("all kinds of entries")
    return made


@pytest.fixture
def filled(template: Repository, tmp_path: Path) -> Repository:
    shutil.copytree(template.folder, tmp_path / "filled", symlinks=True)
    return Repository(tmp_path / "filled")


def ask(api: GitHubApi, path: str, *, headers: Mapping[str, str] = CLIENT, method: str = "GET") -> Heard:
    base = urlsplit(api.url)
    connection = HTTPConnection(base.netloc, timeout=30)
    try:
        connection.request(method, base.path + path, headers=dict(headers))
        with connection.getresponse() as response:
            return Heard(response.status, response.headers, response.read())
    finally:
        connection.close()


def about(api: GitHubApi, rest: str, *, headers: Mapping[str, str] = CLIENT) -> Heard:
    return ask(api, f"/repos/owner/site{rest}", headers=headers)


def bare(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "url"} for entry in entries]


class TestTrees:
    def test_a_recursive_answer_is_what_git_lists(self, filled: Repository) -> None:
        with GitHubApi(filled.folder, token=TOKEN) as api:
            heard = about(api, f"/git/trees/{filled.sha('HEAD')}?recursive=1")
            base = api.url
        document = heard.document
        tree = filled.sha("HEAD^{tree}")
        assert heard.status == 200
        assert heard.headers["Content-Type"] == "application/json; charset=utf-8"
        assert document["sha"] == tree
        assert document["url"] == f"{base}/repos/owner/site/git/trees/{tree}"
        assert document["truncated"] is False
        assert bare(document["tree"]) == filled.tree("HEAD", "-r", "-t")
        assert {entry["mode"] for entry in document["tree"]} == {"100644", "100755", "120000", "040000", "160000"}

    def test_one_level_without_recursive(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            assert bare(about(api, "/git/trees/main").document["tree"]) == filled.tree("HEAD")

    @pytest.mark.parametrize("query", ["recursive=0", "recursive=false", "recursive=", "recursive"])
    def test_any_value_of_recursive_means_yes(self, filled: Repository, query: str) -> None:
        with GitHubApi(filled.folder) as api:
            assert bare(about(api, f"/git/trees/main?{query}").document["tree"]) == filled.tree("HEAD", "-r", "-t")

    def test_names_are_text(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            document = about(api, "/git/trees/main?recursive=1").document
        paths = {entry["path"] for entry in document["tree"]}
        assert paths >= {*UNUSUAL, "bad\ufffd.html", "\ufffdt\ufffd/x.html"}

    def test_urls_lead_to_objects(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            entries = {entry["path"]: entry for entry in about(api, "/git/trees/main").document["tree"]}
            css = entries["css"]
            below = ask(api, css["url"].removeprefix(api.url)).document
        assert bare(below["tree"]) == filled.tree("HEAD:css")
        assert entries["index.html"]["url"].endswith(f"/git/blobs/{entries['index.html']['sha']}")

    def test_a_submodule_has_no_url(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            entries = about(api, "/git/trees/main?recursive=1").document["tree"]
        assert [entry for entry in entries if entry["type"] == "commit"] == [
            {"path": "vendor/theme", "mode": "160000", "type": "commit", "sha": SUBMODULE}
        ]

    @pytest.mark.parametrize("suffix", ["", "?recursive=1"])
    def test_more_entries_than_allowed_are_cut_off(self, filled: Repository, suffix: str) -> None:
        everything = filled.tree("HEAD", *(("-r", "-t") if suffix else ()))
        with GitHubApi(filled.folder, truncate_at=3) as api:
            document = about(api, f"/git/trees/main{suffix}").document
        assert document["truncated"] is True
        assert bare(document["tree"]) == everything[:3]

    def test_just_as_many_entries_as_allowed_are_whole(self, filled: Repository) -> None:
        everything = filled.tree("HEAD", "-r", "-t")
        with GitHubApi(filled.folder, truncate_at=len(everything)) as api:
            document = about(api, "/git/trees/main?recursive=1").document
        assert document["truncated"] is False
        assert bare(document["tree"]) == everything

    def test_an_empty_tree(self, repository: Repository) -> None:
        commit = repository.commit_index()
        with GitHubApi(repository.folder) as api:
            for name in (commit, EMPTY_TREE):
                heard = about(api, f"/git/trees/{name}?recursive=1")
                assert (heard.status, heard.document["tree"], heard.document["sha"]) == (200, [], EMPTY_TREE)

    @pytest.mark.parametrize(
        "name", [NOBODY, "no-branch", "main~0", "main@{0}", "HEAD:css", ":/all", "..", "-x", "%0a", "a%20b"]
    )
    def test_an_unknown_tree(self, filled: Repository, name: str) -> None:
        with GitHubApi(filled.folder) as api:
            heard = about(api, f"/git/trees/{name}")
        assert heard.status == 404
        assert heard.document.keys() == {"message", "documentation_url", "status"}
        assert (heard.document["message"], heard.document["status"]) == ("Not Found", "404")

    def test_a_blob_is_no_tree(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            assert about(api, f"/git/trees/{filled.sha('HEAD:index.html')}").status == 404

    def test_a_bare_repository_and_a_hostile_environment(
        self, filled: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        filled.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
        monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "nonsense")
        with GitHubApi(tmp_path / "bare.git") as api:
            assert bare(about(api, "/git/trees/main").document["tree"]) == filled.tree("HEAD")

    def test_a_repository_of_longer_hashes(self, tmp_path: Path) -> None:
        made = make(tmp_path / "long", "--object-format=sha256")
        made.write("a.css")
        commit = made.commit()
        with GitHubApi(made.folder) as api:
            assert bare(about(api, f"/git/trees/{commit}").document["tree"]) == made.tree("HEAD")
            assert about(api, f"/commits/{commit[:9]}").document["sha"] == commit


class TestCommits:
    @pytest.fixture
    def tagged(self, filled: Repository) -> Repository:
        filled.git("tag", "light")
        filled.git("tag", "-a", "-m", "v1", "v1")
        filled.git("branch", "feature/new-look")
        filled.git("branch", "b\u00fcro")
        return filled

    @pytest.mark.parametrize(
        "name",
        [
            *("main", "light", "v1", "tags/v1", "heads/main", "refs/heads/main", "HEAD"),
            *("feature/new-look", "feature%2Fnew-look", "b%C3%BCro"),
        ],
    )
    def test_names_of_a_commit(self, tagged: Repository, name: str) -> None:
        with GitHubApi(tagged.folder) as api:
            heard = about(api, f"/commits/{name}")
            tree = about(api, f"/git/trees/{name}")
        assert heard.document["sha"] == tagged.sha("HEAD")
        assert heard.document["commit"]["tree"]["sha"] == tree.document["sha"] == tagged.sha("HEAD^{tree}")

    def test_hashes_of_a_commit(self, tagged: Repository) -> None:
        commit = tagged.sha("HEAD")
        with GitHubApi(tagged.folder) as api:
            for name in (commit, commit[:7], tagged.sha("v1")):
                assert about(api, f"/commits/{name}").document["sha"] == commit

    def test_a_branch_goes_before_a_tag_and_part_of_a_hash(self, repository: Repository) -> None:
        old = repository.commit_index("old")
        new = repository.commit_index("new")
        repository.git("tag", "both", old)
        repository.git("branch", "both", new)
        repository.git("branch", old[:7], new)
        with GitHubApi(repository.folder) as api:
            for name in ("both", old[:7]):
                assert about(api, f"/commits/{name}").document["sha"] == new

    @pytest.mark.parametrize("media", ["application/vnd.github.sha", "application/vnd.github.v3.sha, */*"])
    def test_the_hash_alone(self, tagged: Repository, media: str) -> None:
        with GitHubApi(tagged.folder) as api:
            heard = about(api, "/commits/v1", headers={**CLIENT, "Accept": media})
        assert heard.body.decode() == tagged.sha("HEAD")
        assert heard.headers["Content-Type"] == "application/vnd.github.sha; charset=utf-8"

    @pytest.mark.parametrize("name", [NOBODY, "no/branch", "v1^"])
    def test_an_unknown_commit(self, tagged: Repository, name: str) -> None:
        with GitHubApi(tagged.folder) as api:
            heard = about(api, f"/commits/{name}")
        assert heard.status == 422
        assert heard.document["message"] == f"No commit found for SHA: {name}"

    @pytest.mark.parametrize("flavour", ["github", "gitea"])
    @pytest.mark.parametrize(
        ("name", "kind"),
        [("heads/main", "commit"), ("heads/feature/new-look", "commit"), ("tags/light", "commit"), ("tags/v1", "tag")],
    )
    def test_what_a_ref_points_to(self, tagged: Repository, flavour: Flavour, name: str, kind: str) -> None:
        with GitHubApi(tagged.folder, flavour=flavour) as api:
            found = about(api, f"/git/{'ref' if flavour == 'github' else 'refs'}/{name}").document
        assert (found["ref"], found["object"]["type"]) == (f"refs/{name}", kind)
        assert found["object"]["sha"] == tagged.sha(f"refs/{name}")

    @pytest.mark.parametrize("name", ["heads/light", "tags/main", "heads/feature", "tags/v1%5E%7B%7D", "tags/.."])
    def test_an_unknown_ref(self, tagged: Repository, name: str) -> None:
        with GitHubApi(tagged.folder) as api:
            assert about(api, f"/git/ref/{name}").status == 404

    def test_a_tree_is_no_commit(self, tagged: Repository) -> None:
        with GitHubApi(tagged.folder) as api:
            assert about(api, f"/commits/{tagged.sha('HEAD^{tree}')}").status == 422


RUNS = (
    Run(head_sha="6" * 40, run_id=6, status="in_progress", conclusion=None),
    Run(head_sha="5" * 40, run_id=5, conclusion="failure"),
    Run(head_sha="4" * 40, run_id=4, branch="feature/x"),
    Run(head_sha="3" * 40, run_id=3, event="workflow_dispatch"),
    Run(head_sha="2" * 40, run_id=2, workflow="other.yml"),
    Run(head_sha="1" * 40, run_id=1, head_repository="fork/site"),
)


class TestRuns:
    @pytest.mark.parametrize(
        ("query", "ids", "total"),
        [
            ("", [6, 5, 4, 3, 1], 5),
            ("?branch=main", [6, 5, 3, 1], 4),
            ("?branch=feature%2Fx", [4], 1),
            ("?status=success", [4, 3, 1], 3),
            ("?status=completed&branch=", [5, 4, 3, 1], 4),
            ("?status=in_progress", [6], 1),
            ("?event=push&branch=main&status=success&per_page=1", [1], 1),
            (f"?head_sha={'5' * 40}", [5], 1),
            ("?per_page=2", [6, 5], 5),
            ("?per_page=2&page=2", [4, 3], 5),
            ("?per_page=2&page=9", [], 5),
            ("?per_page=many&page=-1", [6, 5, 4, 3, 1], 5),
        ],
    )
    def test_newest_first_filtered_and_paged(
        self, repository: Repository, query: str, ids: list[int], total: int
    ) -> None:
        with GitHubApi(repository.folder, runs=RUNS) as api:
            document = about(api, f"/actions/workflows/purge.yml/runs{query}").document
        assert [run["id"] for run in document["workflow_runs"]] == ids
        assert document["total_count"] == total

    def test_what_is_said_about_a_run(self, repository: Repository) -> None:
        with GitHubApi(repository.folder, runs=RUNS) as api:
            run = about(api, "/actions/workflows/purge.yml/runs").document["workflow_runs"][-1]
        assert run == {
            "id": 1,
            "run_number": 1,
            "head_sha": "1" * 40,
            "head_branch": "main",
            "event": "push",
            "status": "completed",
            "conclusion": "success",
            "run_attempt": 1,
            "created_at": "2026-01-01T00:01:00Z",
            "run_started_at": "2026-01-01T00:01:00Z",
            "updated_at": "2026-01-01T00:01:00Z",
            "path": ".github/workflows/purge.yml",
            "head_repository": {"full_name": "fork/site"},
            "repository": {"full_name": "owner/site"},
        }

    def test_no_more_than_a_hundred_a_page(self, repository: Repository) -> None:
        with GitHubApi(repository.folder, runs=RUNS[:1] * 101) as api:
            for query, count in (("?per_page=500", 100), ("", 30)):
                document = about(api, f"/actions/workflows/purge.yml/runs{query}").document
                assert (len(document["workflow_runs"]), document["total_count"]) == (count, 101)

    def test_a_workflow_that_never_ran_is_known_by_its_file(self, repository: Repository) -> None:
        repository.write(".github/workflows/purge.yml")
        repository.commit()
        with GitHubApi(repository.folder) as api:
            assert about(api, "/actions/workflows/purge.yml/runs").document == {"total_count": 0, "workflow_runs": []}
            for unknown in ("deploy.yml", "%0a"):
                assert about(api, f"/actions/workflows/{unknown}/runs").status == 404


RELEASES = (
    Release("v3", draft=True),
    Release("v2", prerelease=True, published_at="2026-02-02T00:00:00Z"),
    Release("v1", published_at="2026-01-02T00:00:00Z"),
)


class TestReleases:
    def test_drafts_are_for_writers(self, repository: Repository) -> None:
        for permissions, tags in (({"contents"}, ["v2", "v1"]), ({"contents-write"}, ["v3", "v2", "v1"])):
            with GitHubApi(repository.folder, releases=RELEASES, permissions=frozenset(permissions)) as api:
                assert [one["tag_name"] for one in about(api, "/releases").document] == tags

    def test_what_is_said_about_a_release(self, repository: Repository) -> None:
        with GitHubApi(repository.folder, releases=RELEASES) as api:
            assert about(api, "/releases?per_page=1&page=2").document == [
                {
                    "tag_name": "v1",
                    "target_commitish": "main",
                    "draft": False,
                    "prerelease": False,
                    "created_at": "2026-01-01T00:00:00Z",
                    "published_at": "2026-01-02T00:00:00Z",
                }
            ]


class TestWhoMay:
    @pytest.mark.parametrize("scheme", ["Bearer", "token", "bearer"])
    def test_both_schemes(self, filled: Repository, scheme: str) -> None:
        with GitHubApi(filled.folder, token=TOKEN) as api:
            assert about(api, "/commits/main", headers={**CLIENT, "Authorization": f"{scheme} {TOKEN}"}).status == 200

    @pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
    def test_a_missing_or_wrong_token(self, filled: Repository, sent: Mapping[str, str]) -> None:
        with GitHubApi(filled.folder, token=TOKEN) as api:
            heard = about(api, "/commits/main", headers={"User-Agent": "ztpurge", **sent})
        assert (heard.status, heard.document["message"]) == (401, "Bad credentials")

    @pytest.mark.parametrize(
        ("path", "permission"),
        [
            ("/git/trees/main", "contents"),
            ("/commits/main", "contents"),
            ("/releases", "contents"),
            ("/actions/workflows/purge.yml/runs", "actions"),
        ],
    )
    def test_a_missing_permission(self, filled: Repository, path: str, permission: str) -> None:
        others = frozenset({"contents", "actions"} - {permission})
        with GitHubApi(filled.folder, permissions=others) as api:
            heard = about(api, path)
        assert (heard.status, heard.document["message"]) == (403, "Resource not accessible by integration")
        assert heard.headers["x-accepted-github-permissions"] == f"{permission}=read"

    def test_a_client_without_a_name(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            heard = about(api, "/commits/main", headers={"Authorization": f"Bearer {TOKEN}"})
        assert heard.status == 403
        assert b"User-Agent" in heard.body

    def test_the_rate_limit_counts_down_to_a_refusal(self, filled: Repository) -> None:
        with GitHubApi(filled.folder, rate_limit=(2, 1_800_000_000)) as api:
            heard = [about(api, "/commits/main") for _ in range(4)]
            unsigned = about(api, "/commits/main", headers={"User-Agent": "ztpurge"})
        assert [one.status for one in heard] == [200, 200, 403, 403]
        assert [one.headers["x-ratelimit-remaining"] for one in heard] == ["1", "0", "0", "0"]
        assert {one.headers["x-ratelimit-reset"] for one in (*heard, unsigned)} == {"1800000000"}
        assert heard[-1].document["message"] == "API rate limit exceeded for installation."
        assert unsigned.status == 401

    def test_no_rate_limit_unless_set(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            assert "x-ratelimit-remaining" not in about(api, "/commits/main").headers


class TestAnswers:
    @pytest.mark.parametrize(
        "path",
        [
            *(
                "/",
                "/repos",
                "/repos/owner/site",
                "/repos/owner/other/releases",
                "/repos/owner/site/pulls",
                "/rate_limit",
            ),
            *("/repos/owner/site/git/trees", "/repos/owner/site/actions/runs", "/api/v1/repos/owner/site/releases"),
        ],
    )
    def test_other_paths_are_not_found(self, filled: Repository, path: str) -> None:
        with GitHubApi(filled.folder) as api:
            heard = ask(api, path)
        assert (heard.status, heard.document["message"]) == (404, "Not Found")

    @pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
    def test_other_methods_are_not_found(self, filled: Repository, method: str) -> None:
        with GitHubApi(filled.folder) as api:
            assert ask(api, "/repos/owner/site/releases", method=method).status == 404

    def test_the_name_counts_in_any_case(self, filled: Repository) -> None:
        with GitHubApi(filled.folder, name="Owner/Site") as api:
            assert about(api, "/commits/main").status == 200

    def test_long_answers_are_compressed_for_those_who_can(self, filled: Repository) -> None:
        path = "/git/trees/main?recursive=1"
        willing = {**CLIENT, "Accept-Encoding": "br, gzip"}
        with GitHubApi(filled.folder) as api:
            plain, compressed, short = (
                about(api, path),
                about(api, path, headers=willing),
                about(api, "/commits/main", headers=willing),
            )
        assert (plain.headers["Content-Encoding"], short.headers["Content-Encoding"]) == (None, None)
        assert compressed.headers["Content-Encoding"] == "gzip"
        assert len(compressed.body) < len(plain.body)
        assert compressed.document == plain.document

    def test_requests_are_recorded_in_order(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            about(api, "/git/trees/main?recursive=1")
            about(api, "/commits/none")
        assert [(one.method, one.path, one.status) for one in api.requests] == [
            ("GET", "/repos/owner/site/git/trees/main?recursive=1", 200),
            ("GET", "/repos/owner/site/commits/none", 422),
        ]
        assert api.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in repr(api.requests)
        with pytest.raises(FrozenInstanceError):
            api.requests[0].status = 500  # type: ignore[misc]

    def test_many_at_once(self, filled: Repository) -> None:
        heard: list[int] = []
        with GitHubApi(filled.folder, rate_limit=(5, 0)) as api:
            threads = [
                threading.Thread(target=lambda: heard.append(about(api, "/commits/main").status)) for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(heard) == [200] * 5 + [403] * 3
        assert sorted(one.status or 0 for one in api.requests) == sorted(heard)

    def test_what_is_no_http(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            connection = HTTPConnection(urlsplit(api.url).netloc, timeout=30)
            connection.request("GET", "/", headers={"Content-Length": "no"})
            with connection.getresponse() as response:
                assert response.status == 400
                response.read()
            connection.close()
            idle = HTTPConnection(urlsplit(api.url).netloc, timeout=30)
            idle.connect()
            idle.close()
        assert api.requests == ()


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "status", "body"),
        [
            (Fault("status"), 503, b'{"message": "Service Unavailable"}'),
            (Fault("status", status=599), 599, b'{"message": "Server Error"}'),
            (Fault("status", status=429, body='{"message": "slow"}'), 429, b'{"message": "slow"}'),
            (Fault("status", status=502, body="<h1>Unicorn!</h1>"), 502, b"<h1>Unicorn!</h1>"),
            (Fault("redirect", location="/elsewhere"), 302, b""),
            (Fault("redirect", status=301, location="/elsewhere"), 301, b""),
        ],
    )
    def test_scripted_answers(self, filled: Repository, fault: Fault, status: int, body: bytes) -> None:
        with GitHubApi(filled.folder) as api:
            api.add_faults(fault)
            heard = about(api, "/commits/main")
            assert (heard.status, heard.body) == (status, body)
            assert heard.headers["Location"] == (fault.location or None)
            assert about(api, "/commits/main").status == 200
        assert [one.status for one in api.requests] == [status, 200]

    def test_an_html_page_and_headers(self, filled: Repository) -> None:
        faults = (Fault("html", headers=(("Retry-After", "7"), ("content-type", "text/plain"))),)
        with GitHubApi(filled.folder, faults=faults) as api:
            heard = about(api, "/commits/main")
        assert (heard.status, heard.headers["Retry-After"]) == (200, "7")
        assert heard.headers.get_all("Content-Type") == ["text/plain"]
        assert b"<title>" in heard.body

    def test_a_path_restricts(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            api.add_faults(Fault("status", path="/repos/owner/site/git/trees"), Fault("status", status=500, times=2))
            heard = [about(api, path).status for path in ("/commits/main", "/git/trees/main", "/releases", "/releases")]
        assert heard == [500, 503, 500, 200]

    @pytest.mark.parametrize("kind", ["reset", "truncated"])
    def test_no_whole_answer(self, filled: Repository, kind: str) -> None:
        with GitHubApi(filled.folder) as api:
            api.add_faults(Fault(kind))
            with pytest.raises((ConnectionError, IncompleteRead)):
                about(api, "/commits/main")
        assert [one.status for one in api.requests] == [None]

    def test_hanging_for_a_while(self, filled: Repository) -> None:
        with GitHubApi(filled.folder) as api:
            api.add_faults(Fault("hang", seconds=0))
            assert about(api, "/commits/main").status == 200

    def test_leaving_ends_what_hangs(self, filled: Repository) -> None:
        def wait_for_ever() -> None:
            with suppress(ConnectionError):
                about(api, "/commits/main")

        with GitHubApi(filled.folder) as api:
            api.add_faults(Fault("hang", seconds=600))
            thread = threading.Thread(target=wait_for_ever)
            thread.start()
            while not api.requests:
                thread.join(0.001)
        thread.join()
        assert [one.status for one in api.requests] == [None]

    def test_faults_of_the_cdn_are_refused(self, filled: Repository) -> None:
        api = GitHubApi(filled.folder)
        with pytest.raises(ValueError, match="no-reqid"):
            api.add_faults(Fault("no-reqid"))


QUERIES = ("", "?sha=v1&limit=1", "?sha=feature/x&limit=1", "?sha=feature%2Fx&limit=1&page=2")


class TestGitea:
    def test_pages_of_a_tree_make_the_whole(self, filled: Repository) -> None:
        everything = filled.tree("HEAD", "-r", "-t")
        collected: list[dict[str, Any]] = []
        with GitHubApi(filled.folder, flavour="gitea", page_size=4) as api:
            for number in range(1, 100):
                page = about(api, f"/git/trees/main?recursive=1&page={number}").document
                collected += page["tree"]
                assert (page["page"], page["total_count"]) == (number, len(everything))
                if not page["truncated"]:
                    break
        assert len(collected) == len(everything)
        assert [entry["path"] for entry in collected] == [entry["path"] for entry in everything]
        assert [entry["size"] for entry in collected] == [entry.get("size", 0) for entry in everything]
        assert {entry["url"] for entry in collected if entry["type"] == "commit"} == {""}

    @pytest.mark.parametrize(
        ("query", "count", "truncated"),
        [
            ("", 5, True),
            ("?per_page=2", 2, True),
            ("?per_page=0", 5, True),
            ("?per_page=9999&page=0", 5, True),
            ("?recursive=false", 5, True),
            ("?per_page=5&page=2", 2, False),
        ],
    )
    def test_the_size_of_a_page(self, repository: Repository, query: str, count: int, *, truncated: bool) -> None:
        repository.write(*(f"{number}.css" for number in range(6)), "below/a.css", "below/b.css")
        repository.commit()
        with GitHubApi(repository.folder, flavour="gitea", page_size=5) as api:
            document = about(api, f"/git/trees/main{query}").document
        assert (len(document["tree"]), document["truncated"], document["total_count"]) == (count, truncated, 7)

    def test_a_thousand_entries_a_page(self, repository: Repository) -> None:
        blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
        index = "".join(f"100644 {blob}\t{number}.css\n" for number in range(1001))
        repository.git("update-index", "--index-info", stdin=index.encode())
        repository.commit_index()
        with GitHubApi(repository.folder, flavour="gitea") as api:
            document = about(api, "/git/trees/main?per_page=2000").document
        assert (len(document["tree"]), document["truncated"]) == (1000, True)

    def test_nothing_on_a_page_is_null(self, filled: Repository) -> None:
        with GitHubApi(filled.folder, flavour="gitea") as api:
            beyond = about(api, "/git/trees/main?page=2").document
            empty = about(api, f"/git/trees/{EMPTY_TREE}").document
        assert (beyond["tree"], beyond["truncated"]) == (None, False)
        assert (empty["tree"], empty["truncated"], empty["total_count"]) == (None, False, 0)

    def test_commits(self, repository: Repository) -> None:
        old = repository.commit_index("old")
        repository.git("tag", "v1")
        new = repository.commit_index("new")
        repository.git("branch", "feature/x")
        with GitHubApi(repository.folder, flavour="gitea") as api:
            single = about(api, "/git/commits/v1").document
            assert (single["sha"], single["commit"]["tree"]["sha"]) == (old, EMPTY_TREE)
            assert about(api, "/git/commits/feature%2Fx").document["sha"] == new
            shas = {query: [one["sha"] for one in about(api, f"/commits{query}").document] for query in QUERIES}
        assert shas == {
            "": [new, old],
            "?sha=v1&limit=1": [old],
            "?sha=feature/x&limit=1": [new],
            "?sha=feature%2Fx&limit=1&page=2": [old],
        }

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            (f"/git/trees/{NOBODY}", 400),
            (f"/git/commits/{NOBODY}", 404),
            ("/commits?sha=none&limit=1", 404),
            ("/commits/main", 404),
            ("/git/commits/feature/x", 404),
            ("/actions/workflows/purge.yml/runs", 404),
        ],
    )
    def test_what_is_not_there(self, repository: Repository, path: str, status: int) -> None:
        repository.commit_index()
        with GitHubApi(repository.folder, flavour="gitea", runs=RUNS) as api:
            heard = about(api, path)
        assert heard.status == status
        assert "url" in heard.document

    def test_releases(self, repository: Repository) -> None:
        with GitHubApi(repository.folder, flavour="gitea", releases=RELEASES) as api:
            assert [one["tag_name"] for one in about(api, "/releases?limit=1&page=2").document] == ["v1"]

    def test_the_api_is_below_its_own_path(self, filled: Repository) -> None:
        with GitHubApi(filled.folder, flavour="gitea") as api:
            assert api.url.endswith("/api/v1")
            about(api, "/git/trees/main")
            outside = HTTPConnection(urlsplit(api.url).netloc, timeout=30)
            outside.request("GET", "/repos/owner/site/releases", headers=CLIENT)
            with outside.getresponse() as response:
                assert response.status == 404
                response.read()
            outside.close()
        assert api.requests[0].path == "/api/v1/repos/owner/site/git/trees/main"

    def test_who_may(self, filled: Repository) -> None:
        unnamed = {"Authorization": f"token {TOKEN}"}
        with GitHubApi(filled.folder, flavour="gitea", permissions=frozenset({"actions"})) as api:
            assert about(api, "/git/trees/main", headers=unnamed).status == 403
            assert about(api, "/git/trees/main", headers={}).status == 401


@pytest.mark.parametrize("flavour", ["github", "gitea"])
def test_a_blob_is_given_in_base64(repository: Repository, flavour: Flavour) -> None:
    repository.write("a")
    repository.commit()
    sha = repository.sha("HEAD:a")
    with GitHubApi(repository.folder, flavour=flavour) as api:
        document = about(api, f"/git/blobs/{sha}").document
        assert about(api, f"/git/blobs/{'0' * 40}").status == 404
    assert base64.b64decode(document["content"]) == b"content of a"
    assert (document["sha"], document["size"], document["encoding"]) == (sha, 12, "base64")
