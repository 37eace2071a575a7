#!/usr/bin/env bash
# Checks an image in a registry: image-check.sh me/onsale@sha256:…
# It must be signed by IDENTITY (the workflow that made it), exist for amd64 and arm64, and have an SBOM and a
# provenance for each. Needs cosign, docker with buildx, and jq.
set -euo pipefail

fail() {
	echo "image-check: $*" >&2
	exit 1
}

reference=${1:?usage: image-check.sh NAME@sha256:DIGEST}
[[ $reference =~ @sha256:[0-9a-f]{64}$ ]] || fail "want a name with a digest, such as me/onsale@sha256:…, not $reference"
cosign verify --certificate-oidc-issuer https://token.actions.githubusercontent.com \
	--certificate-identity "${IDENTITY:?the address of the workflow that signed}" "$reference" >/dev/null
echo "signed by $IDENTITY"

index=$(docker buildx imagetools inspect --raw "$reference")
for platform in linux/amd64 linux/arm64; do
	digest=$(jq -r --arg p "$platform" '.manifests[] | select("\(.platform.os)/\(.platform.architecture)" == $p) | .digest' <<<"$index")
	[ -n "$digest" ] || fail "there is no image for $platform"
	attested=$(jq -r --arg d "$digest" '.manifests[]
		| select(.annotations["vnd.docker.reference.type"] == "attestation-manifest" and .annotations["vnd.docker.reference.digest"] == $d)
		| .digest' <<<"$index")
	[ -n "$attested" ] || fail "the image for $platform has no attestations"
	types=$(docker buildx imagetools inspect --raw "${reference%@*}@$attested" | jq -r '.layers[].annotations["in-toto.io/predicate-type"]')
	grep -q '^https://spdx.dev/Document' <<<"$types" || fail "the image for $platform has no SBOM, only: $types"
	grep -q '^https://slsa.dev/provenance/' <<<"$types" || fail "the image for $platform has no provenance, only: $types"
	echo "$platform: $digest, with SBOM and provenance"
done
docker run --rm "$reference" version
