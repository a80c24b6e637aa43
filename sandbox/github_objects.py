"""The objects of a git repository on the disk, read with the `git` binary; what an API makes of them is left to it."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

HASH = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(rb"[0-9a-f]{4,64}")
_NO_REF_NAME = re.compile(rb"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/]|/$|//")  # git rev-parse reads more into these


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a tree as git lists it, its path as the very bytes; only a blob has a size."""

    path: bytes
    mode: str
    kind: str
    sha: str
    size: int | None = None


class GitObjects:
    """Looks things up in one repository, whoever owns its folder."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).resolve(strict=True)

    def find(self, name: bytes, *, kind: str) -> str | None:
        """Return the full sha of the `commit` or `tree` that a sha, branch or tag leads to, or None."""
        return self._first(_candidates(name), peel=f"^{{{kind}}}")

    def ref(self, name: bytes) -> str | None:
        """Return the sha of the object that a whole name, such as `refs/tags/v1`, points to, or None."""
        return None if _NO_REF_NAME.search(name) else self._first((name,))

    def has_file(self, path: bytes) -> bool:
        """Tell whether the default branch has a file."""
        return b"\n" not in path and self._first((b"HEAD:" + path,)) is not None

    def entries(self, tree: str, *, recursive: bool) -> tuple[Entry, ...]:
        """List a tree in git's order; recursive, with the trees below it and full paths."""
        depth = ("-r", "-t") if recursive else ()
        listed = self._git("ls-tree", "-z", "--long", "--full-tree", *depth, tree)
        return tuple(_read_entry(line) for line in listed.split(b"\0") if line)

    def blob(self, sha: str) -> bytes:
        """Return a blob's content."""
        return self._git("cat-file", "blob", sha)

    def history(self, commit: str) -> tuple[str, ...]:
        """List a commit and all before it, newest first."""
        return tuple(self._git("rev-list", commit).decode().split())

    def _first(self, names: tuple[bytes, ...], *, peel: str = "") -> str | None:
        """Return the sha of the first name that leads somewhere."""
        if not names:
            return None
        asked = b"".join(name + peel.encode() + b"\n" for name in names)
        for line in self._git("cat-file", "--batch-check=%(objectname)", stdin=asked).splitlines():
            if HASH.fullmatch(line):  # the others end in `missing` or `ambiguous`
                return line.decode()
        return None

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        command = ["git", "-C", str(self._folder), "-c", "safe.directory=*", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, check=True, env=_environment())
        return done.stdout


def _candidates(name: bytes) -> tuple[bytes, ...]:
    """List what a name may mean, first the first choice: a branch goes before a tag, and both before part of a sha."""
    if HASH.fullmatch(name):
        return (name,)
    if not name or _NO_REF_NAME.search(name):
        return ()
    names = [b"refs/heads/" + name, b"refs/tags/" + name, b"refs/" + name]
    if name == b"HEAD" or name.startswith(b"refs/"):
        names.append(name)
    if _ABBREVIATED.fullmatch(name):
        names.append(name)
    return tuple(names)


def _read_entry(line: bytes) -> Entry:
    facts, _, path = line.partition(b"\t")
    mode, kind, sha, size = facts.decode().split()
    return Entry(path, mode=mode, kind=kind, sha=sha, size=None if size == "-" else int(size))


def _environment() -> dict[str, str]:
    """Keep what git needs to run, and nothing that points it to another repository or configuration."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "SYSTEMROOT"}}
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
