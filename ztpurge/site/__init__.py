"""How files are served: patterns over paths, the spelling of URLs, and the map from files to URLs and back.

In come changes; out go the URLs that serve them, each with the files that may be behind it, or the reason why not.
It is pure, and leaves what changed to `changes/`, what is called for it to `cdn/`.
"""
