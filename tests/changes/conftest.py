"""What the tests of this wing share: repositories, made once where no test changes them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import make_scheduler
from tests.standins.github import GitHubApi
from tests.standins.repositories import Repository
from ztpurge.calls.redaction import Secrets
from ztpurge.changes.git import Git
from ztpurge.changes.github import GitHub

if TYPE_CHECKING:
    from pathlib import Path

    from ztpurge.calls.clock import Clock

GITHUB_TOKEN = "gh-token-that-nobody-may-see"
OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"
KINDS: dict[str, str | None] = {
    "a": "1", "b/c/d": "22", "b/c/e": "22", "b/f": "333", "c d/\u6625.html": "", 'q"uo\n\tte': "4", "[z]": "5",
    "video.mp4": POINTER, "was-file/a": "1", "was-folder": "1",
}  # fmt: skip
ASKED = (*KINDS, "b/link", "script", "module", "b", "b/c", "b/c/d/x", "a/x", "none", "none/at/all", "module/x")


def checkout(folder: Path) -> Git:
    return Git(folder, os.environ, why_over=lambda: "")


def client(api: GitHubApi, clock: Clock, *, token: str = GITHUB_TOKEN, timeout: float = 900) -> GitHub:
    environ = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "owner/site"}
    return GitHub(environ, token, make_scheduler(clock, seconds=timeout, request_timeout=10), Secrets())


def serve(repository: Repository, **options: Any) -> GitHubApi:  # noqa: ANN401 - as GitHubApi has them
    return GitHubApi(repository.folder, token=GITHUB_TOKEN, **options)


@dataclass(frozen=True)
class Served:
    """A repository of two commits, of which `head` has entries of all kinds and `old` others; and clones of it."""

    source: Repository
    old: str
    head: str
    clones: Path

    def clone(self, *options: str) -> Repository:
        """Clone it, once for the same options."""
        folder = self.clones / "".join(("clone", *options)).replace(":", "-")
        if not folder.exists():
            self.source.git("clone", "--quiet", "--no-checkout", *options, f"file://{self.source.folder}", str(folder))
        return Repository(folder, init=False)

    def sha(self, path: str) -> str:
        return self.source.git("rev-parse", f"{self.head}:{path}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    source = Repository(tmp_path_factory.mktemp("served"))
    source.git("config", "uploadpack.allowFilter", "true")
    gone: dict[str, str | None] = {"gone": "1", "was-module": "1", "was-file": "1", "was-folder/a": "1"}
    old = source.commit({"a": "old", "script": "1", "b/f": "333", **gone})
    source.write(dict.fromkeys(gone))
    (source.folder / "was-folder").rmdir()
    source.write(KINDS)
    (source.folder / "b/link").symlink_to("../a")
    (source.folder / "script").chmod(0o755)
    source.git("add", "--all")
    for name in ("module", "was-module"):
        source.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{name}")
    source.git("commit", "--quiet", "--message=all kinds")
    return Served(source, old, source.git("rev-parse", "HEAD"), tmp_path_factory.mktemp("clones"))
