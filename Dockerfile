# syntax=docker/dockerfile:1
# Leasehold as one static binary on an image that holds nothing else to run.
#
# This file has not been built by the project's own tests, which have no container engine: they make their image from a
# local program. Whoever builds it first should run `leasehold --version` in the result; see docs/install.md.
#
#   docker build -t ghcr.io/leasehold/leasehold:0.1.0 .
#   docker buildx build --platform linux/amd64,linux/arm64 -t … --push .

ARG RUST=1.95.0
# Alpine's own target is musl, so no cross compiler is needed; each platform is built on itself (or under emulation).
FROM docker.io/library/rust:${RUST}-alpine AS build
# `ring` compiles C and assembly, jemalloc is built with make.
RUN apk add --no-cache make musl-dev
WORKDIR /src
# Only what the program is made of: a change of documentation, charts or tests keeps the layers. The other members of the
# workspace are needed for Cargo to read it, and are not built.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY e2e/operators e2e/operators
COPY e2e/hollow e2e/hollow
COPY templates templates
COPY src src
# Said outright, since a dynamic binary would build as well and start nowhere.
ENV RUSTFLAGS="-C target-feature=+crt-static"
# One cache a platform. The binary is copied out, because a cache is no part of the image.
ARG TARGETARCH
RUN --mount=type=cache,id=leasehold-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=leasehold-target-${TARGETARCH},target=/src/target,sharing=locked \
    cargo build --release --locked --package leasehold --bin leasehold \
    && cp target/release/leasehold /leasehold \
    && /leasehold --version

# CA certificates, /etc/passwd with `nonroot` (65532), no shell, no package manager, no libc.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="leasehold" \
      org.opencontainers.image.description="Fleet manager for the operator-per-tenant pattern on Kubernetes" \
      org.opencontainers.image.source="https://github.com/leasehold/leasehold" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /leasehold /usr/local/bin/leasehold
# By number: `runAsNonRoot` cannot judge a name.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/leasehold"]
CMD ["run"]
