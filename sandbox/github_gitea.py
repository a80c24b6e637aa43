"""What is different on Gitea and Forgejo: where the API is, how a tree is paged, and how it says no."""

import os
from typing import ClassVar

from sandbox.answers import Refused
from sandbox.github_objects import Entry
from sandbox.github_rest import Ask, GitHubRest, behind, document_reply
from sandbox.wire import Reply

SWAGGER = "http://localhost:3000/api/swagger"
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # as Go reads it


class GiteaRest(GitHubRest):
    """Answers as a Gitea server does."""

    prefix: ClassVar[str] = "/api/v1"
    needs_user_agent: ClassVar[bool] = False
    largest_page: ClassVar[int] = 50
    page_key: ClassVar[str] = "limit"

    def route(self, ask: Ask) -> Reply:
        """Answer a request for something of the repository; a slash in a name must be percent-encoded."""
        match ask.rest.split("/")[1:]:
            case ["git", "trees", _]:
                return self.tree(behind(ask, "/git/trees/"))
            case ["git", "blobs", _]:
                return self.blob(behind(ask, "/git/blobs/"))
            case ["git", "commits", _]:
                return self._single_commit(behind(ask, "/git/commits/"))
            case ["git", "refs", "heads" | "tags", _, *_]:
                return self._refs(behind(ask, "/git/refs/"))
            case ["commits"]:
                return self._commits(ask)
            case ["releases"]:
                return self.releases(ask)
        raise Refused(self.not_found())

    def error(self, status: int, message: str) -> Reply:
        """Word a refusal."""
        return document_reply({"message": message, "url": SWAGGER}, status=status)

    def not_found(self) -> Reply:
        """Word the refusal of what is not there."""
        message = "The target couldn't be found."
        return document_reply({"errors": [], "message": message, "url": SWAGGER}, status=404)

    def demand(self, permission: str) -> None:
        """Refuse a request whose token may not read this."""
        if permission not in self.permissions:
            message = "token does not have at least one of required scope(s): [read:repository]"
            raise Refused(self.error(403, message))

    def tree(self, ask: Ask) -> Reply:
        """List one page of a tree; a page that has nothing is null, as Go writes it."""
        self.demand("contents")
        sha = self.objects.find(ask.name, kind="tree")
        if sha is None:
            name = ask.name.decode(errors="replace")
            raise Refused(self.error(400, f"sha not found [{name}]"))
        entries = self.objects.entries(sha, recursive=ask.query.get("recursive") in TRUE)
        size = min(ask.number("per_page", 0) or self.settings.page_size, self.settings.page_size)
        page = max(ask.number("page", 1), 1)
        end = page * size
        shown = [_entry_document(entry, base=ask.base) for entry in entries[end - size : end]]
        return document_reply(
            {
                "sha": sha,
                "url": f"{ask.base}/git/trees/{sha}",
                "tree": shown or None,
                "truncated": end < len(entries),
                "page": page,
                "total_count": len(entries),
            }
        )

    def _refs(self, ask: Ask) -> Reply:
        """Tell what a ref points to; refs that only begin so, of which Gitea lists all, are left out."""
        self.demand("contents")
        found = self.ref_document(ask)
        if found is None:
            raise Refused(self.not_found())
        return document_reply(found)

    def _single_commit(self, ask: Ask) -> Reply:
        self.demand("contents")
        sha = self.objects.find(ask.name, kind="commit")
        if sha is None:
            raise Refused(self.not_found())
        return document_reply(self.commit_document(sha, url=f"{ask.base}/git/commits/{sha}"))

    def _commits(self, ask: Ask) -> Reply:
        """List the commits from one on, newest first."""
        self.demand("contents")
        start = self.objects.find(os.fsencode(ask.query.get("sha", "HEAD")), kind="commit")
        if start is None:
            raise Refused(self.not_found())
        shas = self.page(self.objects.history(start), ask)
        found = [self.commit_document(sha, url=f"{ask.base}/git/commits/{sha}") for sha in shas]
        return document_reply(found)


def _entry_document(entry: Entry, *, base: str) -> dict[str, object]:
    return {
        "path": entry.path.decode(errors="replace"),
        "mode": entry.mode,
        "type": entry.kind,
        "size": entry.size or 0,
        "sha": entry.sha,
        "url": "" if entry.kind == "commit" else f"{base}/git/{entry.kind}s/{entry.sha}",
    }
