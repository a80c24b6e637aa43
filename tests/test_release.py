"""A release's action.yml names the published image by digest, and the major tag moves to it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).resolve().parent.parent
IMAGE = f"ghcr.io/some-owner/ztpurge@sha256:{'0a' * 32}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "image").mkdir(parents=True)
    shutil.copy(TOP / "action.yml", folder)
    shutil.copy(TOP / "image/release.sh", folder / "image")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "one")
    git(folder, "checkout", "--quiet", "--detach")
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


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
    git(repository, "checkout", "--quiet", "main")
    assert release(repository, "v1.3.0").returncode == 0
    assert git(repository, "rev-parse", "v1.2.3") == first
    assert git(repository, "rev-parse", "v1^{commit}") == git(repository, "rev-parse", "v1.3.0^{commit}")
    git(repository, "checkout", "--quiet", "--detach", "main~1")
    assert release(repository, "v1.3.0").returncode != 0


def test_a_release_can_be_made_again(repository: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    git(tmp_path, "clone", "--quiet", str(repository), str(again))
    assert release(repository, "v1.2.3").returncode == release(again, "v1.2.3").returncode == 0
    for tag in ("v1.2.3", "v1"):
        assert git(again, "rev-parse", tag) == git(repository, "rev-parse", tag)


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
