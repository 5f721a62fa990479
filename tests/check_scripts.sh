#!/usr/bin/env bash
# Fails if a script in this repository does not parse, or is not executable.
set -euo pipefail
cd "$(dirname "$0")/.."

count=0
status=0
while IFS= read -r -d '' file; do
  [ -f "$file" ] && IFS= read -r first <"$file" || continue
  case "$first" in
  '#!'*bash | '#!'*sh)
    bash -n "$file" || status=1
    [ -x "$file" ] || { echo "$file: not executable" >&2; status=1; }
    count=$((count + 1))
    ;;
  esac
done < <(git ls-files -z --cached --others --exclude-standard -- '*.sh' '.ci/*' 'tests/clients/run' 'deploy/*')
echo "scripts: $count parsed"
exit "$status"
