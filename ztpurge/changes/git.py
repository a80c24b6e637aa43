"""Door to git: the exact two-point difference of two commits, from the objects of the checkout.

Works in a workspace that belongs to somebody else, takes no setting from the user, the machine or the environment,
writes nothing and never asks the network. Commits that the checkout lacks are no error here.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from ztpurge.changes.trees import SUBMODULE
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_TIMEOUT = 300.0  # seconds; 100,000 files take well under one
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
    """The checkout in a folder, if there is one."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = {"PATH": environ.get("PATH", os.defpath)} | _SURROUNDINGS

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a commit, tag or branch of the checkout names; None if it is not there."""
        for name in (ref, f"refs/remotes/origin/{ref}"):
            found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if found:
                return found.decode("ascii", "replace").strip()
        return None

    def differing_paths(self, base: str | None, head: str) -> tuple[str, ...] | None:
        """Return the paths of files that differ, submodules left out; None if the checkout lacks what it takes.

        `base` None: all files of `head`.
        """
        if base is None:
            listed = self._run("ls-tree", "-r", "-z", "--full-tree", head)
            return None if listed is None else tuple(_listed_paths(listed))
        listed = self._run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", base, head, "--")
        return None if listed is None else tuple(_changed_paths(listed))

    def _run(self, *arguments: str) -> bytes | None:
        try:
            finished = subprocess.run(
                ["git", *_SETTINGS, *arguments],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT,
                check=False,
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ZtpurgeError(f"git {arguments[0]} could not be run ({error})", place="since") from error
        return finished.stdout if finished.returncode == 0 else None


def _changed_paths(raw: bytes) -> Iterator[str]:
    """Read `git diff-tree -z --raw`: `:MODE MODE SHA SHA STATUS` and a path in turn, each ended by NUL."""
    fields = iter(raw.split(b"\0")[:-1])
    for facts, path in zip(fields, fields, strict=True):
        old_mode, new_mode = facts.decode("ascii").removeprefix(":").split(" ")[:2]
        if {old_mode, new_mode} - {SUBMODULE, _ABSENT}:
            yield path.decode("utf-8", "surrogateescape")


def _listed_paths(raw: bytes) -> Iterator[str]:
    """Read `git ls-tree -z`: `MODE TYPE SHA<tab>PATH`, each ended by NUL."""
    for line in raw.split(b"\0")[:-1]:
        facts, _, path = line.partition(b"\t")
        if not facts.startswith(SUBMODULE.encode()):
            yield path.decode("utf-8", "surrogateescape")
