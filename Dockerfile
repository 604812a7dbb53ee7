# syntax=docker/dockerfile:1
FROM golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /rohrpost .

# Not an empty image: backups are made and proved by PostgreSQL's own programs, no older than the server.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates postgresql-client-17 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/rohrpost --create-home rohrpost \
    && mkdir -p /var/lib/rohrpost/blobs /var/lib/rohrpost/backups \
    && chown -R rohrpost: /var/lib/rohrpost
COPY --from=build /rohrpost /usr/local/bin/rohrpost
USER 10001
WORKDIR /var/lib/rohrpost
ENV API_ADDR=:8080 METRICS_ADDR=:9090 BLOB_URL=file:///var/lib/rohrpost/blobs
EXPOSE 8080 9090
ENTRYPOINT ["rohrpost"]
CMD ["api"]
