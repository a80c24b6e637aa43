"""Whole runs with only `token` and `base-url`: what changed is found out from the event, the checkout or the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sandbox.github import GitHubApi, Run
from sandbox.runner import Step, run_step
from tests.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

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
        given = {"token": token, "api_url": cdn.api_url, "base_url": "https://static.example.com/"}
        given |= {"github_token": GITHUB_TOKEN if api else "", "root": "public", **inputs}
        environ = {
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": sha,
            "GITHUB_REPOSITORY": "owner/site",
            "GITHUB_REF_NAME": "main",
            "GITHUB_WORKFLOW_REF": "owner/site/.github/workflows/purge.yml@refs/heads/main",
            "GITHUB_RUN_ATTEMPT": str(attempt),
            **({"GITHUB_API_URL": api.url} if api else {}),
        }
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

    @pytest.mark.parametrize("root", ["public", "public/deep", "link", ":(glob)*", "-d"])
    @pytest.mark.parametrize("files", ["", "src/a"], ids=["commits", "a list"])
    @pytest.mark.parametrize("place", ["checkout", "api"])
    def test_one_that_is_there_may_stay_as_it_is(
        self, run: RunStep, site: Repository, workspace: Path, root: str, files: str, place: str
    ) -> None:
        (site.folder / "link").symlink_to("public")
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


@pytest.mark.parametrize("since", ["main", "HEAD", "sha"])
def test_a_branch_is_not_compared_with_itself(run: RunStep, cdn: Sandbox, site: Repository, since: str) -> None:
    before, after = history(site)
    site.git("update-ref", "refs/remotes/origin/HEAD", after)
    since = after if since == "sha" else since
    step = run(site.folder, "push", {"before": before, "after": after}, sha=after, since=since)
    assert (step.exit_code, cdn.calls) == (2, ())
    assert f"::error title=ztpurge::since: '{since}' is what this run is of" in step.log


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
