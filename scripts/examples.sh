#!/bin/sh
# Runs every example: quickstart against a real server on a free port, and
# embedded_core, which needs none. Stops what it starts.
set -eu

cargo build --quiet -p nexo-server --bin nexo-server
cargo build --quiet --examples
target=${CARGO_TARGET_DIR:-target}/debug

echo "== embedded_core"
"$target/examples/embedded_core"

echo "== quickstart"
log=$(mktemp)
env -u DATABASE_URL "$target/nexo-server" --ephemeral --listen 127.0.0.1:0 >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -f "$log"' EXIT

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
