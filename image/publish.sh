#!/usr/bin/env bash
# publish.sh v1.2.3 NAME@sha256:DIGEST: push the tag that release.sh made, make its release as a draft, publish that, and only
# then push the major tag, which release.sh moved or left. What is done already is left as it is.
set -euo pipefail
version=$1
image=$2
commit=$(git rev-parse "$version^{commit}")
newest=$(git tag --list 'v*' | grep -xE 'v[0-9]+\.[0-9]+\.[0-9]+' | sort --version-sort | tail -n 1)

git push --quiet origin "refs/tags/$version"

notes="\`\`\`yaml
- uses: $GITHUB_REPOSITORY@$commit # $version
\`\`\`

It runs the image \`$image\`; SECURITY.md says how to verify both."
if ! gh release view "$version" >/dev/null 2>&1; then
  gh release create "$version" --draft --verify-tag --title "$version" --notes "$notes" --generate-notes
fi
# published, tag and notes are fixed where the repository makes its releases immutable
if [[ $(gh release view "$version" --json isDraft --jq .isDraft) == true ]]; then
  gh release edit "$version" --draft=false --latest="$([[ $version == "$newest" ]] && echo true || echo false)"
fi

git push --quiet --force origin "refs/tags/${version%%.*}"
