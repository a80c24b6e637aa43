"""Real git repositories for tests, made without the settings of whoever runs them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENVIRON = {
    "PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}  # fmt: skip


class Repository:
    """A repository with a work tree."""

    def __init__(self, folder: Path, *, init: bool = True) -> None:
        self.folder = folder
        if init:
            folder.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main")
            self.git("config", "core.quotePath", "true")

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        """Run git and return what it prints, less the last line's end."""
        return self.read(*arguments, data=data).decode("utf-8", "surrogateescape").removesuffix("\n")

    def read(self, *arguments: str, data: bytes | None = None) -> bytes:
        """Run git and return the very bytes that it prints."""
        command = ["git", *arguments]
        return subprocess.run(command, cwd=self.folder, env=ENVIRON, input=data, check=True, capture_output=True).stdout

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files; None removes one."""
        for name, text in files.items():
            path = os.fsencode(self.folder) + b"/" + os.fsencode(name)
            if text is None:
                os.unlink(path)  # noqa: PTH108 - names are bytes
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write(text)

    def commit(self, files: Mapping[str, str | None] | None = None) -> str:
        """Write files, commit all that differs, and return the commit's id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD")

    def truth(self, base: str | None, head: str) -> set[str]:
        """Return the paths that differ as `git diff-tree` says, submodules left out."""
        if base is None:
            listed = self.git("ls-tree", "-r", "-z", head)
            return {line.partition("\t")[2] for line in listed.split("\0") if line and not line.startswith("160000")}
        listed = self.git("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--ignore-submodules=all", base, head)
        return {name for name in listed.split("\0") if name}
