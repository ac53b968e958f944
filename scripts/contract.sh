#!/bin/sh
# Holds the server against its own description: starts one that keeps nothing on a free port, registers
# a user, and has schemathesis call every operation with good and bad requests, and chains of them. Stops what it starts.
#
#   scripts/contract.sh [requests an operation and phase]
#
# Needs Python 3.10 or newer with venv; schemathesis is installed below the target folder.
set -eu
cd "$(dirname "$0")/.."

examples=${1:-20}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
config=$PWD/scripts/contract.toml
SCHEMATHESIS_HOOKS=$PWD/scripts/contract_hooks.py
export SCHEMATHESIS_HOOKS
cargo build --quiet -p nexo-server --bin nexo-server

venv=$target/contract
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'schemathesis==4.32.5'
fi

work=$(mktemp -d)
# Without limits on how often somebody calls: that is what all of this does.
env -u DATABASE_URL -u REDIS_URL NEXO_RATE_LIMIT=off NEXO_RATE_LIMIT_AUTH=off NEXO_RATE_LIMIT_USER=off \
    NEXO_ACCESS_TOKEN_TTL=12h NEXO_LOG=warn,nexo_server=info \
    "$target/debug/nexo-server" --ephemeral --listen 127.0.0.1:0 --metrics-listen off >"$work/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

url=
tries=0
until url=$(sed -n 's/^NEXO .* listens on \(http[^ ]*\).*/\1/p' "$work/log") && [ -n "$url" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "the server did not start:" >&2
        cat "$work/log" >&2
        exit 1
    fi
    sleep 0.1
done
until curl -fs "$url/ready" >/dev/null; do
    kill -0 "$server"
    sleep 0.1
done

# Whoever registers, by a name; their token.
register() {
    curl -fsS "$url/api/auth/register" -H 'Content-Type: application/json' \
        -d '{"email":"'"$1"'@example.com","password":"wooden engines weave numbers","name":"Ada","account_name":"Engines"}' |
        sed 's/.*"access_token":"\([^"]*\)".*/\1/'
}

# Not checked: what a test of NEXO's own holds for each route (tokens, methods), and whether whatever the document
# takes is accepted, since records refer to others that must be there.
failed=0
# Has somebody of that name call some of the operations.
call() {
    token=$(register "$1")
    shift
    "$venv/bin/schemathesis" --config-file "$config" run "$url/openapi.json" \
        --header "Authorization: Bearer $token" \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection \
        --max-examples "$examples" \
        --generation-database none \
        "$@" || failed=1
}

cd "$work"
# What would end the session, or hold its user out of the account, is somebody else's each.
ends='logout logoutEverywhere leaveAccount switchAccount changePassword deleteUser updateSettings'
others=
for operation in $ends; do others="$others --exclude-operation-id $operation"; done
# Unquoted on purpose: one word each.
call ada --phases examples,coverage,fuzzing,stateful --workers 2 --exclude-operation-id-regex 'Short$' $others
for operation in $ends; do
    call "$operation" --phases examples,coverage,fuzzing --include-operation-id "$operation"
done
# The same once more under their short paths, which are the same handlers: no need to invent as much.
call short --phases examples,coverage --workers 2 --include-operation-id-regex 'Short$'
exit "$failed"
