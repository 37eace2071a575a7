#!/usr/bin/env bash
# Prints the name of this commit's image, as the outputs of a GitHub step: image, tags, version, commit, date.
# IMAGE is its name without a tag, such as me/onsale. GITHUB_REF_TYPE, GITHUB_REF_NAME and GITHUB_SHA are GitHub's.
# A push to main gives the tags latest and the first 7 characters of the commit; a tag such as v1.2.3
# gives v1.2.3 and these 7 characters.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
	echo "image-tags: $*" >&2
	exit 1
}

pattern='^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)+$'
[[ ${IMAGE-} =~ $pattern ]] || fail "IMAGE must be like me/onsale, in small letters and without a tag, not '${IMAGE-}'"
[[ ${GITHUB_SHA-} =~ ^[0-9a-f]{40}$ ]] || fail "GITHUB_SHA must have 40 digits, not '${GITHUB_SHA-}'"
case ${GITHUB_REF_TYPE-}/${GITHUB_REF_NAME-} in
branch/main) first=latest ;;
tag/v[0-9]*) first=$GITHUB_REF_NAME ;;
*) fail "the image is made of the branch main and of tags such as v1.2.3, not of ${GITHUB_REF_TYPE-} ${GITHUB_REF_NAME-}" ;;
esac
[[ $first =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || fail "'$first' cannot be the tag of an image"

cat <<EOF
image=$IMAGE
version=$(bash scripts/version.sh version)
commit=$GITHUB_SHA
date=$(bash scripts/version.sh date)
tags<<TAGS
$IMAGE:$first
$IMAGE:${GITHUB_SHA:0:7}
TAGS
EOF
