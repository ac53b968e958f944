#!/bin/sh
# Makes sure that the programs are installed that some tests put beside the server:
# Redis, promtool, HAProxy, nginx, PgBouncer and faketime. (Debian's packages start services
# of their own; the tests do not use them.) Installs what is missing where it may,
# and says the command where it may not: that is no failure, since tests without
# their program skip themselves and say so.
set -eu

missing=
need() {
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
need redis-server redis-server
need promtool prometheus
need haproxy haproxy
need nginx nginx-light
need pgbouncer pgbouncer
need faketime faketime
need openssl openssl

[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    # Without a terminal nobody could type a password.
    if command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then as_root=sudo; else as_root=none; fi
fi

if [ "$as_root" = none ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Tests that need them will be skipped: not installed are$missing." >&2
    echo "On Debian, as root: apt-get install --no-install-recommends$missing" >&2
    exit 0
fi

echo "Not installed are$missing; installing them with apt-get" >&2
# Unquoted on purpose: one word a package.
$as_root apt-get update &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing || {
    echo "They could not be installed: tests that need them will be skipped." >&2
}
