"""Where the changed files of a run come from: a list, two commits, or a build's output, behind one small protocol.

In come the inputs and the doors; out goes a source, which holds the changes and can tell what is served at a path.
How lists, events and trees are read is left to `changes/`, which URLs the files have to `site/`.
"""
