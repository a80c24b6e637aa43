"""`make demo`: a push to a small site, the edge that goes on serving the old files, ztpurge, the edge afterwards."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from sandbox import Fault, Sandbox
from sandbox.runner import run_step

HOST = "static.example.com"
TOKEN = "demo-token"  # noqa: S105 - opens nothing but the sandbox
BEFORE = {
    "index.html": "<h1>Spring sale</h1>",
    "about.html": "<h1>About us</h1>",
    "contact.html": "<h1>Write to us</h1>",
    "css/site.css": "body { color: black }",
    "css/100%.css": ".wide { width: 90% }",
    "js/a+b&c=d.js": "console.log(1)",
    "news/index.html": "<h1>No news</h1>",
    "news/春.html": "<h1>春</h1>",
    "img/old-logo.svg": "<svg/>",
}
EDITED = {
    "index.html": "<h1>Summer sale</h1>",
    "css/site.css": "body { color: navy }",
    "css/100%.css": ".wide { width: 100% }",
    "js/a+b&c=d.js": "console.log(2)",
    "news/index.html": "<h1>Great news</h1>",
    "news/春.html": "<h1>夏</h1>",
}
RENAMED = ("img/old-logo.svg", "img/logo.svg")
DELETED = "about.html"
FOLDERS = ("", "news/")  # an index file is served at the address of its folder, too
SHOWN = ("result", "req-ids", "url-count", "failed-urls", "stale-urls")


def main() -> int:
    """Show the whole job; return 0 if what changed was stale before and is fresh afterwards."""
    with tempfile.TemporaryDirectory(prefix="ztpurge-demo-") as folder:
        workspace = Path(folder, "site")
        before = commit(workspace, BEFORE, "The site as it was")
        faults = (Fault("status", status=503, headers=(("Retry-After", "0"),)),)
        with Sandbox(
            workspace / "public", hosts=(HOST,), token=TOKEN, latency=0.2, propagation=0.5, faults=faults
        ) as cdn:
            return show(cdn, workspace, before)


def show(cdn: Sandbox, workspace: Path, before: str) -> int:
    """Warm the edge, push, purge, and look at the edge before and after."""
    changed = [*EDITED, *RENAMED, DELETED]
    urls = [url_of(name) for name in sorted([*BEFORE, RENAMED[1], *FOLDERS])]
    title("1. A site behind the CDN, and visitors")
    for url in urls:
        cdn.get(url)
    say(f"The edge at {cdn.edge_url} keeps what it was asked for: {sum(map(cdn.is_cached, urls))} URLs of {HOST}")
    say(f"(one of them, /{RENAMED[1]}, as a 404: it is not there yet).")

    title("2. A push changes the site, and deploys it")
    for name in EDITED:
        say(f"  edited   public/{name}")
    say(f"  renamed  public/{RENAMED[0]} to public/{RENAMED[1]}")
    say(f"  deleted  public/{DELETED}")
    Path(workspace, "public", RENAMED[0]).rename(Path(workspace, "public", RENAMED[1]))
    Path(workspace, "public", DELETED).unlink()
    after = commit(workspace, EDITED, "Summer")
    size = len(changed) + len(FOLDERS)
    say(f"{len(changed)} changed files: {len(EDITED)} edited, 1 deleted, and both names of the renamed one.")
    say(f"They are served at {size} URLs, an index file at its folder's, too. /contact.html did not change.")

    title("3. What visitors get now: the origin is new, the edge is not")
    stale = look(cdn, urls)

    title("4. The workflow's step: purge, wait, look (one call meets a 503, and is tried again)")
    step = run_step(
        workspace,
        {
            "token": TOKEN,
            "api-url": cdn.api_url,
            "base-url": f"http://{HOST}/",
            "root": "public",
            "wait": "true",
            "verify": "true",
        },
        # whoever asks for the site reaches the sandbox's edge
        environ=push_event(workspace.parent, before, after) | {"http_proxy": cdn.edge_url, "no_proxy": "127.0.0.1"},
    )
    say("\n".join(line for line in step.log.splitlines() if not line.startswith("::add-mask::")))  # the runner's own

    title("5. What later steps get (and, on the run's page, a summary)")
    for name in SHOWN:
        say(f"  {name:11} {step.outputs.get(name)}")

    title("6. What visitors get now: the edge is new, and /contact.html never left it")
    is_kept = cdn.is_cached(url_of("contact.html"))
    still_stale = look(cdn, urls)
    purged = int(step.outputs.get("url-count") or 0)
    if (step.exit_code, still_stale, is_kept) == (0, 0, True) and stale == purged == size:
        say(f"\n{stale} URLs were stale, {purged} were purged, and all are fresh.")
        return 0
    say(
        f"\nThe demo failed with exit code {step.exit_code}: {stale} stale, {purged} purged, {still_stale} stale after."
    )
    return 1


def push_event(folder: Path, before: str, after: str) -> dict[str, str]:
    """Return what the runner tells a step of a push."""
    event = folder / "event.json"
    event.write_text(json.dumps({"before": before, "after": after}))
    return {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(event), "GITHUB_SHA": after}


def look(cdn: Sandbox, urls: Iterable[str]) -> int:
    """Compare what the edge and the origin say for each URL; return how many differ."""
    states = []
    for url in urls:
        edge, origin = cdn.get(url), cdn.get_from_origin(url)
        states.append("fresh" if (edge.status, edge.body) == (origin.status, origin.body) else "STALE")
        said = edge.body.decode().strip()
        say(f"  {states[-1]}  {edge.status}  {edge.cache:4}  {said:22} {url.split(HOST, 1)[1]}")
    say(f"{states.count('STALE')} stale, {states.count('fresh')} fresh")
    return states.count("STALE")


def commit(workspace: Path, files: dict[str, str], message: str) -> str:
    """Write files under `public/`, commit all that changed, and return the commit's id."""
    for name, text in files.items():
        path = workspace / "public" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if not (workspace / ".git").exists():
        git(workspace, "init", "--quiet")
    git(workspace, "add", "--all")
    who = ("-c", "user.name=demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false")
    git(workspace, *who, "commit", "--quiet", "--message", message)
    return git(workspace, "rev-parse", "HEAD").decode().strip()


def git(workspace: Path, *arguments: str) -> bytes:
    """Run git in the workspace and return what it prints."""
    return subprocess.run(["git", *arguments], cwd=workspace, check=True, stdout=subprocess.PIPE).stdout


def url_of(name: str) -> str:
    """Return the URL that serves a file of the demo site."""
    path = quote(name, safe="/!$&'()*+,;=:@")
    return f"http://{HOST}/{path}"


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}\n{'-' * len(text)}", flush=True)


def say(text: str) -> None:
    """Print lines."""
    print(text.rstrip("\n"), flush=True)


if __name__ == "__main__":
    sys.exit(main())
