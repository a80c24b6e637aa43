"""Whole runs with only `token` and `base-url`: what changed is found out from the event, the checkout or the API."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from tests.standins.github import GitHubApi, Run
from tests.standins.repositories import Repository
from tests.whole.steps import run_inside as run_step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from sandbox.runner import Step

    RunStep = Callable[..., Step]

GITHUB_TOKEN = "gh-token-that-nobody-may-see"
ZEROS = "0" * 40


@pytest.fixture
def site(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "site")


@pytest.fixture
def run(cdn: Sandbox, token: str, tmp_path: Path) -> RunStep:
    def run(
        workspace: Path,
        name: str,
        payload: object,
        *,
        api: GitHubApi | None = None,
        sha: str = "",
        attempt: int = 1,
        **inputs: str,
    ) -> Step:
        event = tmp_path / "event.json"
        event.write_text(json.dumps(payload))
        environ = {
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": sha,
            "GITHUB_REPOSITORY": "owner/site",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REF_NAME": "main",
            "GITHUB_WORKFLOW_REF": "owner/site/.github/workflows/purge.yml@refs/heads/main",
            "GITHUB_RUN_ATTEMPT": str(attempt),
            **({"GITHUB_API_URL": api.url} if api else {}),
            **{
                f"GITHUB_{key.upper()}": inputs.pop(key)
                for key in ("run_id", "run_number", "ref_type")
                if key in inputs
            },
            **{key: inputs.pop(key) for key in ("PATH",) if key in inputs},
        }
        given = {"token": token, "api_url": cdn.api_url, "base_url": "https://static.example.com/"}
        given |= {"github_token": GITHUB_TOKEN if api else "", "root": "public", **inputs}
        return run_step(workspace, {key.replace("_", "-"): value for key, value in given.items()}, environ=environ)

    return run


def purged(cdn: Sandbox) -> list[str]:
    return sorted(
        entry.removeprefix("https://static.example.com/") for call in cdn.purge_calls for entry in call.entries
    )


def history(site: Repository) -> tuple[str, str]:
    before = site.commit(
        {"public/edited.css": "1", "public/old 春.html": "x" * 99, "public/gone/index.html": "1", "src/a": "1"}
    )
    after = site.commit(
        {"public/edited.css": "2", "public/old 春.html": None, "public/new.html": "x" * 99, "src/a": "2"}
        | {"public/gone/index.html": None}
    )
    return before, after


CHANGED = ["edited.css", "gone/", "gone/index.html", "new.html", "old%20%E6%98%A5.html"]


def test_a_push_purges_what_it_changed(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    before, after = history(site)
    step = run(site.folder, "push", {"before": before, "after": after})
    assert (step.exit_code, purged(cdn), step.outputs["skipped-count"]) == (0, CHANGED, "1")
    assert f"push: from {before[:12]} to {after[:12]}, by the checkout" in step.log


@pytest.mark.parametrize("depth", ["shallow", "none"])
def test_without_the_commits_the_api_is_asked(
    run: RunStep, cdn: Sandbox, site: Repository, workspace: Path, depth: str
) -> None:
    before, after = history(site)
    if depth == "shallow":
        workspace.rmdir()
        site.git("clone", "--quiet", "--depth=1", f"file://{site.folder}", str(workspace))
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        step = run(workspace, "push", {"before": before, "after": after}, api=api)
    assert (step.exit_code, purged(cdn)) == (0, CHANGED)
    assert "by GitHub's API" in step.log
    assert step.log.startswith("::add-mask::")
    assert GITHUB_TOKEN not in step.log.replace(f"::add-mask::{GITHUB_TOKEN}", "")


def test_a_shallow_checkout_without_a_token_is_red_and_says_what_to_do(
    run: RunStep, cdn: Sandbox, site: Repository, workspace: Path
) -> None:
    before, after = history(site)
    workspace.rmdir()
    site.git("clone", "--quiet", "--depth=1", f"file://{site.folder}", str(workspace))
    step = run(workspace, "push", {"before": before, "after": after})
    assert (step.exit_code, cdn.calls) == (2, ())
    assert "::error title=ztpurge::since: " in step.log
    assert "fetch-depth: 0" in step.log


@pytest.mark.parametrize("verify", ["true", "false"])
def test_without_a_token_nobody_is_told_to_give_what_they_gave(
    run: RunStep, cdn: Sandbox, site: Repository, workspace: Path, verify: str
) -> None:
    before, after = history(site)
    asked = {"since": "last-success"} if verify == "false" else {"files": "public/a", "verify": "true"}
    where = site.folder if verify == "false" else workspace
    step = run(where, "push", {"before": before, "after": after}, **asked)
    assert "the checkout does not tell what is to be compared" in step.log
    assert "cannot be asked without `github-token`. Give that, or" in step.log
    assert "files-from" not in step.log


def test_a_new_branch_purges_all_its_files(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    head = site.commit({"public/a": "1", "public/b/c": "1", "src/d": "1"})
    step = run(site.folder, "push", {"before": ZEROS, "after": head, "created": True})
    assert (step.exit_code, purged(cdn)) == (0, ["a", "b/c"])
    assert run(site.folder, "push", {"before": ZEROS, "after": head}, max_urls="1").exit_code == 2


def test_a_deleted_branch_purges_nothing(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    head = site.commit({"public/a": "1"})
    step = run(site.folder, "push", {"before": head, "after": ZEROS, "deleted": True})
    assert (step.exit_code, step.outputs["result"], cdn.calls) == (0, "nothing", ())
    assert "deleted" in step.log


@pytest.mark.parametrize("name", ["workflow_dispatch", "schedule", "repository_dispatch"])
def test_a_run_by_hand_needs_to_know_since_when(run: RunStep, cdn: Sandbox, site: Repository, name: str) -> None:
    before, after = history(site)
    step = run(site.folder, name, {}, sha=after)
    assert (step.exit_code, cdn.calls) == (2, ())
    assert "does not say what was served before" in step.log
    site.git("tag", "live", before)
    assert run(site.folder, name, {}, sha=after, since="live").exit_code == 0
    assert purged(cdn) == CHANGED


def test_a_run_after_one_that_failed_purges_for_both(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    served = site.commit({"public/a": "1", "public/b": "1"})
    failed = site.commit({"public/a": "2"})
    head = site.commit({"public/b": "2"})
    runs = (Run(failed, conclusion="failure"), Run(served))
    with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=runs) as api:
        step = run(site.folder, "push", {"before": failed, "after": head}, api=api, since="last-success")
    assert (step.exit_code, purged(cdn)) == (0, ["a", "b"])
    assert len(api.requests) == 1


def test_a_revert_of_what_a_failed_run_deployed_is_purged(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    served = site.commit({"public/a": "1"})
    deployed = site.commit({"public/a": "2"})
    head = site.commit({"public/a": "1"})
    runs = (Run(deployed, conclusion="failure"), Run(served))
    with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=runs) as api:
        step = run(site.folder, "schedule", {}, sha=head, api=api, since="last-success")
    assert (step.exit_code, purged(cdn)) == (0, ["a"])


def test_failed_jobs_of_an_older_run_that_succeed_at_last_hide_no_failure(
    run: RunStep, cdn: Sandbox, site: Repository
) -> None:
    served = site.commit({"public/a": "1", "public/b": "1", "public/c": "1"})
    older, lost, head = (site.commit({f"public/{name}": "2"}) for name in "abc")
    # the run of `older` failed, and so did that of `lost`; then failed jobs of `older` were run again, long after
    runs = (
        Run(head, run_id=9, status="in_progress", conclusion=None),
        Run(lost, run_id=8, conclusion="failure"),
        Run(older, run_id=7, attempt=2, started_at="2026-01-02T00:00:00Z"),
        Run(served, run_id=6),
    )
    with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=runs) as api:
        step = run(site.folder, "workflow_dispatch", {}, api=api, sha=head, since="last-success", run_id="9")
    assert (step.exit_code, purged(cdn)) == (0, ["b", "c"])


def test_a_run_of_the_same_commit_that_failed_is_no_first_run(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    before = site.commit({"public/a": "1", "public/b": "1"})
    head = site.commit({"public/a": "2"})
    runs = (Run(head, run_id=9, status="in_progress", conclusion=None), Run(head, run_id=8, conclusion="failure"))
    with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=runs) as api:
        event = {"before": before, "after": head}
        step = run(site.folder, "push", event, api=api, since="last-success", run_id="9")
        assert (step.exit_code, purged(cdn)) == (0, ["a", "b"])  # what was served before that run is not known
        step = run(site.folder, "push", event, api=api, since="last-success", run_id="8")
    assert step.exit_code == 0


def test_a_branch_s_run_is_no_success_of_a_tag_s(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    before, after = history(site)
    site.git("tag", "v1", before)
    runs = [Run(after, branch="main", run_id=2), Run(before, branch="v1", run_id=1)]  # the tag's alone may deploy
    with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=runs) as api:
        new_tag = {"before": ZEROS, "after": after}
        step = run(site.folder, "push", new_tag, api=api, ref_type="tag", run_id="3", since="last-success")
    assert (step.exit_code, purged(cdn)) == (0, CHANGED)


def test_last_success_without_its_permission_says_which(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    before, after = history(site)
    with GitHubApi(site.folder, token=GITHUB_TOKEN, permissions=("contents",)) as api:
        step = run(site.folder, "push", {"before": before, "after": after}, api=api, since="last-success")
    assert (step.exit_code, cdn.calls) == (2, ())
    assert "Give the job the permission `actions: read`" in step.log.replace("&#96;", "`")
    assert "fetch-depth" not in step.log


def add_submodule(site: Repository, name: str, commit: str) -> str:
    site.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{name}")
    site.git("commit", "--quiet", "--message=submodule")
    return site.git("rev-parse", "HEAD")


@pytest.mark.parametrize("place", ["checkout", "api"])
def test_a_submodule_that_moved_is_skipped_with_a_warning(
    run: RunStep, cdn: Sandbox, site: Repository, workspace: Path, place: str
) -> None:
    site.commit({"public/a": "1", "src/x": "1"})
    add_submodule(site, "src/elsewhere", "1" * 40)
    before = add_submodule(site, "public/game", "1" * 40)
    site.git("update-index", "--cacheinfo", f"160000,{'2' * 40},src/elsewhere")
    after = add_submodule(site, "public/game", "2" * 40)
    event = {"before": before, "after": after}
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        step = run(site.folder if place == "checkout" else workspace, "push", event, api=api)
        excluded = run(workspace, "push", event, api=api, exclude="game")
    assert (step.exit_code, step.outputs["result"], step.outputs["skipped-count"]) == (0, "nothing", "2")
    assert "no file changed" not in step.log
    (warning,) = [line for line in step.log.splitlines() if line.startswith("::warning")]
    assert "what is served below it may be stale: public/game (a submodule" in warning
    assert "elsewhere" not in warning
    assert "::warning" not in excluded.log


@pytest.mark.parametrize("place", ["checkout", "api"])
def test_links_to_what_changed_are_purged_or_warned_of(
    run: RunStep, cdn: Sandbox, site: Repository, workspace: Path, place: str
) -> None:
    site.write({"public/v1/a": "1", "public/v2/a": "1", "src/style.css": "1"})
    for name, target in {"latest": "v2", "old": "v1", "style.css": "../src/style.css"}.items():
        (site.folder / "public" / name).symlink_to(target)
    before = site.commit()
    after = site.commit({"public/v2/a": "2", "src/style.css": "2"})
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        folder = site.folder if place == "checkout" else workspace
        step = run(folder, "push", {"before": before, "after": after}, api=api)
        assert (step.exit_code, purged(cdn)) == (0, ["style.css", "v2/a"])
        (warning,) = [line for line in step.log.splitlines() if line.startswith("::warning")]
        assert "public/latest (a symbolic link to a folder where files changed)" in warning
        (site.folder / "public/latest").unlink()
        (site.folder / "public/latest").symlink_to("v1")
        step = run(folder, "push", {"before": after, "after": site.commit()}, api=api)
    assert "public/latest (a symbolic link that changed, and may lead to a folder)" in step.log


@pytest.mark.parametrize("listed", ["public/game", "public/latest"])
def test_what_is_no_file_in_a_list_is_skipped_with_a_warning(
    run: RunStep, cdn: Sandbox, site: Repository, listed: str
) -> None:
    site.write({"public/v1/a": "1", "public/game/a": "1"})
    (site.folder / "public/latest").symlink_to("v1")
    step = run(site.folder, "push", {}, files=f"{listed}\npublic/v1/a")
    assert (step.exit_code, purged(cdn)) == (0, ["v1/a"])
    assert f"what is served below it may be stale: {listed} (a folder" in step.log


def test_a_folder_in_the_place_of_a_listed_file_is_none_to_warn_of(
    run: RunStep, cdn: Sandbox, site: Repository
) -> None:
    site.write({"public/page/a": "1"})
    step = run(site.folder, "push", {}, files="public/page\npublic/page/a")
    assert (step.exit_code, purged(cdn), "::warning" in step.log) == (0, ["page", "page/a"], False)


def test_links_to_what_a_list_names_are_purged_or_warned_of(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    site.write({"src/a.css": "1", "src/deep/b": "1", "public/own": "1"})
    for name, target in {"a.css": "../src/a.css", "deep": "../src/deep"}.items():
        (site.folder / "public" / name).symlink_to(target)
    site.commit()
    step = run(site.folder, "push", {}, files="src/a.css\nsrc/deep/b")
    assert (step.exit_code, purged(cdn)) == (0, ["a.css"])
    assert "public/deep (a symbolic link to a folder where files changed)" in step.log


@pytest.mark.parametrize(
    ("files", "warned"),
    [
        pytest.param("a.css\nREADME", True, id="from root on"),
        pytest.param("README\npublic/a.css", False, id="from the top folder on"),
        pytest.param("README\ngone", False, id="outside"),
        pytest.param("both", False, id="there, too"),
    ],
)
def test_a_list_that_begins_at_root_is_warned_of(run: RunStep, site: Repository, files: str, warned: bool) -> None:
    site.commit({"public/a.css": "1", "public/both": "1", "both": "1", "README": "1"})
    step = run(site.folder, "push", {}, files=files)
    assert (step.exit_code, "but public/a.css is there. Do the names begin at `root`?" in step.log) == (0, warned)


def test_a_file_in_the_place_of_a_submodule_is_purged_and_warned_of(
    run: RunStep, cdn: Sandbox, site: Repository
) -> None:
    site.commit({"public/a": "1"})
    before = add_submodule(site, "public/game", "1" * 40)
    site.git("rm", "--quiet", "--cached", "public/game")
    after = site.commit({"public/game": "a file now"})
    step = run(site.folder, "push", {"before": before, "after": after})
    assert (step.exit_code, purged(cdn)) == (0, ["game"])
    assert "public/game (a submodule" in step.log


@pytest.mark.parametrize("place", ["checkout", "api"])
@pytest.mark.parametrize("root", ["public", "public/sub/folder"])
@pytest.mark.parametrize("kind", ["a submodule", "a symbolic link"])
def test_a_root_that_is_no_folder_is_refused(
    run: RunStep, cdn: Sandbox, site: Repository, workspace: Path, kind: str, root: str, place: str
) -> None:
    before = site.commit({"dist/a": "1"})
    if kind == "a submodule":
        after = add_submodule(site, "public", "1" * 40)
    else:
        (site.folder / "public").symlink_to("dist")
        after = site.commit({"dist/a": "2"})
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        folder = site.folder if place == "checkout" else workspace
        step = run(folder, "push", {"before": before, "after": after}, api=api, root=root)
    assert (step.exit_code, cdn.calls) == (2, ())
    assert f"::error title=ztpurge::root: public is {kind} in the repository" in step.log


def test_what_is_no_file_in_a_build_is_skipped_with_one_warning(
    run: RunStep, cdn: Sandbox, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (workspace / "public").mkdir()
    (workspace / "public/a.css").write_text("1")
    for name, target in {"out": str(tmp_path / "elsewhere"), "nothing": "none", "fine": "a.css"}.items():
        (workspace / "public" / name).symlink_to(target)
    os.mkfifo(workspace / "public/pipe")
    for purges in (["a.css", "fine"], ["a.css", "fine"]):  # the second time nothing differs
        step = run(workspace, "push", {}, manifest="m.json", run_id="1")
        assert (step.exit_code, purged(cdn), step.outputs["skipped-count"]) == (0, purges, "3")
        (warning,) = [line for line in step.log.splitlines() if line.startswith("::warning") and "may be stale" in line]
        for words in ("nothing (a link to nothing)", "out (a link out of the workspace)", "pipe (a named pipe)"):
            assert f"public/{words}" in warning
    assert step.outputs["result"] == "nothing"


def test_a_manifest_from_a_desk_is_not_trusted_in_a_workflow(run: RunStep, cdn: Sandbox, workspace: Path) -> None:
    (workspace / "public").mkdir()
    (workspace / "public/a.css").write_text("1")
    results = []
    for number in ("", "", "7", "8"):
        step = run(workspace, "push", {}, manifest="m.json", run_number=number)
        results.append((step.outputs["result"], "was written outside a workflow's run" in step.log))
    assert results == [("purged", False), ("nothing", False), ("purged", True), ("nothing", False)]


def test_an_id_that_is_an_option_writes_nothing(run: RunStep, cdn: Sandbox, site: Repository, tmp_path: Path) -> None:
    before, after = history(site)
    witness = tmp_path / "witness"
    evil = f"--output={witness}"
    runs = (Run(evil, run_id=8),)
    with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=runs) as api:
        step = run(site.folder, "push", {"before": before, "after": after}, api=api, since="last-success", run_id="9")
        assert (step.exit_code, cdn.calls, witness.exists()) == (2, (), False)
        assert "it answered no runs" in step.log
        odd = Fault("status", status=200, path="/repos/owner/site/commits", body=json.dumps({"sha": evil}), times=9)
        api.add_faults(odd)
        step = run(site.folder, "push", {"before": before, "after": after}, api=api, since="v1")
    assert (step.exit_code, cdn.calls, witness.exists()) == (2, (), False)
    assert "it answered no commit" in step.log


@pytest.mark.parametrize("path", ["", ":", ".", "{folder}", "{folder}/bin"])
def test_the_repository_s_own_git_is_not_run(
    run: RunStep, cdn: Sandbox, site: Repository, tmp_path: Path, path: str
) -> None:
    before, after = history(site)
    for place in ("git", "bin/git"):
        site.write({place: f"#!/bin/sh\n: > {tmp_path}/witness\n"})
        (site.folder / place).chmod(0o755)
    spelled = f"{path.format(folder=site.folder)}:{os.environ['PATH']}"
    step = run(site.folder, "push", {"before": before, "after": after}, PATH=spelled)
    assert (step.exit_code, purged(cdn)) == (0, CHANGED)
    assert not (tmp_path / "witness").exists()


def test_a_push_that_changes_nothing_served_needs_no_checkout_and_warns_of_nothing(
    run: RunStep, cdn: Sandbox, site: Repository, workspace: Path
) -> None:
    before = site.commit({"public/a": "1", "src/b": "1"})
    after = site.commit({"src/b": "2"})
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        step = run(workspace, "push", {"before": before, "after": after}, api=api, verify="true", prefetch="true")
    assert (step.exit_code, step.outputs["result"], cdn.calls) == (0, "nothing", ())
    assert "::warning" not in step.log
    assert len(api.requests) == 2  # the two trees


def test_without_a_base_url_it_is_said_that_files_are_not_looked_at(
    run: RunStep, cdn: Sandbox, site: Repository
) -> None:
    before, after = history(site)
    push = {"before": before, "after": after}
    given = {"base_url": "", "urls": "https://static.example.com/a"}
    for root, level in (("", "notice"), ("public", "warning")):
        step = run(site.folder, "push", push, root=root, **given)
        assert (step.exit_code, {*purged(cdn)}) == (0, {"a"})
        assert f"::{level} title=ztpurge::base-url is empty" in step.log


def test_an_event_that_cannot_be_read_is_red(run: RunStep, cdn: Sandbox, site: Repository, tmp_path: Path) -> None:
    step = run(site.folder, "push", ["no", "object"])
    assert (step.exit_code, cdn.calls) == (2, ())
    assert "before of the event push is not a commit" in step.log


def test_urls_alone_need_no_event(run: RunStep, cdn: Sandbox, workspace: Path) -> None:
    step = run(workspace, "schedule", {}, base_url="", urls="https://static.example.com/a")
    assert (step.exit_code, purged(cdn)) == (0, ["a"])


class TestARootThatIsNowhere:
    """A misspelt `root`, or a build's folder that no commit has: nothing would ever be purged."""

    def is_refused(self, step: Step, cdn: Sandbox) -> bool:
        assert (step.exit_code, cdn.calls) == (2, ())
        assert "::error title=ztpurge::root: there is no folder 'dist' in what is compared" in step.log
        return "give a `manifest`" in step.log

    def test_in_the_checkout(self, run: RunStep, cdn: Sandbox, site: Repository) -> None:
        before, after = history(site)
        assert self.is_refused(run(site.folder, "push", {"before": before, "after": after}, root="dist"), cdn)

    def test_at_github(self, run: RunStep, cdn: Sandbox, site: Repository, workspace: Path) -> None:
        before, after = history(site)
        with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
            step = run(workspace, "push", {"before": before, "after": after}, api=api, root="dist")
            assert self.is_refused(step, cdn)
            assert len(api.requests) == 2  # no more than comparing takes

    def test_of_a_new_branch(self, run: RunStep, cdn: Sandbox, site: Repository) -> None:
        head = site.commit({"public/a": "1"})
        assert self.is_refused(run(site.folder, "push", {"before": ZEROS, "after": head}, root="dist"), cdn)

    def test_beside_a_list(self, run: RunStep, cdn: Sandbox, site: Repository) -> None:
        before, after = history(site)
        push = {"before": before, "after": after}
        assert self.is_refused(run(site.folder, "push", push, root="dist", files="public/edited.css"), cdn)
        assert run(site.folder, "push", push, root="dist", files="[]").exit_code == 0

    def test_a_file_is_no_folder(self, run: RunStep, cdn: Sandbox, site: Repository) -> None:
        before, after = site.commit({"dist": "1", "a": "1"}), site.commit({"a": "2"})
        assert self.is_refused(run(site.folder, "push", {"before": before, "after": after}, root="dist"), cdn)

    @pytest.mark.parametrize("root", ["public", "public/deep", ":(glob)*", "-d"])
    @pytest.mark.parametrize("files", ["", "src/a"], ids=["commits", "a list"])
    @pytest.mark.parametrize("place", ["checkout", "api"])
    def test_one_that_is_there_may_stay_as_it_is(
        self, run: RunStep, site: Repository, workspace: Path, root: str, files: str, place: str
    ) -> None:
        before = site.commit({"public/deep/a": "1", "src/a": "1", ":(glob)*/a": "1", "-d/a": "1"})
        after = site.commit({"src/a": "2"})
        folder = site.folder if place == "checkout" else workspace
        with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
            step = run(folder, "push", {"before": before, "after": after}, api=api, root=root, files=files)
        assert (step.exit_code, step.outputs["result"]) == (0, "nothing")
        assert "::warning" not in step.log

    def test_nobody_can_tell_without_the_commits(self, run: RunStep, cdn: Sandbox, workspace: Path) -> None:
        push = {"before": "a" * 40, "after": "b" * 40}
        step = run(workspace, "push", push, root="dist", files="src/a")
        assert (step.exit_code, cdn.calls) == (0, ())
        assert "::warning title=ztpurge::root: whether 'dist' is there is not known" in step.log


@pytest.mark.parametrize("name", ["include", "exclude"])
@pytest.mark.parametrize("pattern", ["public/*.css", "/public/**", "*.js\n!public/new.html"])
def test_a_pattern_that_begins_with_root_and_matches_nothing_is_refused(
    run: RunStep, cdn: Sandbox, site: Repository, name: str, pattern: str
) -> None:
    before, after = history(site)
    step = run(site.folder, "push", {"before": before, "after": after}, **{name: pattern})
    assert (step.exit_code, cdn.calls) == (2, ())
    assert f"::error title=ztpurge::{name}: " in step.log
    assert "matches nothing, since patterns are over paths below `root`. Take 'public' off" in step.log


@pytest.mark.parametrize(
    ("pattern", "warnings"),
    [
        pytest.param("public/*.css", 1, id="may be meant"),
        pytest.param("public/x/", 0, id="is meant"),
        pytest.param("*.css\npublic\npublic-x/*", 0, id="another"),
    ],
)
def test_a_pattern_that_begins_with_root_may_be_meant(
    run: RunStep, site: Repository, pattern: str, warnings: int
) -> None:
    before = site.commit({"public/public/x/kept": "1", "public/a.css": "1"})
    after = site.commit({"public/a.css": "2"} | ({"public/public/x/new": "1"} if "x/" in pattern else {}))
    step = run(site.folder, "push", {"before": before, "after": after}, include=pattern)
    assert (step.exit_code, step.log.count("::warning title=ztpurge::include: ")) == (0, warnings)


def test_without_a_checkout_a_pattern_that_begins_with_root_is_warned_of(
    run: RunStep, site: Repository, workspace: Path
) -> None:
    before, after = history(site)
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        step = run(workspace, "push", {"before": before, "after": after}, api=api, include="public/*.css")
    assert "::warning title=ztpurge::include: public/*.css is about public/public/" in step.log


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_push_that_is_run_again_may_deploy_older_files(run: RunStep, site: Repository, attempt: int) -> None:
    before, after = history(site)
    step = run(site.folder, "push", {"before": before, "after": after}, attempt=attempt)
    assert (step.exit_code, "::warning title=ztpurge::attempt 2 of this run may" in step.log) == (0, attempt > 1)


def test_a_run_is_warned_of_what_it_may_leave_stale(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    (site.folder / "public").mkdir()
    (site.folder / "public/_config.yml").touch()
    before = site.commit({"public/a,b.css": "1"})
    after = site.commit({"public/a,b.css": "2"})
    heads = {"base": {"sha": before}, "head": {"sha": after}}
    step = run(site.folder, "pull_request", {"pull_request": heads})
    assert (step.exit_code, purged(cdn)) == (0, ["a,b.css"])
    words = ("https://static.example.com/a,b.css", "`dry-run: true` for pull requests", "public/_config.yml: sources")
    warnings = [line for line in step.log.splitlines() if line.startswith("::warning")]
    assert [any(word in line for line in warnings) for word in words] == [True, True, True]
    merged = run(site.folder, "pull_request", {"pull_request": heads | {"merged": True}})
    assert "dry-run" not in merged.log


@pytest.mark.parametrize("since", ["main", "HEAD", "sha", "short sha"])
def test_a_branch_is_not_compared_with_itself(run: RunStep, cdn: Sandbox, site: Repository, since: str) -> None:
    before, after = history(site)
    site.git("update-ref", "refs/remotes/origin/HEAD", after)
    since = {"sha": after, "short sha": after[:8]}.get(since, since)
    step = run(site.folder, "push", {"before": before, "after": after}, sha=after, since=since)
    assert (step.exit_code, cdn.calls) == (2, ())
    assert f"::error title=ztpurge::since: '{since}' is what this run is of" in step.log


@pytest.mark.parametrize("since", ["heads/main", "refs/heads/main"])
def test_a_branch_is_not_compared_with_itself_by_another_name(
    run: RunStep, cdn: Sandbox, site: Repository, since: str
) -> None:
    before, after = history(site)
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        step = run(site.folder, "push", {"before": before, "after": after}, api=api, sha=after, since=since)
    assert (step.exit_code, cdn.calls) == (2, ())


def test_another_name_of_the_same_commit_may_be_compared_with(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    _, after = history(site)
    site.git("tag", "live")
    step = run(site.folder, "schedule", {}, sha=after, since="live")
    assert (step.exit_code, step.outputs["result"], cdn.calls) == (0, "nothing", ())


def test_a_branch_may_be_compared_with_on_another_one(run: RunStep, cdn: Sandbox, site: Repository) -> None:
    before, after = history(site)
    site.git("branch", "live", before)
    assert run(site.folder, "schedule", {}, sha=after, since="live").exit_code == 0
    assert purged(cdn) == CHANGED
