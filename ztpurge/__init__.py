"""Purge the ZT CDN for what a push changed."""

__version__ = "0.1.0"
