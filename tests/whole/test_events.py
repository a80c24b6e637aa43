"""Whole runs with only `token` and `base-url`: what changed is found out from the event, the checkout or the API."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from tests.standins.github import Deployment, GitHubApi, Run
from tests.standins.repositories import Repository
from tests.whole.steps import run_inside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from sandbox import Sandbox
    from sandbox.runner import Step

    Edits = Sequence[dict[str, str]]
    Runs = Sequence[tuple[int, dict[str, Any]]]

GITHUB_TOKEN = "gh-token-that-nobody-may-see"
BASE = "https://static.example.com/"
ZEROS = "0" * 40
RUNNER = {
    "GITHUB_REPOSITORY": "owner/site",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_WORKFLOW_REF": "owner/site/.github/workflows/purge.yml@refs/heads/main",
}
CHANGED = ["edited.css", "gone/", "gone/index.html", "new.html", "old%20%E6%98%A5.html"]


class Job:
    """A job of a workflow that serves the folder `public` of a site's repository."""

    def __init__(self, cdn: Sandbox, token: str, folder: Path) -> None:
        self.cdn = cdn
        self.site = Repository(folder / "site")
        self._token = token
        self._event = folder / "event.json"

    def history(self) -> tuple[str, str]:
        """Commit twice and return both commits; what the second one changed is CHANGED, and a file elsewhere."""
        files = {"public/edited.css": "1", "public/old 春.html": "x" * 99, "public/gone/index.html": "1", "src/a": "1"}
        after = {"public/edited.css": "2", "public/old 春.html": None, "public/new.html": "x" * 99, "src/a": "2"}
        return self.site.commit(files), self.site.commit(after | {"public/gone/index.html": None})

    def run(
        self,
        event: str,
        payload: object,
        *,
        at: Path | None = None,
        api: GitHubApi | None = None,
        environ: Mapping[str, str] | None = None,
        **inputs: str,
    ) -> Step:
        """Run the step for an event, in the checkout or `at` another folder, with an API that may be asked or none."""
        self._event.write_text(json.dumps(payload))
        told = RUNNER | {"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(self._event)} | dict(environ or {})
        given = {"token": self._token, "api_url": self.cdn.api_url, "base_url": BASE, "root": "public"}
        if api:
            told["GITHUB_API_URL"], given["github_token"] = api.url, GITHUB_TOKEN
        given = {name.replace("_", "-"): text for name, text in (given | inputs).items()}
        return run_inside(at or self.site.folder, given, environ=told)

    def push(self, before: str, after: str, **given: Any) -> Step:  # noqa: ANN401 - as `run` takes them
        """Run the step for a push."""
        return self.run("push", {"before": before, "after": after}, **given)

    def purged(self) -> list[str]:
        return sorted(entry.removeprefix(BASE) for call in self.cdn.purge_calls for entry in call.entries)

    def is_refused(self, step: Step, *words: str) -> bool:
        """Say whether a run ended in an error that has these words, before anybody was called."""
        assert (step.exit_code, self.cdn.calls) == (2, ())
        assert [word for word in words if word not in step.log.replace("&#96;", "`")] == []
        return True


@pytest.fixture
def job(cdn: Sandbox, token: str, tmp_path: Path) -> Job:
    return Job(cdn, token, tmp_path)


@pytest.fixture
def site(job: Job) -> Repository:
    return job.site


@pytest.fixture
def api(site: Repository) -> Iterator[GitHubApi]:
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        yield api


@pytest.fixture(params=["checkout", "api"])
def place(request: pytest.FixtureRequest, site: Repository, workspace: Path) -> Path:
    """Run a test once with a checkout and once without one, where the API is asked."""
    return site.folder if request.param == "checkout" else workspace


def make_shallow(site: Repository, workspace: Path) -> None:
    workspace.rmdir()
    site.git("clone", "--quiet", "--depth=1", f"file://{site.folder}", str(workspace))


def link(site: Repository, **links: str) -> None:
    for name, target in links.items():
        (site.folder / "public" / name.replace("_", ".")).symlink_to(target)


def warnings(step: Step) -> list[str]:
    return [line for line in step.log.splitlines() if line.startswith("::warning")]


def test_a_push_purges_what_it_changed(job: Job) -> None:
    before, after = job.history()
    step = job.push(before, after)
    assert (step.exit_code, job.purged(), step.outputs["skipped-count"]) == (0, CHANGED, "1")
    assert f"push: from {before[:12]} to {after[:12]}, by the checkout" in step.log


@pytest.mark.parametrize("is_shallow", [True, False], ids=["shallow", "none"])
def test_without_the_commits_the_api_is_asked(job: Job, api: GitHubApi, workspace: Path, is_shallow: bool) -> None:
    commits = job.history()
    if is_shallow:
        make_shallow(job.site, workspace)
        assert job.is_refused(job.push(*commits, at=workspace), "::error title=ztpurge::since: ", "fetch-depth: 0")
    step = job.push(*commits, at=workspace, api=api)
    assert (step.exit_code, job.purged()) == (0, CHANGED)
    assert "by GitHub's API" in step.log
    assert step.log.startswith("::add-mask::")
    assert GITHUB_TOKEN not in step.log.replace(f"::add-mask::{GITHUB_TOKEN}", "")


def test_without_a_token_nobody_is_told_to_give_what_they_gave(job: Job, workspace: Path) -> None:
    commits = job.history()
    for step in (
        job.push(*commits, since="last-success"),
        job.push(*commits, at=workspace, files="public/a", verify="true"),
    ):
        assert "the checkout does not tell what is to be compared" in step.log
        assert "cannot be asked without `github-token`. Give that, or" in step.log
        assert "files-from" not in step.log


def test_a_new_branch_purges_all_its_files(job: Job) -> None:
    head = job.site.commit({"public/a": "1", "public/b/c": "1", "src/d": "1"})
    assert job.is_refused(job.push(ZEROS, head, max_urls="1"))
    assert (job.push(ZEROS, head).exit_code, job.purged()) == (0, ["a", "b/c"])


def test_a_deleted_branch_purges_nothing(job: Job) -> None:
    step = job.push(job.site.commit({"public/a": "1"}), ZEROS)
    assert (step.exit_code, step.outputs["result"], job.cdn.calls) == (0, "nothing", ())
    assert "deleted" in step.log


@pytest.mark.parametrize("name", ["workflow_dispatch", "schedule", "repository_dispatch"])
def test_a_run_by_hand_needs_to_know_since_when(job: Job, name: str) -> None:
    before, after = job.history()
    environ = {"GITHUB_SHA": after}
    assert job.is_refused(job.run(name, {}, environ=environ), "does not say what was served before")
    job.site.git("tag", "live", before)
    assert (job.run(name, {}, environ=environ, since="live").exit_code, job.purged()) == (0, CHANGED)


LOST, NOW = {"conclusion": "failure"}, {"status": "in_progress", "conclusion": None}
A, B, C, OLD_A = {"public/a": "2"}, {"public/b": "2"}, {"public/c": "2"}, {"public/a": "1"}


# fmt: off
LAST_SUCCESS = [  # what each commit after the first changes, and the runs: of which commit, and how
    pytest.param((A, B), 1, [(1, LOST), (0, {})], {}, "a b", id="the run before failed"),
    pytest.param((A, OLD_A), None, [(1, LOST), (0, {})], {}, "a", id="a revert of what a failed run deployed"),
    # the run of A failed, and so did that of B; then failed jobs of A were run again, long after
    pytest.param((A, B, C), None, [(3, NOW | {"run_id": 9}), (2, LOST | {"run_id": 8}),
                                   (1, {"run_id": 7, "attempt": 2, "started_at": "2026-01-02T00:00:00Z"}),
                                   (0, {"run_id": 6})], {"GITHUB_RUN_ID": "9"}, "b c", id="older jobs succeed at last"),
    # what was served before the first of both is not known
    pytest.param((A,), 0, [(1, NOW | {"run_id": 9}), (1, LOST | {"run_id": 8})], {"GITHUB_RUN_ID": "9"}, "a b c",
                 id="a run of the same commit failed, which is no first run"),
]
# fmt: on


@pytest.mark.parametrize(("edits", "before", "runs", "environ", "purged"), LAST_SUCCESS)
def test_since_the_last_success_all_counts_that_may_have_been_deployed(
    job: Job, edits: Edits, before: int | None, runs: Runs, environ: dict[str, str], purged: str
) -> None:
    commits = [job.site.commit(files) for files in (dict.fromkeys(("public/a", "public/b", "public/c"), "1"), *edits)]
    event = "workflow_dispatch" if before is None else "push"
    payload = {} if before is None else {"before": commits[before], "after": commits[-1]}
    listed = [Run(commits[number], **how) for number, how in runs]
    with GitHubApi(job.site.folder, token=GITHUB_TOKEN, runs=listed) as api:
        environ = {"GITHUB_SHA": commits[-1], **environ}
        step = job.run(event, payload, api=api, environ=environ, since="last-success")
    assert (step.exit_code, job.purged(), len(api.requests)) == (0, purged.split(), 1)


def test_a_branch_s_run_is_no_success_of_a_tag_s(job: Job) -> None:
    before, after = job.history()
    job.site.git("tag", "v1", before)
    runs = [Run(after, branch="main", run_id=2), Run(before, branch="v1", run_id=1)]  # the tag's alone may deploy
    with GitHubApi(job.site.folder, token=GITHUB_TOKEN, runs=runs) as api:
        environ = {"GITHUB_REF_TYPE": "tag", "GITHUB_RUN_ID": "3"}
        step = job.push(ZEROS, after, api=api, environ=environ, since="last-success")
    assert (step.exit_code, job.purged()) == (0, CHANGED)


def test_last_success_without_its_permission_says_which(job: Job) -> None:
    with GitHubApi(job.site.folder, token=GITHUB_TOKEN, permissions=("contents",)) as api:
        step = job.push(*job.history(), api=api, since="last-success")
    assert job.is_refused(step, "Give the job the permission `actions: read`")
    assert "fetch-depth" not in step.log


class TestADeployment:
    """Each environment has its own deployments; what was deployed and not purged for is made up for."""

    def deploy(self, *made: tuple[str, str, str]) -> list[Deployment]:
        """Deploy commits to environments, an hour apart, with what came of it."""
        return [
            Deployment(
                number, sha, environment, f"2026-01-01T{number:02}:00:00Z",
                ((10 * number, "in_progress", f"2026-01-01T{number:02}:10:00Z"),
                 (10 * number + 1, state, f"2026-01-01T{number:02}:20:00Z")),
            )
            for number, (sha, environment, state) in enumerate(made, start=1)
        ]  # fmt: skip

    def purged(self, deployment: Deployment, how: str = "success") -> Run:
        created = deployment.said[-1][2].replace(":00Z", ":05Z")
        return Run(
            deployment.sha, branch="", event="deployment_status", conclusion=how, created_at=created,
            run_id=deployment.id,
        )  # fmt: skip

    def run(
        self,
        job: Job,
        deployments: list[Deployment],
        *,
        runs: Sequence[Run] = (),
        permissions: Collection[str] = ("contents", "actions", "deployments"),
        at: Path | None = None,
        since: str = "event",
    ) -> tuple[Step, GitHubApi]:
        """Run the step for the last of the deployments."""
        last = deployments[-1]
        deployment = {"id": last.id, "sha": last.sha, "environment": last.environment, "task": "deploy"}
        payload = {"deployment": deployment, "deployment_status": {"id": last.said[-1][0], "state": "success"}}
        environ = {"GITHUB_SHA": last.sha, "GITHUB_REF": "", "GITHUB_REF_NAME": "", "GITHUB_RUN_ID": "99"}
        with GitHubApi(
            job.site.folder, token=GITHUB_TOKEN, deployments=deployments, runs=runs[::-1], permissions=permissions
        ) as api:
            return job.run("deployment_status", payload, at=at, api=api, environ=environ, since=since), api

    def commits(self, job: Job) -> list[str]:
        """Commit files a, b, c, each changed by the commit after, and one that nobody serves yet."""
        first = dict.fromkeys(("public/a", "public/b", "public/c", "public/d"), "1")
        return [job.site.commit(files) for files in (first, A, B, C, {"public/d": "2"})]

    def test_is_compared_with_the_last_of_its_environment(self, job: Job, place: Path) -> None:
        first, a, b, c, _ = self.commits(job)
        deployments = self.deploy((first, "production", "success"), (a, "staging", "success"),
                                  (b, "production", "failure"), (c, "staging", "success"),
                                  (c, "production", "success"))  # fmt: skip
        step, _ = self.run(job, deployments, at=place)
        assert (step.exit_code, job.purged()) == (0, ["a", "b", "c"])
        assert f"deployment_status: from {first[:12]}, {b[:12]}, {c[:12]} to {c[:12]}" in step.log

    def test_back_to_an_earlier_commit_undoes_what_came_since(self, job: Job) -> None:
        _, a, b, *_ = self.commits(job)
        deployments = self.deploy(*((commit, "production", "success") for commit in (a, b, a)))
        assert (self.run(job, deployments)[0].exit_code, job.purged()) == (0, ["b"])

    def test_the_first_one_purges_all_files(self, job: Job) -> None:
        first, a, *_ = self.commits(job)
        step, _ = self.run(job, self.deploy((a, "staging", "success"), (first, "production", "success")))
        assert (step.exit_code, job.purged()) == (0, ["a", "b", "c", "d"])

    def test_since_the_last_purge_counts_what_was_deployed_and_not_purged(self, job: Job, place: Path) -> None:
        first, a, b, c, d = self.commits(job)
        deployments = self.deploy(*((commit, "production", "success") for commit in (first, a, b, c)))
        others = self.deploy((d, "staging", "success"))
        runs = [self.purged(deployments[0]), self.purged(deployments[1], "failure"), self.purged(others[0])]
        runs.append(self.purged(deployments[2], "cancelled"))
        step, api = self.run(job, deployments, runs=runs, at=place, since="last-success")
        assert (step.exit_code, job.purged()) == (0, ["a", "b", "c"])
        asked = [request.path for request in api.requests if "/git/trees/" not in request.path]
        assert len(asked) == 6  # deployments, what was said of each, and the runs

    def test_a_purge_for_the_same_commit_elsewhere_proves_nothing(self, job: Job) -> None:
        first, a, b, *_ = self.commits(job)
        made = [(first, "production", "success"), (a, "production", "success"), (a, "staging", "success")]
        deployments = self.deploy(*made, (b, "production", "success"))
        runs = [self.purged(one, how) for one, how in zip(deployments, ("success", "failure", "success"), strict=False)]
        assert (self.run(job, deployments, runs=runs, since="last-success")[0].exit_code, job.purged()) == (
            0,
            ["a", "b"],
        )

    @pytest.mark.parametrize("lacking", ["deployments", "actions"])
    def test_takes_permissions(self, job: Job, lacking: str) -> None:
        has = {"contents", "actions", "deployments"} - {lacking}
        deployments = self.deploy((self.commits(job)[0], "production", "success"))
        step, _ = self.run(job, deployments, permissions=has, since="last-success")
        assert job.is_refused(step, f"Give the job the permission `{lacking}: read`")
        assert "fetch-depth" not in step.log

    def test_that_names_nothing_is_red(self, job: Job) -> None:
        self.commits(job)
        for payload in ({}, {"deployment": {"sha": "--output=x"}}, {"deployment": {"sha": "1" * 40}}):
            assert job.is_refused(job.run("deployment_status", payload), "::error title=ztpurge::since: ")


def add_submodule(site: Repository, name: str, commit: str) -> str:
    site.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{name}")
    site.git("commit", "--quiet", "--message=submodule")
    return site.git("rev-parse", "HEAD")


def test_a_submodule_that_moved_is_skipped_with_a_warning(job: Job, api: GitHubApi, place: Path) -> None:
    job.site.commit({"public/a": "1", "src/x": "1"})
    add_submodule(job.site, "src/elsewhere", "1" * 40)
    before = add_submodule(job.site, "public/game", "1" * 40)
    job.site.git("update-index", "--cacheinfo", f"160000,{'2' * 40},src/elsewhere")
    after = add_submodule(job.site, "public/game", "2" * 40)
    step = job.push(before, after, at=place, api=api)
    assert (step.exit_code, step.outputs["result"], step.outputs["skipped-count"]) == (0, "nothing", "2")
    assert "no file changed" not in step.log
    (warning,) = warnings(step)
    assert "what is served below it may be stale: public/game (a submodule" in warning
    assert "elsewhere" not in warning
    assert warnings(job.push(before, after, at=place, api=api, exclude="game")) == []


def test_a_file_in_the_place_of_a_submodule_is_purged_and_warned_of(job: Job) -> None:
    job.site.commit({"public/a": "1"})
    before = add_submodule(job.site, "public/game", "1" * 40)
    job.site.git("rm", "--quiet", "--cached", "public/game")
    step = job.push(before, job.site.commit({"public/game": "a file now"}))
    assert (step.exit_code, job.purged(), "public/game (a submodule" in step.log) == (0, ["game"], True)


def test_links_to_what_changed_are_purged_or_warned_of(job: Job, api: GitHubApi, place: Path) -> None:
    job.site.write({"public/v1/a": "1", "public/v2/a": "1", "src/style.css": "1"})
    link(job.site, latest="v2", old="v1", style_css="../src/style.css")
    before, after = job.site.commit(), job.site.commit({"public/v2/a": "2", "src/style.css": "2"})
    step = job.push(before, after, at=place, api=api)
    assert (step.exit_code, job.purged()) == (0, ["style.css", "v2/a"])
    (warning,) = warnings(step)
    assert "public/latest (a symbolic link to a folder where files changed)" in warning
    (job.site.folder / "public/latest").unlink()
    link(job.site, latest="v1")
    step = job.push(after, job.site.commit(), at=place, api=api)
    assert "public/latest (a symbolic link that changed, and may lead to a folder)" in step.log


FOLDER = "what is served below it may be stale: public/{} (a folder"
LISTS = [
    pytest.param("public/game public/v1/a", "v1/a", FOLDER.format("game"), id="a submodule"),
    pytest.param("public/latest public/v1/a", "v1/a", FOLDER.format("latest"), id="a link to a folder"),
    pytest.param("public/v1 public/v1/a", "v1 v1/a", "", id="a file that a folder replaced"),
    pytest.param("src/a.css", "a.css", "", id="a file that a link leads to"),
    pytest.param("src/b/c", "", "public/deep (a symbolic link to a folder where files changed)", id="below a link"),
    pytest.param("a.css README", "", "but public/a.css is there. Do the names begin at `root`?", id="below root"),
    pytest.param("README public/v1/a", "v1/a", "", id="from the top folder on"),
    pytest.param("README gone", "", "", id="outside"),
    pytest.param("both", "", "", id="outside, with a namesake below root"),
]


@pytest.mark.parametrize(("listed", "purged", "warning"), LISTS)
def test_a_list_is_purged_or_warned_of(job: Job, listed: str, purged: str, warning: str) -> None:
    files = ("public/v1/a", "public/v2/a", "public/game/a", "public/both", "src/a.css", "src/b/c", "both", "README")
    job.site.write(dict.fromkeys(files, "1"))
    link(job.site, latest="v2", a_css="../src/a.css", deep="../src/b")
    job.site.commit()
    step = job.run("push", {}, files=listed.replace(" ", "\n"))
    assert (step.exit_code, job.purged()) == (0, purged.split())
    assert [warning in line for line in warnings(step)] == [True] * bool(warning)


@pytest.mark.parametrize("root", ["public", "public/sub/folder"])
@pytest.mark.parametrize("kind", ["a submodule", "a symbolic link"])
def test_a_root_that_is_no_folder_is_refused(job: Job, api: GitHubApi, place: Path, kind: str, root: str) -> None:
    before = job.site.commit({"dist/a": "1"})
    if kind == "a submodule":
        after = add_submodule(job.site, "public", "1" * 40)
    else:
        (job.site.folder / "public").symlink_to("dist")
        after = job.site.commit({"dist/a": "2"})
    step = job.push(before, after, at=place, api=api, root=root)
    assert job.is_refused(step, f"::error title=ztpurge::root: public is {kind} in the repository")


def test_what_is_no_file_in_a_build_is_skipped_with_one_warning(job: Job, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    job.site.write({"public/a.css": "1"})
    link(job.site, out=str(tmp_path / "elsewhere"), nothing="none", fine="a.css")
    os.mkfifo(job.site.folder / "public/pipe")
    for result in ("purged", "nothing"):
        step = job.run("push", {}, manifest="m.json", environ={"GITHUB_RUN_ID": "1"})
        assert (step.exit_code, step.outputs["result"], step.outputs["skipped-count"]) == (0, result, "3")
        assert job.purged() == ["a.css", "fine"]
        (warning,) = [line for line in warnings(step) if "may be stale" in line]
        for words in ("nothing (a link to nothing)", "out (a link out of the workspace)", "pipe (a named pipe)"):
            assert f"public/{words}" in warning


def test_a_manifest_from_a_desk_is_not_trusted_in_a_workflow(job: Job) -> None:
    job.site.write({"public/a.css": "1"})
    results = []
    for number in ("", "", "7", "8"):
        step = job.run("push", {}, manifest="m.json", environ={"GITHUB_RUN_NUMBER": number})
        results.append((step.outputs["result"], "was written outside a workflow's run" in step.log))
    assert results == [("purged", False), ("nothing", False), ("purged", True), ("nothing", False)]


def test_an_id_that_is_an_option_writes_nothing(job: Job, tmp_path: Path) -> None:
    commits, witness = job.history(), tmp_path / "witness"
    evil = f"--output={witness}"
    odd = Fault("status", status=200, path="/repos/owner/site/commits", body=json.dumps({"sha": evil}), times=9)
    with GitHubApi(job.site.folder, token=GITHUB_TOKEN, runs=[Run(evil, run_id=8)], faults=[odd]) as api:
        for since, words in (("last-success", "the answer holds no runs"), ("v1", "the answer holds no commit")):
            step = job.push(*commits, api=api, since=since, environ={"GITHUB_RUN_ID": "9"})
            assert job.is_refused(step, words)
    assert not witness.exists()


def test_a_push_that_changes_nothing_served_needs_no_checkout(job: Job, api: GitHubApi, workspace: Path) -> None:
    before, after = job.site.commit({"public/a": "1", "src/b": "1"}), job.site.commit({"src/b": "2"})
    step = job.push(before, after, at=workspace, api=api, verify="true", prefetch="true")
    assert (step.exit_code, step.outputs["result"], job.cdn.calls) == (0, "nothing", ())
    assert (warnings(step), len(api.requests)) == ([], 2)  # the two trees


def test_without_a_base_url_it_is_said_that_files_are_not_looked_at(job: Job) -> None:
    for payload, root, level in (({}, "", "notice"), ({"before": "?"}, "public", "warning")):  # it needs no event
        step = job.run("push", payload, root=root, base_url="", urls=f"{BASE}a")
        assert (step.exit_code, {*job.purged()}) == (0, {"a"})
        assert f"::{level} title=ztpurge::there is no base-url" in step.log


def test_an_event_that_cannot_be_read_is_red(job: Job) -> None:
    assert job.is_refused(job.run("push", ["no", "object"]), "before of the event push is not a commit")


class TestARootThatIsNowhere:
    """A misspelt `root`, or a build's folder that no commit has: nothing would ever be purged."""

    WORDS = ("::error title=ztpurge::root: there is no folder 'dist' in what is compared", "give a `manifest`")

    def test_is_refused(self, job: Job) -> None:
        before, after = job.history()
        with_file = job.site.commit({"dist": "a file is no folder"})
        for commits in ((before, after), (ZEROS, after), (after, with_file)):
            assert job.is_refused(job.push(*commits, root="dist"), *self.WORDS)
        assert job.is_refused(job.push(before, after, root="dist", files="public/edited.css"), *self.WORDS)
        assert job.push(before, after, root="dist", files="[]").exit_code == 0

    def test_is_refused_at_github(self, job: Job, api: GitHubApi, workspace: Path) -> None:
        step = job.push(*job.history(), at=workspace, api=api, root="dist")
        assert job.is_refused(step, *self.WORDS)
        assert len(api.requests) == 2  # no more than comparing takes

    @pytest.mark.parametrize("root", ["public", "public/deep", ":(glob)*", "-d"])
    @pytest.mark.parametrize("files", ["", "src/a"], ids=["commits", "a list"])
    def test_one_may_stay_as_it_is(self, job: Job, api: GitHubApi, place: Path, root: str, files: str) -> None:
        before = job.site.commit({"public/deep/a": "1", "src/a": "1", ":(glob)*/a": "1", "-d/a": "1"})
        step = job.push(before, job.site.commit({"src/a": "2"}), at=place, api=api, root=root, files=files)
        assert (step.exit_code, step.outputs["result"], warnings(step)) == (0, "nothing", [])

    def test_nobody_can_tell_without_the_commits(self, job: Job, workspace: Path) -> None:
        step = job.push("a" * 40, "b" * 40, at=workspace, root="dist", files="src/a")
        assert (step.exit_code, job.cdn.calls) == (0, ())
        assert "::warning title=ztpurge::root: whether 'dist' is there is not known" in step.log


@pytest.mark.parametrize("name", ["include", "exclude"])
@pytest.mark.parametrize("pattern", ["public/*.css", "/public/**", "*.js\n!public/new.html"])
def test_a_pattern_that_begins_with_root_and_matches_nothing_is_refused(job: Job, name: str, pattern: str) -> None:
    words = "matches nothing, since patterns are over paths below `root`. Take 'public' off"
    assert job.is_refused(job.push(*job.history(), **{name: pattern}), f"::error title=ztpurge::{name}: ", words)


MAY_BE_MEANT = [("public/*.css", 1), ("public/x/", 0), ("*.css\npublic\npublic-x/*", 0)]


@pytest.mark.parametrize(("pattern", "warned"), MAY_BE_MEANT, ids=["may be meant", "is meant", "another"])
def test_a_pattern_that_begins_with_root_may_be_meant(job: Job, pattern: str, warned: int) -> None:
    before = job.site.commit({"public/public/x/kept": "1", "public/a.css": "1"})
    after = job.site.commit({"public/a.css": "2"} | ({"public/public/x/new": "1"} if "x/" in pattern else {}))
    step = job.push(before, after, include=pattern)
    assert (step.exit_code, step.log.count("::warning title=ztpurge::include: ")) == (0, warned)


def test_without_a_checkout_a_pattern_is_warned_of(job: Job, api: GitHubApi, workspace: Path) -> None:
    step = job.push(*job.history(), at=workspace, api=api, include="public/*.css")
    assert "::warning title=ztpurge::include: public/*.css is about public/public/" in step.log


def test_a_run_is_warned_of_what_it_may_leave_stale(job: Job) -> None:
    before = job.site.commit({"public/a,b.css": "1", "public/_config.yml": ""})
    heads = {"base": {"sha": before}, "head": {"sha": job.site.commit({"public/a,b.css": "2"})}}
    step = job.run("pull_request", {"pull_request": heads})
    assert (step.exit_code, job.purged()) == (0, ["a,b.css"])
    words = (f"{BASE}a,b.css", "`dry-run: true` for pull requests", "public/_config.yml: sources")
    assert [any(word in line for line in warnings(step)) for word in words] == [True, True, True]
    merged = job.run("pull_request", {"pull_request": heads | {"merged": True}})
    again = job.push(*job.history(), environ={"GITHUB_RUN_ATTEMPT": "2"})
    told = ("`dry-run", "::warning title=ztpurge::attempt 2 of this run may")
    assert [[word in log for word in told] for log in (merged.log, again.log)] == [[False, False], [False, True]]


@pytest.mark.parametrize("since", ["main", "HEAD", "{}", "{:.8}", "heads/main", "refs/heads/main"])
def test_a_branch_is_not_compared_with_itself(job: Job, api: GitHubApi, since: str) -> None:
    before, after = job.history()
    job.site.git("update-ref", "refs/remotes/origin/HEAD", after)
    step = job.push(before, after, api=api, environ={"GITHUB_SHA": after}, since=since.format(after))
    assert job.is_refused(step, f"::error title=ztpurge::since: '{since.format(after)}' is what this run is of")


def test_another_name_may_be_compared_with_be_it_of_the_same_commit(job: Job) -> None:
    before, after = job.history()
    for commit, purged in ((after, []), (before, CHANGED)):
        job.site.git("branch", "--force", "live", commit)
        step = job.run("schedule", {}, environ={"GITHUB_SHA": after}, since="live")
        assert (step.exit_code, job.purged()) == (0, purged)
