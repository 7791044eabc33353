#!/usr/bin/env bash
# Makes the random secrets of a one-host installation in secrets/ beside docker-compose.yml. What is there stays.
set -euo pipefail
cd "$(dirname "$0")/../.."

umask 077
mkdir -p secrets
chmod 0700 secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Containers run as users of their own and must be able to read a file that Docker mounts from here,
# so the files are readable; the folder keeps every other account of this machine out.
keep() {
  local file="secrets/$1"
  if [ -f "$file" ]; then
    echo "kept  $file"
    return
  fi
  # Compose before 2.30 puts an empty folder in the place of a file that is missing.
  [ ! -d "$file" ] || rmdir "$file"
  printf '%s\n' "$2" >"$file.new"
  chmod 0444 "$file.new"
  mv -nT "$file.new" "$file"
  echo "made  $file"
}

keep postgres_password "$(random)"
keep grafana_password "$(random)"
keep register_key "$(head -c 32 /dev/urandom | base64)"
keep board_key "$(head -c 32 /dev/urandom | base64)"
keep headwater_case_db "postgresql://cases:$(random)@postgres/cases"
keep headwater_register_db "postgresql://register:$(random)@postgres/register"
keep registry.properties "apicurio.datasource.url=jdbc:postgresql://postgres/schemas
apicurio.datasource.username=schemas
apicurio.datasource.password=$(random)"
