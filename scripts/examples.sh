#!/bin/sh
# Runs every example: quickstart, import_clients, api_key and audit_tail against a real server on a
# free port, and embedded_core, which needs none. Stops what it starts.
set -eu

cargo build --quiet -p nexo-server --bin nexo-server
cargo build --quiet --examples
target=${CARGO_TARGET_DIR:-target}/debug

echo "== embedded_core"
"$target/examples/embedded_core"

echo "== quickstart"
log=$(mktemp)
files=$(mktemp -d)
# Together they come more often than one address may.
env -u DATABASE_URL -u REDIS_URL NEXO_RATE_LIMIT=off NEXO_RATE_LIMIT_AUTH=off NEXO_RATE_LIMIT_USER=off \
    "$target/nexo-server" --ephemeral --listen 127.0.0.1:0 --metrics-listen off >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$log" "$files"' EXIT

url=
tries=0
until url=$(sed -n 's/^NEXO .* listens on \(http[^ ]*\).*/\1/p' "$log") && [ -n "$url" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "the server did not start:" >&2
        cat "$log" >&2
        exit 1
    fi
    sleep 0.1
done
NEXO_URL=$url "$target/examples/quickstart"

echo "== import_clients"
{
    echo "external_id,name,email,status"
    i=0
    while [ "$i" -lt 2000 ]; do
        i=$((i + 1))
        echo "old-$i,Client $i,client-$i@example.com,active"
    done
    echo "old-1,Twice,,"
} >"$files/clients.csv"
export NEXO_URL=$url NEXO_EMAIL=importer@example.com NEXO_PASSWORD='wooden engines weave numbers'
"$target/examples/import_clients" --register --dry-run "$files/clients.csv"
"$target/examples/import_clients" "$files/clients.csv"
grep -q '^2002,failed,old-1,' "$files/clients.refused.csv"

echo "== api_key"
"$target/examples/api_key" >"$files/key"
grep -q '^after its end: ' "$files/key"
cat "$files/key"

echo "== audit_tail"
"$target/examples/audit_tail" 0 >"$files/audit"
grep -q ': create clients ' "$files/audit"
grep -q ': login sessions ' "$files/audit"
tail -n 3 "$files/audit"
