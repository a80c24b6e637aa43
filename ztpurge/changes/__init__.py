"""What changed, and what is there now: lists, events, git, GitHub's trees and runs, and builds with their manifests.

In come bytes, ids and payloads from outside; out go changes (paths in the repository) and the contents of files.
Which of them a run asks for is left to `sources/`, where they are served to `site/`.
"""
