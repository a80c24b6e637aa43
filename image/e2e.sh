#!/usr/bin/env bash
# e2e.sh PYTHON: build the action's image and a job's image, and run the tests that start them, with the Python of a
# virtual environment. With ZTPURGE_IMAGE=NAME@sha256:DIGEST in the environment that image is pulled and started instead of
# one that is built; with ZTPURGE_BASE=NAME:TAG what is built stands on that base image in place of the pinned one.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
base=${ZTPURGE_BASE:-$(sed -n 's/^ARG PYTHON_IMAGE=//p' Dockerfile)}

if ! docker version >/dev/null 2>&1; then
  echo "no Docker engine answers: \`docker version\` must work. Install or start one and try again" >&2
  exit 1
fi

if [[ -n ${ZTPURGE_IMAGE:-} ]]; then
  docker pull --quiet "$ZTPURGE_IMAGE"
else
  ZTPURGE_IMAGE=ztpurge:e2e
  docker build --quiet --network host --build-arg "PYTHON_IMAGE=$base" --tag "$ZTPURGE_IMAGE" .
fi
ZTPURGE_JOB_IMAGE=ztpurge-job:e2e
docker build --quiet --network host --build-arg "PYTHON_IMAGE=$base" --tag "$ZTPURGE_JOB_IMAGE" \
  --file image/job.Dockerfile image
export ZTPURGE_IMAGE ZTPURGE_JOB_IMAGE
"$python" -m pytest -q -m engine
