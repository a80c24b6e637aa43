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
    "css/site.css": "body { color: black }",
    "css/100%.css": ".wide { width: 90% }",
    "js/a+b&c=d.js": "console.log(1)",
    "news/index.html": "<h1>No news</h1>",
    "news/春.html": "<h1>春</h1>",
    "img/old-logo.svg": "<svg/>",
    **{f"levels/{number:02}.json": f'{{"level": {number}}}' for number in range(1, 13)},
}
EDITED = {
    "index.html": "<h1>Summer sale</h1>",
    "css/site.css": "body { color: navy }",
    "css/100%.css": ".wide { width: 100% }",
    "js/a+b&c=d.js": "console.log(2)",
    "news/index.html": "<h1>Great news</h1>",
    "news/春.html": "<h1>夏</h1>",
    **{f"levels/{number:02}.json": f'{{"level": {number}, "boss": true}}' for number in range(1, 10)},
}


def main() -> int:
    """Show the whole job; return 0 if the edge was stale before and is fresh afterwards."""
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
    title("1. A site behind the CDN; visitors have warmed the edge")
    urls = [url_of(name) for name in sorted(BEFORE)] + [url_of(""), url_of("news/")]
    for url in urls:
        cdn.get(url)
    say(f"{sum(cdn.is_cached(url) for url in urls)} of {len(urls)} URLs are cached at {cdn.edge_url} (Host: {HOST})")

    title("2. A push: files edited, one renamed, one deleted")
    (workspace / "public/img/old-logo.svg").rename(workspace / "public/img/logo.svg")
    (workspace / "public/about.html").unlink()
    after = commit(workspace, EDITED, "Summer")
    say(git(workspace, "-c", "core.quotePath=false", "diff", "--stat=70", before, after).decode())

    title("3. The origin is new, the edge is not")
    stale = look(cdn, urls)

    title("4. The workflow's step: ztpurge (the API fails once on the way), which waits, and looks at each URL")
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
    say(step.log)
    title("5. What later steps get")
    for name, value in step.outputs.items():
        say(f"  {name:16} {value if len(value) < 100 else value[:96] + ' ...'}")
    title("6. The job summary, as Markdown")
    say(step.summary)

    title("7. The edge, as soon as the step is green")
    still_stale = look(cdn, urls)
    if step.exit_code == 0 and stale and not still_stale:
        say(f"\nAll {stale} stale URLs are fresh, in {len(json.loads(step.outputs['req-ids']))} purges.")
        return 0
    say(f"\nThe demo failed: exit code {step.exit_code}, {stale} stale before, {still_stale} after.")
    return 1


def push_event(folder: Path, before: str, after: str) -> dict[str, str]:
    """Return what the runner tells a step of a push."""
    event = folder / "event.json"
    event.write_text(json.dumps({"before": before, "after": after}))
    return {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(event), "GITHUB_SHA": after}


def look(cdn: Sandbox, urls: Iterable[str]) -> int:
    """Compare what the edge and the origin say for each URL; return how many differ."""
    stale = 0
    for url in urls:
        path = url.split(HOST, 1)[1]
        edge, origin = cdn.get(url), cdn.get_from_origin(url)
        fresh = (edge.status, edge.body) == (origin.status, origin.body)
        stale += not fresh
        if not path.startswith("/levels/"):
            state = "fresh" if fresh else "STALE"
            say(f"  {state}  {edge.status}  {edge.cache:4}  {edge.body.decode().strip()[:40]:42} {path}")
    say(f"  {stale} URLs are stale (the levels are counted, not listed)")
    return stale


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
