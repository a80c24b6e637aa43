"""What shows that the house stands; a package, so that none of that name in `site-packages` is taken for it."""
