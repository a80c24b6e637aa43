"""A release's action.yml names the published image by digest; it is published, then the major tag moves, never back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.standins.repositories import Repository

TOP = Path(__file__).resolve().parents[2]
IMAGE = f"ghcr.io/some-owner/ztpurge@sha256:{'0a' * 32}"


class Checkout(Repository):
    """What a run of the release's workflow has: a commit without a branch, action.yml and the scripts."""

    def start_again(self, change: str | None = None) -> None:
        """Check main out anew, as a later run of the workflow does, after one more change on it."""
        self.git("checkout", "--quiet", "main")
        if change:
            self.commit({"change": change})
        self.git("checkout", "--quiet", "--detach")

    def release(self, version: str, image: str = IMAGE) -> subprocess.CompletedProcess[str]:
        command = ["bash", "image/release.sh", version, image]
        return subprocess.run(command, cwd=self.folder, check=False, capture_output=True, text=True)

    def commit_of(self, *tags: str) -> list[str]:
        return [self.git("rev-parse", f"{tag}^{{commit}}") for tag in tags]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path / "repository")
    for name in ("action.yml", "image/release.sh", "image/publish.sh"):
        (checkout.folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(TOP / name, checkout.folder / name)
    checkout.commit()
    checkout.start_again()
    return checkout


def test_the_tags_hold_an_action_that_runs_the_image(checkout: Checkout) -> None:
    assert checkout.release("v1.2.3").returncode == 0
    for tag in ("v1.2.3", "v1"):
        action = yaml.safe_load(checkout.git("show", f"{tag}:action.yml"))
        assert action["runs"] == {"using": "docker", "image": f"docker://{IMAGE}"}
    assert checkout.git("diff", "--numstat", "main", "v1.2.3") == "1\t1\taction.yml"
    assert checkout.read("show", "main:action.yml") == (TOP / "action.yml").read_bytes()


@pytest.mark.parametrize(
    ("before", "version", "highest"),
    [
        pytest.param(["v1.2.3"], "v1.3.0", "v1.3.0", id="a minor"),
        pytest.param(["v1.2.0", "v1.3.0"], "v1.2.1", "v1.3.0", id="patch of an older minor"),
        pytest.param(["v1.9.0"], "v1.10.0", "v1.10.0", id="by number, not by letter"),
        pytest.param(["v1.10.0"], "v1.9.1", "v1.10.0", id="ten is more than nine"),
        pytest.param(["v2.0.0", "v10.0.0"], "v1.0.1", "v1.0.1", id="each major for itself"),
        pytest.param(["v1.0.0", "v1.5.0-rc1", "v1.x"], "v1.0.1", "v1.0.1", id="tags that are no versions"),
    ],
)
def test_the_major_tag_is_the_highest_version_of_its_major_and_versions_stay(
    checkout: Checkout, before: list[str], version: str, highest: str
) -> None:
    for number, tag in enumerate(before):
        checkout.start_again(f"{tag}, {number}")
        if checkout.release(tag).returncode:  # no version: somebody's own tag
            checkout.git("tag", tag)
    commits = checkout.commit_of(*before)
    checkout.start_again("the last")
    assert checkout.release(version).returncode == 0
    assert checkout.commit_of("v1") == checkout.commit_of(highest)
    assert checkout.commit_of(*before) == commits


@pytest.mark.parametrize("has_tags", [True, False])
def test_a_release_can_be_made_again(checkout: Checkout, tmp_path: Path, *, has_tags: bool) -> None:
    checkout.git("clone", "--quiet", ".", str(tmp_path / "again"))
    again = Checkout(tmp_path / "again", init=False)
    assert checkout.release("v1.2.3").returncode == 0
    if has_tags:
        again.git("fetch", "--quiet", "--tags")
    assert again.release("v1.2.3").returncode == 0
    assert again.commit_of("v1.2.3", "v1") == checkout.commit_of("v1.2.3", "v1")


@pytest.mark.parametrize("other", ["source", "image"])
def test_a_version_is_released_once(checkout: Checkout, other: str) -> None:
    checkout.release("v1.2.3")
    before = checkout.git("show-ref", "--tags", "--dereference")
    checkout.start_again("two" if other == "source" else None)
    finished = checkout.release("v1.2.3", IMAGE if other == "source" else IMAGE.replace("0a", "0b"))
    assert (finished.returncode, "take the next version" in finished.stderr) == (1, True)
    assert checkout.git("show-ref", "--tags", "--dereference") == before


@pytest.mark.parametrize(
    ("version", "image"),
    [
        pytest.param("1.2.3", IMAGE, id="no v"),
        pytest.param("v1.2", IMAGE, id="short"),
        pytest.param("v1.2.3", "ghcr.io/some-owner/ztpurge:v1.2.3", id="tag instead of digest"),
        pytest.param("v1.2.3", f"{IMAGE}|e touch x", id="injection"),
    ],
)
def test_odd_versions_and_images_are_refused(checkout: Checkout, version: str, image: str) -> None:
    assert checkout.release(version, image).returncode == 1
    assert checkout.git("tag") == ""


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
    """A checkout with a remote, and a stand-in for `gh`."""

    def __init__(self, checkout: Checkout, state: Path) -> None:
        self.checkout, self.state = checkout, state
        self.remote = Checkout(state / "remote.git", init=False)
        write_program(state / "bin/gh", FAKE_GH)
        checkout.git("init", "--quiet", "--bare", str(self.remote.folder))
        checkout.git("remote", "add", "origin", str(self.remote.folder))

    def publish(self, version: str, *, breaks: bool = False) -> int:
        environ = os.environ | {"PATH": f"{self.state / 'bin'}:{os.environ['PATH']}", "STATE": str(self.state)}
        environ |= {"BREAK": "1" if breaks else "", "GITHUB_REPOSITORY": "some-owner/ztpurge"}
        command = ["bash", "image/publish.sh", version, IMAGE]
        finished = subprocess.run(command, cwd=self.checkout.folder, env=environ, check=False, capture_output=True)
        return finished.returncode

    def read(self, name: str) -> list[str]:
        return (self.state / name).read_text().splitlines()


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def publisher(checkout: Checkout, tmp_path: Path) -> Publisher:
    return Publisher(checkout, tmp_path / "state")


def test_a_draft_is_published_and_then_the_major_tag_moves(publisher: Publisher) -> None:
    publisher.checkout.release("v1.2.3")
    assert publisher.publish("v1.2.3") == 0
    (commit,) = publisher.remote.commit_of("v1.2.3")
    assert publisher.remote.commit_of("v1") == [commit]
    assert [call.strip() for call in publisher.read("calls")] == ["view", "create", "view", "edit"]  # no v1 until then
    assert f"- uses: some-owner/ztpurge@{commit} # v1.2.3" in publisher.read("created")
    assert {"--draft", "--verify-tag"} <= set(publisher.read("created"))
    assert {"--draft=false", "--latest=true"} <= set(publisher.read("edited"))


def test_the_major_tag_moves_only_when_the_newest_is_published(publisher: Publisher) -> None:
    """Not where publishing fails, which the next try makes up for, nor for a patch of an older minor."""
    remote = publisher.remote
    for version in ("v1.2.0", "v1.3.0"):
        publisher.checkout.start_again(version)
        publisher.checkout.release(version)
        assert (publisher.publish(version, breaks=version == "v1.3.0") == 0) == (version == "v1.2.0")
        assert remote.commit_of("v1") == remote.commit_of("v1.2.0")
    assert publisher.publish("v1.3.0") == 0
    assert remote.commit_of("v1") == remote.commit_of("v1.3.0") != remote.commit_of("v1.2.0")
    publisher.checkout.start_again("v1.2.1")
    publisher.checkout.release("v1.2.1")
    assert publisher.publish("v1.2.1") == 0
    assert remote.commit_of("v1") == remote.commit_of("v1.3.0") != remote.commit_of("v1.2.1")
    assert "--latest=false" in publisher.read("edited")


def test_the_published_image_is_pulled_and_started_not_built(tmp_path: Path) -> None:
    for name in ("docker", "python"):
        write_program(tmp_path / name, f'#!/bin/sh\necho "{name} $* ($ZTPURGE_IMAGE)" >>"{tmp_path}/calls"\n')
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ZTPURGE_IMAGE": IMAGE}
    subprocess.run(["bash", TOP / "image/e2e.sh", tmp_path / "python"], env=environ, check=True, capture_output=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[1] for call in calls] == ["version", "pull", "build", "-m"]
    assert f"pull --quiet {IMAGE}" in calls[1]
    assert "--tag ztpurge-job:e2e" in calls[2]
    assert calls[3].endswith(f"-m engine ({IMAGE})")
