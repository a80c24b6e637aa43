"""Door to git: the exact two-point difference of two commits, from the objects of the checkout.

Works in a workspace that belongs to somebody else, takes no setting from the user, the machine or the environment and
runs no program that the repository names, writes nothing and never asks the network. Commits that the checkout lacks
are no error here.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.changes.trees import SUBMODULE, Entry
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_ID = re.compile(r"[0-9a-f]{7,64}")
_NO_REF = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|@\{|\.\.|^-")  # git-check-ref-format, and what would be an option
_ABSENT = "000000"
_SURROUNDINGS = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # a partial clone would fetch what it lacks: with what settings and from where, the repository says
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    # comparing trees needs no index, and reading one costs more than comparing
    "GIT_INDEX_FILE": "/nonexistent/index",
}
# -c safe.directory: the workspace is the runner's user's, we are root; fsmonitor and hooks would be programs
_SETTINGS = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


class Git:
    """The checkout in a folder, if there is one; `seconds_left` tells before each command how long it may take."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], *, seconds_left: Callable[[], float] = lambda: 300.0
    ) -> None:
        self._folder = folder
        self._seconds_left = seconds_left
        self._environ = {"PATH": environ.get("PATH", os.defpath)} | _SURROUNDINGS

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a commit's id, a tag or a branch names; None if the checkout lacks it.

        No other expression is taken: a reflog, say, begins with the checkout. Raises ZtpurgeError for a name that a
        tag and a branch share.
        """
        if _ID.fullmatch(ref):
            return self._commit(ref)
        if _NO_REF.search(ref) or not ref:
            return None
        tag = self._commit(f"refs/tags/{ref}")
        branch = self._commit(f"refs/remotes/origin/{ref}") or self._commit(f"refs/heads/{ref}")
        if tag and branch and tag != branch:
            raise ZtpurgeError(f"{ref!a} is a tag and a branch", remedy="Give the commit's id", place="since")
        return tag or branch

    def _commit(self, name: str) -> str | None:
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return found.decode("ascii", "replace").strip() if found else None

    def differing_paths(self, base: str | None, head: str) -> tuple[str, ...] | None:
        """Return the paths of files that differ, submodules left out; None if the checkout lacks what it takes.

        `base` None: all files of `head`.
        """
        if base is None:
            listed = self._run("ls-tree", "-r", "-z", "--full-tree", head)
            return None if listed is None else tuple(path for path, _, _ in _listed(listed))
        listed = self._run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", base, head, "--")
        return None if listed is None else tuple(_changed_paths(listed))

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry] | None:
        """Return the files that a commit has at those of the paths where there is one; None if it is not there.

        The size is None for a file whose content the checkout lacks.
        """
        listed = self._run("ls-tree", "-r", "-z", "--full-tree", commit)
        if listed is None:
            return None
        wanted = frozenset(paths)
        found = {path: Entry(mode, sha) for path, mode, sha in _listed(listed) if path in wanted}
        sizes = self._sizes(dict.fromkeys(entry.sha for entry in found.values()))
        return {path: replace(entry, size=sizes.get(entry.sha)) for path, entry in found.items()}

    def has_folder(self, commit: str, path: str) -> bool | None:
        """Say whether a commit has a folder at a path, or what may stand for one; None if the commit is not there."""
        listed = self._run("ls-tree", "-z", "--full-tree", commit, "--", path)
        if listed is None:
            return None
        entries = [line.partition(b"\t")[0].split(b" ") for line in listed.split(b"\0")[:-1]]
        return any(Entry(mode.decode("ascii"), "").may_be_folder for mode, *_ in entries)

    def blob(self, sha: str) -> bytes | None:
        """Return the content of a small file by its blob id; None if the checkout lacks it."""
        return self._run("cat-file", "blob", sha)

    def _sizes(self, ids: Iterable[str]) -> dict[str, int]:
        asked = "".join(f"{sha}\n" for sha in ids).encode()
        form = "--batch-check=%(objectname) %(objectsize)"
        answers = self._run("cat-file", form, data=asked) if asked else b""
        if answers is None:  # a partial clone stops at the first object that it lacks
            answers = self._run("cat-file", "--batch-all-objects", "--unordered", form)
        pairs = (line.split(" ") for line in (answers or b"").decode("ascii", "replace").splitlines())
        return {sha: int(size) for sha, size in pairs if size.isdecimal()}

    def _run(self, *arguments: str, data: bytes | None = None) -> bytes | None:
        try:
            finished = subprocess.run(
                ["git", *_SETTINGS, *arguments],
                cwd=self._folder,
                env=self._environ,
                input=data or b"",
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=max(self._seconds_left(), 0.0),
                check=False,
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ZtpurgeError(
                f"git {arguments[0]} could not be run, or not in time ({error})", place="since"
            ) from error
        return finished.stdout if finished.returncode == 0 else None


def _changed_paths(raw: bytes) -> Iterator[str]:
    """Read `git diff-tree -z --raw`: `:MODE MODE SHA SHA STATUS` and a path in turn, each ended by NUL."""
    fields = iter(raw.split(b"\0")[:-1])
    for facts, path in zip(fields, fields, strict=True):
        old_mode, new_mode = facts.decode("ascii").removeprefix(":").split(" ")[:2]
        if {old_mode, new_mode} - {SUBMODULE, _ABSENT}:
            yield path.decode("utf-8", "surrogateescape")


def _listed(raw: bytes) -> Iterator[tuple[str, str, str]]:
    """Read `git ls-tree -z`, `MODE TYPE SHA<tab>PATH`, each ended by NUL; yield path, mode and id of each file."""
    for line in raw.split(b"\0")[:-1]:
        facts, _, path = line.partition(b"\t")
        mode, _, sha = facts.decode("ascii").split(" ")
        if mode != SUBMODULE:
            yield path.decode("utf-8", "surrogateescape"), mode, sha
