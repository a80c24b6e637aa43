# Not built. Dependabot reads FROM lines, not arguments: when it renews this digest, the one in ../Dockerfile has to follow,
# and a test says so.
FROM python:3.13-slim-trixie@sha256:ffb752e139c0a19692a43af8d8523b274222dd68eebad5d583b45c2201c6e30a
