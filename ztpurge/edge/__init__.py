"""Is a URL fresh: it is fetched from the edge, compared with what it must serve, and judged.

In come the purged URLs and the files behind them; out goes a verdict on each: fresh, stale or not verified.
What the files hold is left to `changes/`, which of them are behind a URL to `site/`.
"""
