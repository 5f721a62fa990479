#!/usr/bin/env bash
# Holds the contract in proto/ to its rules, with buf and without the network:
#
#   tests/check_proto.sh            lint; nothing broken since the last release; and the check itself notices a break
#   tests/check_proto.sh baseline   writes the contract as it is to proto/baseline: a release does that, and no check
#
# The rules are in proto/buf.yaml, the reasons in docs/adr/0017-the-contract-is-held-to-a-committed-baseline.md.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly BASELINE=proto/baseline/token_broker.v1.json
readonly CONTRACT=token_broker/v1/token_broker.proto

fail() { printf 'contract: %s\n' "$*" >&2; exit 1; }

buf=tests/.tools/bin/buf
[ -x "$buf" ] || buf="$(command -v buf)" ||
  fail "buf is missing. tests/setup.sh checks installs it; by hand: see https://buf.build/docs/cli/installation"
# It keeps nothing that a check needs, and a home folder may not be writable.
cache="$(mktemp -d)"
trap 'rm -rf "$cache"' EXIT
export BUF_CACHE_DIR="$cache/buf"

# broken FOLDER: the rules that the contract in FOLDER breaks towards the baseline, one to a line.
broken() {
  { "$buf" breaking "$1" --against "$BASELINE" --error-format=json || [ $? -eq 100 ]; } |
    python3 -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["type"])' | sort -u
}

# notices EXPECTED WHAT SED: the check reports EXPECTED, and nothing else, for the baseline's contract edited by SED.
notices() {
  local expected="$1" what="$2" edit="$3"
  rm -rf "$cache/proto"
  mkdir -p "$cache/proto/${CONTRACT%/*}"
  cp proto/buf.yaml "$cache/proto/"
  sed -E "$edit" "proto/$CONTRACT" >"$cache/proto/$CONTRACT"
  ! cmp -s "proto/$CONTRACT" "$cache/proto/$CONTRACT" || fail "the self-test \"$what\" changes nothing: correct its edit"
  local found
  found="$(broken "$cache/proto" | paste -sd ' ')"
  [ "$found" = "$expected" ] || fail "$what: expected \"$expected\", buf reports \"$found\""
}

self_test() {
  notices "FIELD_NO_DELETE" "a removed field" '/^  string claims = 3;/d'
  notices "FIELD_NO_DELETE" "a removed and reserved field" 's/^  string claims = 3;/  reserved 3;/'
  notices "FIELD_NO_DELETE" "a changed number" 's/^  string claims = 3;/  string claims = 4;/'
  notices "FIELD_SAME_TYPE" "a changed type" 's/^  string claims = 3;/  bytes claims = 3;/'
  notices "FIELD_SAME_JSON_NAME FIELD_SAME_NAME" "a renamed field" 's/^  string claims = 3;/  string challenge = 3;/'
  notices "FIELD_SAME_CARDINALITY" "a repeated field" 's/^  string claims = 3;/  repeated string claims = 3;/'
  notices "ENUM_VALUE_NO_DELETE" "a removed value" '/TOKEN_SOURCE_ENTRA = 2/d'
  notices "RPC_NO_DELETE" "a removed call" '/rpc PurgeUser/d'
  notices "RPC_SAME_SERVER_STREAMING" "a call that streams" 's/returns \(ExchangeResponse\)/returns (stream ExchangeResponse)/'
  notices "FILE_SAME_PACKAGE" "another package" 's/^package .*/package token_broker.v2;/'
  notices "" "an added field" 's/^  string claims = 3;/&\n  string added = 4;/'
  notices "" "an added value" 's/^  TOKEN_SOURCE_ENTRA = 2;/&\n  TOKEN_SOURCE_ADDED = 3;/'
  notices "" "an added call" 's/^  rpc PurgeUser.*/&\n  rpc Added(ExchangeRequest) returns (ExchangeResponse);/'
  notices "" "another comment" 's/Never sent\./Is never sent./'
}

check() {
  [ -f "$BASELINE" ] || fail "$BASELINE is missing: take it from the last release"
  "$buf" lint proto
  "$buf" breaking proto --against "$BASELINE" ||
    fail "consumers of the last release would break: add instead of changing, or begin a package token_broker.v2"
  self_test
  echo "contract: lint clean, nothing broken since the last release"
}

baseline() {
  [ ! -f "$BASELINE" ] || "$buf" breaking proto --against "$BASELINE" ||
    fail "the baseline is not moved over a break"
  mkdir -p "${BASELINE%/*}"
  # One line to a value, in a fixed form: what a release adds to the contract is read in its diff.
  "$buf" build proto --exclude-source-info -o "$cache/image.json"
  python3 -m json.tool --indent 2 "$cache/image.json" "$BASELINE"
  echo "contract: $BASELINE holds the contract as it is now"
}

case "${1:-check}" in
check) check ;;
baseline) baseline ;;
*) fail "usage: check_proto.sh [baseline]" ;;
esac
