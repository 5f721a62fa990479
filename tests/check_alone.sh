#!/usr/bin/env bash
# Fails if a crate does not build by itself: in the workspace's build, each has what others ask of its dependencies, and
# its own features too. No crate here has features by default, so this is also each without any.
set -euo pipefail
cd "$(dirname "$0")/.."

count=0
for manifest in crates/*/Cargo.toml tests/Cargo.toml; do
  cargo check --quiet --no-default-features --manifest-path "$manifest" ||
    { echo "$manifest: does not build alone" >&2; exit 1; }
  count=$((count + 1))
done
echo "alone: $count crates"
