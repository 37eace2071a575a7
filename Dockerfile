# An image that contains one binary and nothing else: no shell, no packages, no libraries.
#
#   make image                          builds it from the source
#   docker build --target prebuilt .    uses bin/onsale from make build on Linux
#
# BuildKit and the classic builder both build it. BuildKit sets BUILDPLATFORM, TARGETOS and
# TARGETARCH, and cross-compiles; the classic builder sets none of them, and builds for its own machine.
ARG BUILDPLATFORM=${BUILDPLATFORM:-linux/amd64}

# Everything except the binary.
FROM scratch AS base
ARG VERSION=dev
ARG COMMIT=unknown
ARG DATE=unknown
LABEL org.opencontainers.image.title="Onsale" \
      org.opencontainers.image.description="A ticket office built to be stormed, and to show itself being stormed" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${DATE}"
# An empty directory: a new volume gets its owner.
COPY --chown=65532:65532 deploy/image/data /data/
# The defaults of every command, which flags override.
ENV ONSALE_LISTEN=:8000 \
    ONSALE_DATA_DIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/onsale", "health", "--ready"]
ENTRYPOINT ["/onsale"]
CMD ["serve"]

# The classic builder also runs this stage when it builds the last one, perhaps without a binary: unlike a name, a
# pattern can match nothing.
FROM base AS prebuilt
COPY LICENSE bin/onsal[e] /

FROM --platform=${BUILDPLATFORM} golang:1.26.8-bookworm AS build
ARG GOPROXY=https://proxy.golang.org,direct
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ARG COMMIT=unknown
ARG DATE=unknown
# The same flags as in the Makefile, so that the binary is identical, byte for byte.
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
    -ldflags "-s -w \
      -X onsale/internal/telemetry.linkedVersion=${VERSION} \
      -X onsale/internal/telemetry.linkedRevision=${COMMIT} \
      -X onsale/internal/telemetry.linkedDate=${DATE}" \
    -o /onsale ./cmd/onsale

FROM base
COPY LICENSE /
COPY --from=build /onsale /
