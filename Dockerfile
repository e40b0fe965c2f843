# Builds the one binary that is server, sandbox and client.
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY proto proto
COPY third_party third_party
COPY src src
COPY benches benches
COPY clients/service-config.json clients/service-config.json
COPY clients/web/src clients/web/src
COPY clients/web/demo clients/web/demo
RUN cargo build --profile dist --locked --bin fanfare

FROM debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Fanfare" \
      org.opencontainers.image.description="A self-hosted Web Push delivery service" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT" \
      org.opencontainers.image.source="https://github.com/fanfare-push/fanfare" \
      org.opencontainers.image.documentation="https://github.com/fanfare-push/fanfare/blob/main/docs/operations.md"
# `sandbox` is where docker-compose.yml keeps the certificate that the sandbox writes and the server reads.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/fanfare --create-home fanfare \
 && install -d -m 0700 -o fanfare -g fanfare /var/lib/fanfare/data /var/lib/fanfare/sandbox
COPY --from=build /build/target/dist/fanfare /usr/local/bin/fanfare
USER fanfare
WORKDIR /var/lib/fanfare
ENV FANFARE_STORE__DATA_DIR=/var/lib/fanfare/data
# gRPC; metrics and health; the sandbox's push service and its control API.
EXPOSE 8030 8031 8032 8033
# Opening a large store after a crash takes its time. A full disk makes it unhealthy: no reason to restart it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --retries=3 CMD ["fanfare", "health"]
ENTRYPOINT ["fanfare"]
CMD ["serve"]
