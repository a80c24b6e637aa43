#!/usr/bin/env bash
# release.sh v1.2.3 NAME@sha256:DIGEST: on top of the commit that is checked out, commit an action.yml that runs the
# published image, and tag that commit v1.2.3 and v1. Nothing is pushed.
set -euo pipefail
version=$1
image=$2
cd "$(git rev-parse --show-toplevel)"

[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "not a version: $version" >&2; exit 1; }
[[ $image =~ ^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$ ]] || { echo "not an image by digest: $image" >&2; exit 1; }

sed -i "s|^  image: Dockerfile$|  image: docker://$image|" action.yml
grep -qxF "  image: docker://$image" action.yml
# the dates of the source make commit and tags the same whenever this runs, so that a release can be run again
GIT_AUTHOR_DATE=$(git show --no-patch --format=%cI HEAD)
GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
identity=(-c user.name=ztpurge -c user.email=ztpurge@users.noreply.github.com)
git "${identity[@]}" commit --quiet --message "Run the published image of $version" action.yml
git "${identity[@]}" tag --annotate --message "ztpurge $version" "$version"
git "${identity[@]}" tag --annotate --force --message "ztpurge $version" "${version%%.*}"
