#!/usr/bin/env bash
# Run once by PostgreSQL's container, on an empty volume: a database for each use, and a role that may enter only its own.
set -euo pipefail
secrets=${SECRETS:-/run/secrets}

# These files are the only places a password stands in; psql reads it from there, no command line shows it.
of_url() { sed -n 's|^postgresql://[^:]*:\([^@]*\)@.*$|\1|p' "$secrets/$1"; }
of_properties() { sed -n 's|^apicurio\.datasource\.password=||p' "$secrets/$1"; }

as_superuser() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres "$@"; }

make() {
  local name=$1 password=$2
  [ -n "$password" ] || { echo "no password for $name in $secrets: see infra/compose/make-secrets.sh" >&2; exit 1; }
  as_superuser --set name="$name" 3<<<"$password" <<'SQL'
\set password `cat <&3`
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke all on database :"name" from public;
SQL
}

make cases "$(of_url headwater_case_db)"
make register "$(of_url headwater_register_db)"
make schemas "$(of_properties registry.properties)"
as_superuser --command 'revoke all on database postgres, template1 from public'
