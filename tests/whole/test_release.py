"""A release's action.yml names the published image by digest; it is published, then the major tag moves, never back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
IMAGE = f"ghcr.io/some-owner/ztpurge@sha256:{'0a' * 32}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "image").mkdir(parents=True)
    shutil.copy(TOP / "action.yml", folder)
    shutil.copy(TOP / "image/release.sh", folder / "image")
    shutil.copy(TOP / "image/publish.sh", folder / "image")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "one")
    git(folder, "checkout", "--quiet", "--detach")
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def start_again(folder: Path, change: str | None) -> Path:
    """Check main out anew, as a later run of the workflow does, after one more change on it."""
    git(folder, "checkout", "--quiet", "main")
    if change:
        (folder / "change").write_text(change)
        git(folder, "add", "change")
        git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", change)
    git(folder, "checkout", "--quiet", "--detach")
    return folder


def release(folder: Path, version: str, image: str = IMAGE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "image/release.sh", version, image], cwd=folder, check=False, capture_output=True, text=True
    )


def test_the_tags_hold_an_action_that_runs_the_image(repository: Path) -> None:
    assert release(repository, "v1.2.3").returncode == 0
    for tag in ("v1.2.3", "v1"):
        action = yaml.safe_load(git(repository, "show", f"{tag}:action.yml"))
        assert action["runs"] == {"using": "docker", "image": f"docker://{IMAGE}"}
    assert git(repository, "diff", "--numstat", "main", "v1.2.3") == "1\t1\taction.yml\n"
    assert git(repository, "show", "main:action.yml") == (TOP / "action.yml").read_text(encoding="utf-8")


def test_the_major_tag_moves_and_versions_stay(repository: Path) -> None:
    release(repository, "v1.2.3")
    first = git(repository, "rev-parse", "v1.2.3")
    assert release(start_again(repository, "two"), "v1.3.0").returncode == 0
    assert git(repository, "rev-parse", "v1.2.3") == first
    assert git(repository, "rev-parse", "v1^{commit}") == git(repository, "rev-parse", "v1.3.0^{commit}")


@pytest.mark.parametrize(
    ("before", "version", "highest"),
    [
        pytest.param(["v1.2.0", "v1.3.0"], "v1.2.1", "v1.3.0", id="patch of an older minor"),
        pytest.param(["v1.9.0"], "v1.10.0", "v1.10.0", id="by number, not by letter"),
        pytest.param(["v1.10.0"], "v1.9.1", "v1.10.0", id="ten is more than nine"),
        pytest.param(["v2.0.0", "v10.0.0"], "v1.0.1", "v1.0.1", id="each major for itself"),
        pytest.param(["v1.0.0", "v1.5.0-rc1", "v1.x"], "v1.0.1", "v1.0.1", id="tags that are no versions"),
    ],
)
def test_the_major_tag_is_the_highest_version_of_its_major(
    repository: Path, before: list[str], version: str, highest: str
) -> None:
    for number, tag in enumerate(before):
        start_again(repository, f"{tag}, {number}")
        if release(repository, tag).returncode:  # no version: somebody's own tag
            git(repository, "tag", tag)
    assert release(start_again(repository, "the last"), version).returncode == 0
    assert git(repository, "rev-parse", "v1^{commit}") == git(repository, "rev-parse", f"{highest}^{{commit}}")


@pytest.mark.parametrize("has_tags", [True, False])
def test_a_release_can_be_made_again(repository: Path, tmp_path: Path, *, has_tags: bool) -> None:
    again = tmp_path / "again"
    git(tmp_path, "clone", "--quiet", str(repository), str(again))
    assert release(repository, "v1.2.3").returncode == 0
    if has_tags:
        git(again, "fetch", "--quiet", "--tags")
    assert release(again, "v1.2.3").returncode == 0
    for tag in ("v1.2.3^{commit}", "v1^{commit}"):
        assert git(again, "rev-parse", tag) == git(repository, "rev-parse", tag)


@pytest.mark.parametrize("other", ["source", "image"])
def test_a_version_is_released_once(repository: Path, other: str) -> None:
    release(repository, "v1.2.3")
    before = git(repository, "show-ref", "--tags", "--dereference")
    start_again(repository, "two" if other == "source" else None)
    finished = release(repository, "v1.2.3", IMAGE if other == "source" else IMAGE.replace("0a", "0b"))
    assert (finished.returncode, "take the next version" in finished.stderr) == (1, True)
    assert git(repository, "show-ref", "--tags", "--dereference") == before


@pytest.mark.parametrize(
    ("version", "image"),
    [
        pytest.param("1.2.3", IMAGE, id="no v"),
        pytest.param("v1.2", IMAGE, id="short"),
        pytest.param("v1.2.3", "ghcr.io/some-owner/ztpurge:v1.2.3", id="tag instead of digest"),
        pytest.param("v1.2.3", f"{IMAGE}|e touch x", id="injection"),
    ],
)
def test_odd_versions_and_images_are_refused(repository: Path, version: str, image: str) -> None:
    assert release(repository, version, image).returncode == 1
    assert git(repository, "tag") == ""


# `gh release` as publish.sh sees it: a file for each release says whether it is a draft; noted is each call, with the
# commit that the remote's major tag has by then
FAKE_GH = """#!/bin/sh
set -e
release=$STATE/$3
echo "$2 $(git ls-remote origin 'refs/tags/v1^{}' | cut -c 1-40)" >>"$STATE/calls"
case $2 in
  view) [ -e "$release" ]; cat "$release" ;;
  create)
    git ls-remote --exit-code origin "refs/tags/$3" >/dev/null
    printf '%s\\n' "$@" >"$STATE/created"
    case " $* " in *" --draft "*) echo true ;; *) echo false ;; esac >"$release" ;;
  edit)
    printf '%s\\n' "$@" >"$STATE/edited"
    echo false >"$release"
    if [ -n "$BREAK" ]; then exit 1; fi ;;
esac
"""


class Publisher:
    """A repository with a remote, and a stand-in for `gh`."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository = repository
        self.state = folder / "state"
        self.remote = folder / "remote.git"
        self.state.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin/gh").write_text(FAKE_GH)
        (folder / "bin/gh").chmod(0o755)
        git(folder, "init", "--quiet", "--bare", str(self.remote))
        git(repository, "remote", "add", "origin", str(self.remote))
        self._environ = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "STATE": str(self.state)}

    def publish(self, version: str, *, breaks: bool = False) -> int:
        environ = self._environ | {"BREAK": "1" if breaks else "", "GITHUB_REPOSITORY": "some-owner/ztpurge"}
        command = ["bash", "image/publish.sh", version, IMAGE]
        return subprocess.run(command, cwd=self.repository, env=environ, check=False, capture_output=True).returncode

    def published(self, tag: str) -> str:
        return git(self.remote, "rev-parse", "--verify", "--quiet", f"{tag}^{{commit}}").strip()

    def read(self, name: str) -> list[str]:
        return (self.state / name).read_text().splitlines()


@pytest.fixture
def publisher(repository: Path, tmp_path: Path) -> Publisher:
    return Publisher(repository, tmp_path)


def test_a_draft_is_published_and_then_the_major_tag_moves(publisher: Publisher) -> None:
    release(publisher.repository, "v1.2.3")
    assert publisher.publish("v1.2.3") == 0
    commit = publisher.published("v1.2.3")
    assert publisher.published("v1") == commit
    assert [call.strip() for call in publisher.read("calls")] == ["view", "create", "view", "edit"]  # no v1 until then
    assert f"- uses: some-owner/ztpurge@{commit} # v1.2.3" in publisher.read("created")
    assert {"--draft", "--verify-tag"} <= set(publisher.read("created"))
    assert {"--draft=false", "--latest=true"} <= set(publisher.read("edited"))


def test_the_major_tag_stays_where_publishing_fails_and_the_next_try_ends_it(publisher: Publisher) -> None:
    release(publisher.repository, "v1.2.3")
    publisher.publish("v1.2.3")
    before = publisher.published("v1")
    release(start_again(publisher.repository, "two"), "v1.3.0")
    assert publisher.publish("v1.3.0", breaks=True) != 0
    assert publisher.published("v1") == before
    assert publisher.publish("v1.3.0") == 0
    assert publisher.published("v1") == publisher.published("v1.3.0") != before


def test_a_patch_of_an_older_minor_is_released_without_moving_anything(publisher: Publisher) -> None:
    for version in ("v1.2.0", "v1.3.0", "v1.2.1"):
        release(start_again(publisher.repository, version), version)
        assert publisher.publish(version) == 0
    assert publisher.published("v1") == publisher.published("v1.3.0")
    assert publisher.published("v1.2.1")
    assert "--latest=false" in publisher.read("edited")


def test_the_published_image_is_pulled_and_started_not_built(tmp_path: Path) -> None:
    for name in ("docker", "python"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $* ($ZTPURGE_IMAGE)" >>"{tmp_path}/calls"\n')
        program.chmod(0o755)
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ZTPURGE_IMAGE": IMAGE}
    subprocess.run(["bash", TOP / "image/e2e.sh", tmp_path / "python"], env=environ, check=True, capture_output=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[1] for call in calls] == ["version", "pull", "build", "-m"]
    assert f"pull --quiet {IMAGE}" in calls[1]
    assert "--tag ztpurge-job:e2e" in calls[2]
    assert calls[3].endswith(f"-m engine ({IMAGE})")
