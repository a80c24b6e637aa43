"""The projects of an account, for hosts that stand in two of them; what a call does with one is left to `cdn/`."""

from __future__ import annotations

import re

from ztpurge.errors import ZtpurgeError

_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def parse_project_id(text: str) -> str:
    """Return a project's id without the blanks around it; raise ZtpurgeError for what cannot be one."""
    if not _PROJECT_ID.fullmatch(project_id := text.strip()):
        raise ZtpurgeError(
            "it is no project id",
            remedy="Take the id from the CDN's console: 64 characters at most, each a letter, a digit, `-` or `_`",
        )
    return project_id
