#!/usr/bin/env bash
# Installs the Debian packages that the tests need and that are not there yet.
set -euo pipefail

# package, and a pattern of files that shows it is there already (from whatever source)
needed=(
  "postgresql /usr/lib/postgresql/*/bin/initdb"
  "chromium /usr/bin/chromium"
  "prometheus /usr/bin/prometheus"
)

missing=()
for entry in "${needed[@]}"; do
  read -r package pattern <<<"$entry"
  compgen -G "$pattern" >/dev/null || command -v "$(basename "$pattern")" >/dev/null || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "The tests need: ${missing[*]}. This is not a Debian system: install them by its own means, then run again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "The tests need: ${missing[*]}. Install them as root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing Debian packages for the tests: ${missing[*]}"
# The tests start their own servers on free ports: no package may leave one running, now or after a restart.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if command -v systemctl >/dev/null; then
  for package in "${missing[@]}"; do
    "${as_root[@]}" systemctl disable --quiet "$package" 2>/dev/null || true
  done
fi
