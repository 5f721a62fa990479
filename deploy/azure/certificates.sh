#!/bin/sh
# What gateway and broker know each other by, and the keys of the broker's cache. `azd` runs this around each provisioning.
#
#   certificates.sh           where nothing was provisioned yet: makes all of it, and leaves it to `azd` for the vault
#   certificates.sh rotate    makes authority and certificates anew; `azd provision` then writes them
#   certificates.sh forget    afterwards: what is in the vault is needed here no more
#
# The authority signs two certificates and its key is gone: nobody can make a third.
set -eu
umask 077

readonly DAYS=365
# The names of infra/main.bicep: the broker is dialled by its own, and knows the gateway by the other.
readonly BROKER=mcp-broker GATEWAY=mcp-gateway

# value NAME: of azd's environment, empty where it has none.
value() { if found="$(azd env get-value "$1" 2>/dev/null)"; then printf '%s' "$found"; fi; }
# keep NAME FILE: in base64, in one line.
keep() { azd env set "$1" "$(base64 <"$2" | tr -d '\n')"; }
random() { openssl rand -base64 32; }

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$DAYS" -subj "/CN=mcp-cost-server authority" \
    -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign -keyout authority.key -out authority.pem
}

# certificate NAME USAGE: NAME.pem holds the key and the certificate.
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
  printf 'subjectAltName=DNS:%s\nextendedKeyUsage=%s\nbasicConstraints=critical,CA:false\n' "$1" "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA authority.pem -CAkey authority.key -days "$DAYS" -extfile "$1.ext" -out "$1.crt"
  cat "$1.key" "$1.crt" >"$1.pem"
}

cache_keys() {
  printf 'names = "%s"\nseal_with = "1"\n\n[keys]\n1 = "%s"\n' "$(random)" "$(random)" >cache-keys.toml
  keep MCP_CACHE_KEYS cache-keys.toml
}

make_certificates() {
  authority
  certificate "$BROKER" serverAuth
  certificate "$GATEWAY" clientAuth
  keep MCP_AUTHORITY authority.pem
  keep MCP_BROKER_TLS "$BROKER.pem"
  keep MCP_GATEWAY_TLS "$GATEWAY.pem"
}

main() {
  if [ "${1:-}" = forget ]; then
    for name in MCP_AUTHORITY MCP_BROKER_TLS MCP_GATEWAY_TLS MCP_CACHE_KEYS; do azd env set "$name" ""; done
    return
  fi
  command -v openssl >/dev/null || { echo "openssl is missing. On Debian: apt-get install openssl" >&2; exit 1; }
  here="$(mktemp -d)"
  trap 'rm -rf "$here"' EXIT
  # azd finds its project by the folder.
  project="$PWD"
  azd() { (cd "$project" && command azd "$@"); }
  cd "$here"
  if [ "${1:-}" = rotate ]; then
    make_certificates
  elif [ -z "$(value MCP_VAULT)" ] && [ -z "$(value MCP_AUTHORITY)" ]; then
    make_certificates
    cache_keys
  fi
}

main "$@"
