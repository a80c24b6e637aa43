#!/usr/bin/env bash
# release.sh v1.2.3 NAME@sha256:DIGEST: on top of the commit that is checked out, commit an action.yml that runs the
# published image, and tag that commit v1.2.3 and, if no higher version of its major is tagged, v1. All tags must be
# here. Nothing is pushed. The same source makes the same commit and tags again.
set -euo pipefail
version=$1
image=$2
cd "$(git rev-parse --show-toplevel)"

[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "not a version: $version" >&2; exit 1; }
[[ $image =~ ^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$ ]] || { echo "not an image by digest: $image" >&2; exit 1; }
major=${version%%.*}

sed -i "s|^  image: Dockerfile$|  image: docker://$image|" action.yml
grep -qxF "  image: docker://$image" action.yml
# the dates of the source make the commit the same whenever this runs, so that a release can be run again
GIT_AUTHOR_DATE=$(git show --no-patch --format=%cI HEAD)
GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
identity=(-c user.name=ztpurge -c user.email=ztpurge@users.noreply.github.com)
git "${identity[@]}" commit --quiet --message "Run the published image of $version" action.yml

if tagged=$(git rev-parse --quiet --verify "refs/tags/$version^{commit}"); then
  if [[ $tagged != "$(git rev-parse HEAD)" ]]; then
    echo "$version is released, from another source or with another image: take the next version" >&2
    exit 1
  fi
else
  git "${identity[@]}" tag --annotate --message "ztpurge $version" "$version"
fi
highest=$(git tag --list "$major.*" | grep -xE 'v[0-9]+\.[0-9]+\.[0-9]+' | sort --version-sort | tail -n 1)
if [[ $highest == "$version" ]]; then
  git "${identity[@]}" tag --annotate --force --message "ztpurge $version" "$major" >/dev/null
fi
