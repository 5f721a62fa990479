#!/usr/bin/env bash
# Installs the pinned clients beside this file: Python ones into .venv, Node ones into node_modules; and makes what the
# Python consumer of the token broker is built with, the stubs of its contract, in .stubs.
# Does nothing (in milliseconds) when the lock files have not changed since it last succeeded.
set -euo pipefail
cd "$(dirname "$0")"

# Two test runs may start at once: the second waits, then finds the work done.
exec 9>.setup.lock
flock 9

say() { printf 'clients: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
stamp() { cat "$@" | sha256sum | cut -d' ' -f1; }
stamped() { [ "$(cat "$1/.stamp" 2>/dev/null)" = "$2" ]; }

# The example of a consumer (crates/proto/examples/python) brings requirements of its own.
readonly EXAMPLE=../../crates/proto/examples/python/requirements.txt
readonly CONTRACT=token_broker/v1/token_broker.proto

# An absolute path in a copied checkout's venv points into the old one: the stamp holds the path too.
python_stamp="$(stamp requirements.txt "$EXAMPLE") $PWD"
node_stamp="$(stamp package.json package-lock.json)"

if ! stamped .venv "$python_stamp" || ! .venv/bin/python -c '' 2>/dev/null; then
  python=""
  for candidate in python3 /usr/bin/python3; do
    # ensurepip is what Debian splits off into python3-venv.
    if "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      python="$candidate"
      break
    fi
  done
  [ -n "$python" ] || fail "Python 3.10 or newer with venv is needed: apt-get install python3-venv"
  say "installing the Python clients (requirements.txt)"
  rm -rf .venv
  "$python" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --requirement requirements.txt --requirement "$EXAMPLE"
  echo "$python_stamp" >.venv/.stamp
fi

# What the page of the contract installs: fetched here, so that the test of that page needs no network.
wheels_stamp="$(stamp "$EXAMPLE") $(.venv/bin/python --version)"
if ! stamped .wheels "$wheels_stamp"; then
  say "fetching the packages of the example"
  rm -rf .wheels
  .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-input --dest .wheels --requirement "$EXAMPLE"
  echo "$wheels_stamp" >.wheels/.stamp
fi

stubs_stamp="$(stamp "../../proto/$CONTRACT" "$EXAMPLE")"
if ! stamped .stubs "$stubs_stamp"; then
  rm -rf .stubs
  mkdir .stubs
  .venv/bin/python -m grpc_tools.protoc --proto_path=../../proto --python_out=.stubs --grpc_python_out=.stubs "$CONTRACT"
  echo "$stubs_stamp" >.stubs/.stamp
fi

if ! stamped node_modules "$node_stamp"; then
  command -v npm >/dev/null || fail "npm is needed: apt-get install npm"
  say "installing the Node clients (package-lock.json)"
  # The Node that runs them is itself one of the packages: the system's own may be too old, and only
  # unpacks them here. Hence no engine check.
  npm ci --engine-strict=false --loglevel=error >&2
  echo "$node_stamp" >node_modules/.stamp
fi
