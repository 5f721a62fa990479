#!/usr/bin/env bash
# Makes what a release consists of, in dist/: binaries with their bills of materials, what they are deployed with, the chart,
# the notes and checksums; and the images where an engine is here. It pushes and tags nothing.
#
#   make release             from a clean tree, with the version's own heading in CHANGELOG.md
#   make release DRY=1       all but what takes long: no binaries, no images. Part of `make check`
set -euo pipefail
cd "$(dirname "$0")/.."

dry="${DRY:-}"
readonly SERVICES=(gateway token-broker)

say() { printf 'release: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

version="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
# The time of the commit, in everything: what is made twice is the same.
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
export SOURCE_DATE_EPOCH
dist="$PWD/dist"
[ -z "$dry" ] || dist="$(mktemp -d)"

# Everything that must be so before anything is made.
conditions() {
  [[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$ ]] || fail "Cargo.toml: \"$version\" is no version"
  local rust
  rust="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)"
  local name
  for name in version appVersion; do
    grep -qx "$name: $version" deploy/helm/mcp-cost-server/Chart.yaml || fail "Chart.yaml: $name is not $version, which Cargo.toml has"
  done
  grep -q "^FROM rust:$rust-" deploy/Dockerfile || fail "deploy/Dockerfile does not build with Rust $rust, which Cargo.toml promises"
  [ -z "$dry" ] || return 0
  [ -z "$(git status --porcelain)" ] || fail "the working tree is not clean: commit first"
  make msrv advisories >&2
  tests/check_proto.sh baseline >&2
  [ -z "$(git status --porcelain proto)" ] || fail "the contract's baseline has moved: commit proto/baseline first"
}

# What the changelog says of a version.
notes() {
  local heading="$version"
  [ -z "$dry" ] || grep -q "^## \[$version\]" CHANGELOG.md || heading=Unreleased
  awk -v heading="## [$heading]" 'index($0, "## [") == 1 { inside = index($0, heading) == 1; next } inside' CHANGELOG.md |
    sed '/./,$!d' >"$dist/NOTES.md"
  [ -s "$dist/NOTES.md" ] || fail "CHANGELOG.md says nothing under \"## [$heading]\""
}

# pack NAME FOLDER...: an archive that is the same each time.
pack() {
  local name="$1"; shift
  tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw --mtime="@$SOURCE_DATE_EPOCH" \
    --create --file - "$@" | gzip --no-name >"$dist/$name.tar.gz"
}

binaries() {
  local tool
  for tool in auditable cyclonedx; do
    cargo "$tool" --version >/dev/null 2>&1 || fail "cargo-$tool is missing: tests/setup.sh release installs it"
  done
  local target
  target="$(rustc -vV | sed -n 's/^host: //p')"
  # Nothing in a binary says where, or when, it was built.
  RUSTFLAGS="--remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
    cargo auditable build --release --locked -p gateway -p token-broker
  cargo cyclonedx --format json --spec-version 1.5 --target "$target"
  local service
  for service in "${SERVICES[@]}"; do
    sed "s|file://$PWD|file://.|g" "crates/$service/$service.cdx.json" >"$dist/$service-$version.cdx.json"
    tar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --create --file - -C target/release "$service" |
      gzip --no-name >"$dist/$service-$version-$target.tar.gz"
  done
  git clean --force --quiet -- '*.cdx.json'
}

images() {
  VERSION="$version" deploy/images.sh || say "no images in this release"
}

chart() {
  local said
  said="$(tests/deploy/.venv/bin/python tests/deploy/chart.py package "$dist" 2>&1)" ||
    fail "the chart was not packed (tests/setup.sh deploy installs what packs it): $said"
}

checksums() {
  (cd "$dist" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
  (cd "$dist" && sha256sum --check --quiet SHA256SUMS)
}

mkdir -p "$dist"
conditions
notes
pack "deploy-$version" deploy docs LICENSE-APACHE LICENSE-MIT README.md SECURITY.md
chart
if [ -z "$dry" ]; then
  binaries
  images
fi
checksums
if [ -n "$dry" ]; then
  rm -r "$dist"
  say "dry run: $version could be released"
else
  say "$version is in dist/. Read NOTES.md, try the images, then tag: git tag -s v$version"
fi
