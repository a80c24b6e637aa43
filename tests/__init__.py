"""The checks. A package, so that no other `tests` that a dependency brings stands in its place."""
