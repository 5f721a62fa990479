#!/usr/bin/env bash
# Builds the image of each service, from the last commit's time: `make images`.
#
#   ENGINE=podman PREFIX=registry.example.com/mcp/ VERSION=1.2.3 deploy/images.sh
set -euo pipefail
cd "$(dirname "$0")/.."

readonly SERVICES=(gateway token-broker emulator)
version="${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)}"
prefix="${PREFIX:-mcp-cost-server/}"

# The first engine that answers: a client without its daemon builds nothing.
engine() {
  local candidate
  for candidate in ${ENGINE:-docker podman}; do
    if "$candidate" info >/dev/null 2>&1; then echo "$candidate"; return; fi
  done
  echo "images: no container engine answers. On Debian: apt-get install --no-install-recommends podman" >&2
  echo "images: without one, tests/e2e/compose.rs runs the binaries as the images would" >&2
  return 1
}

engine="$(engine)"
epoch="$(git log -1 --format=%ct)"
for service in "${SERVICES[@]}"; do
  echo "images: $prefix$service:$version" >&2
  DOCKER_BUILDKIT=1 "$engine" build --file deploy/Dockerfile --target "$service" \
    --build-arg "SOURCE_DATE_EPOCH=$epoch" --tag "$prefix$service:$version" .
done
