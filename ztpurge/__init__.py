"""Purge the ZT CDN for what a push changed."""

__version__ = "1.0.0"
