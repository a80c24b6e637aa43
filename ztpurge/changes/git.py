"""Door to git: the exact two-point difference of two commits, from the objects of the checkout.

Works in a workspace that belongs to somebody else, takes no setting from the user, the machine or the environment and
runs no program that the repository names or holds, writes nothing and never asks the network. Commits that the
checkout lacks are no error here.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
from typing import TYPE_CHECKING

from ztpurge.changes.trees import ABSENT, LINK, SUBMODULE, Entry, is_id, is_ref_name
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_SHORT_ID = re.compile(r"[0-9a-f]{7,64}")
_GLANCE = 0.1  # seconds between two looks at whether the time is over
_LAST_WAIT = 1.0  # seconds for a killed git to be gone
_MOST_ONE_BY_ONE = 50  # each takes a process
_SURROUNDINGS = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    # a partial clone would fetch what it lacks: with what settings and from where, the repository says
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    # comparing trees needs no index, and reading one costs more than comparing
    "GIT_INDEX_FILE": "/nonexistent/index",
}
# -c safe.directory: the workspace is the runner's user's, we are root; fsmonitor and hooks would be programs
_SETTINGS = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


class Git:
    """The checkout in a folder, if there is one; `why_over` tells why git is to be left, nothing while it is not."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *, why_over: Callable[[], str]) -> None:
        self._folder = folder
        self._why_over = why_over
        self._program, path = _find_git(folder, environ.get("PATH", os.defpath))
        self._environ = {"PATH": path} | _SURROUNDINGS

    def resolve(self, ref: str) -> str | None:
        """Return the id of the commit that a commit's id, a tag or a branch names; None if the checkout lacks it.

        No other expression is taken: a reflog, say, begins with the checkout. Raises ZtpurgeError for a name that a
        tag and a branch share.
        """
        if is_id(ref):
            return self._commit(ref)
        if not is_ref_name(ref):
            return None
        tag = self._commit(f"refs/tags/{ref}")
        branch = self._commit(f"refs/remotes/origin/{ref}") or self._commit(f"refs/heads/{ref}")
        if tag and branch and tag != branch:
            raise ZtpurgeError(f"{ref!r} is a tag and a branch", remedy="Give the commit's id", place="since")
        return tag or branch or (self._commit(ref) if _SHORT_ID.fullmatch(ref) else None)

    def head(self) -> str | None:
        """Return the id of the commit that is checked out; None if there is none."""
        return self._commit("HEAD")

    def _commit(self, name: str) -> str | None:
        found = self._run("rev-parse", "--verify", "--quiet", ids=(f"{name}^{{commit}}",))
        return found.decode("ascii", "replace").strip() if found else None

    def differing_paths(self, base: str | None, head: str) -> dict[str, frozenset[str]] | None:
        """Return the path of each file and submodule that differs, with its modes in both commits.

        ABSENT is among the modes of what `head` lacks. `base` None: all of `head`. None if the checkout lacks what it
        takes.
        """
        if base is None:
            listed = self._tree(head)
            return None if listed is None else {path: frozenset({mode}) for path, mode, _ in listed}
        raw = self._run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", ids=(base, head, "--"))
        if raw is None:
            return None
        fields = iter(raw.decode("utf-8", "surrogateescape").split("\0")[:-1])  # `:MODE MODE SHA SHA STATUS`, a path
        modes = ((path, *facts.removeprefix(":").split(" ")[:2]) for facts, path in zip(fields, fields, strict=True))
        return {path: frozenset({new} if old == ABSENT else {old, new}) for path, old, new in modes}

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry] | None:
        """Return the files that a commit has at those of the paths where there is one; None if it is not there.

        The size is None for a file whose content the checkout lacks.
        """
        listed = self._tree(commit)
        if listed is None:
            return None
        wanted = frozenset(paths)
        found = [entry for entry in listed if entry[0] in wanted and entry[1] != SUBMODULE]
        asked = "\n".join([*dict.fromkeys(sha for _, _, sha in found), ""]).encode()
        form = "--batch-check=%(objectname) %(objectsize)"
        answers = self._run("cat-file", form, data=asked) if asked else b""
        if answers is None:  # a partial clone stops at the first object that it lacks
            answers = self._run("cat-file", "--batch-all-objects", "--unordered", form)
        pairs = (line.split(" ") for line in (answers or b"").decode("ascii", "replace").splitlines())
        sizes = {sha: int(size) for sha, size in pairs if size.isdecimal()}
        return {path: Entry(mode, sha, sizes.get(sha)) for path, mode, sha in found}

    def modes(self, commit: str, paths: Iterable[str]) -> dict[str, str] | None:
        """Return the modes of what a commit has at those of the paths; None if it is not there."""
        wanted = tuple(paths)
        listed = self._tree(commit, *wanted, recursive=False)
        return None if listed is None else {path: mode for path, mode, _ in listed if path in wanted}

    def links(self, commit: str, root: str) -> dict[str, str | None] | None:
        """Return what each symbolic link below a folder of a commit says, None where the checkout lacks that.

        None if it lacks the commit.
        """
        listed = self._tree(commit, *filter(None, [root]), kind=LINK)
        if listed is None:
            return None
        asked = dict.fromkeys(sha for _, _, sha in listed)
        answers = self._run("cat-file", "--batch", data="\n".join([*asked, ""]).encode()) if asked else b""
        said: dict[str, bytes | None] = {}
        if answers is None:  # a partial clone stops at the first object that it lacks
            said = {sha: self.blob(sha) for sha in [*asked][:_MOST_ONE_BY_ONE]}
        stream = io.BytesIO(answers or b"")
        for facts in iter(stream.readline, b""):
            sha, _, size = facts.decode("ascii", "replace").strip().partition(" blob ")
            if size.isdecimal():  # else it says that it is missing
                said[sha] = stream.read(int(size))
                stream.readline()
        found = ((path, said.get(sha)) for path, _, sha in listed)
        return {path: None if text is None else text.decode("utf-8", "surrogateescape") for path, text in found}

    def _tree(
        self, commit: str, *paths: str, kind: str = "", recursive: bool = True
    ) -> list[tuple[str, str, str]] | None:
        """Return path, mode and id of what a commit has, at or below some paths, of one mode; None if it lacks it."""
        listed = self._run("ls-tree", "-r" if recursive else "-t", "-z", "--full-tree", ids=(commit, *paths))
        if listed is None:
            return None
        # `MODE TYPE SHA<tab>PATH`; most need not be looked at further, and there may be 100,000
        lines = [line for line in listed.split(b"\0")[:-1] if line.startswith(kind.encode())]
        parts = (line.decode("utf-8", "surrogateescape").partition("\t") for line in lines)
        return [(path, facts[:6], facts.rpartition(" ")[2]) for facts, _, path in parts]

    def blob(self, sha: str) -> bytes | None:
        """Return the content of a small file by its blob id; None if the checkout lacks it."""
        return self._run("cat-file", "blob", ids=(sha,))

    def _run(self, *arguments: str, ids: tuple[str, ...] = (), data: bytes = b"") -> bytes | None:
        """Run git and return what it prints, None if it fails; no id is taken for an option, whoever it came from."""
        if not self._program:
            return None
        command = [self._program, *_SETTINGS, *arguments, *(("--end-of-options", *ids) if ids else ())]
        try:
            with subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as process:
                printed = self._wait_for(process, data)
                return printed if process.returncode == 0 else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ZtpurgeError(f"git {arguments[0]} could not be run ({error})", place="since") from error

    def _wait_for(self, process: subprocess.Popen[bytes], data: bytes) -> bytes:
        """Return what git prints; kill it once the time is over."""
        while True:
            why = self._why_over()
            if why:
                process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LAST_WAIT)
                raise ZtpurgeError(f"git was stopped before it had read the checkout: {why}", place="since")
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.communicate(data, timeout=_GLANCE)[0]
            data = b""  # what was given once goes on being written


def _find_git(workspace: Path, path: str) -> tuple[str, str]:
    """Return git's absolute name, empty if there is none, and the PATH without what the workspace could slip in.

    An empty or relative entry would be looked for in the workspace, whose files are whoever's that wrote the commit.
    """
    inside = os.path.join(os.path.realpath(workspace), "")  # noqa: PTH118 - a prefix

    def is_outside(name: str) -> bool:
        return not os.path.join(os.path.realpath(name), "").startswith(inside)  # noqa: PTH118 - a prefix, too

    folders = [folder for folder in path.split(os.pathsep) if folder.startswith("/") and is_outside(folder)]
    programs = (os.path.join(folder, "git") for folder in folders)  # noqa: PTH118 - PATH may hold any byte
    found = (name for name in programs if is_outside(name) and os.path.isfile(name) and os.access(name, os.X_OK))  # noqa: PTH113
    return next(found, ""), os.pathsep.join(folders)
