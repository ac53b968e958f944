#!/bin/sh
# Makes sure that PostgreSQL 15 or newer is installed: the server's binaries,
# not a running server. Installs it with the system's package manager where it
# may, and says the command where it may not.
set -eu

found() {
    for dir in "${NEXO_PG_BINDIR:-}" "$(pg_config --bindir 2>/dev/null || true)" \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /opt/homebrew/bin /usr/local/bin /usr/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin; do
        [ -n "$dir" ] && [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
        major=$("$dir/postgres" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
        [ "${major:-0}" -ge 15 ] && return 0
    done
    return 1
}

found && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    # Without a terminal nobody could type a password.
    if command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then as_root=sudo; else as_root=none; fi
fi

install() {
    echo "PostgreSQL 15 or newer was not found; installing it: $*" >&2
    "$@"
}

if command -v brew >/dev/null 2>&1; then
    install brew install postgresql@17
elif command -v apt-get >/dev/null 2>&1; then
    if [ "$as_root" = none ]; then
        echo "PostgreSQL 15 or newer was not found. Install it as root: apt-get install postgresql" >&2
        exit 1
    fi
    install $as_root apt-get update
    install $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql
elif command -v dnf >/dev/null 2>&1; then
    if [ "$as_root" = none ]; then
        echo "PostgreSQL 15 or newer was not found. Install it as root: dnf install postgresql-server" >&2
        exit 1
    fi
    install $as_root dnf install --assumeyes postgresql-server
else
    echo "PostgreSQL 15 or newer was not found. Install its server with your package manager, or set NEXO_PG_BINDIR to the folder of its binaries." >&2
    exit 1
fi

found || {
    echo "The package manager's PostgreSQL is older than 15. Install a newer one and set NEXO_PG_BINDIR to the folder of its binaries." >&2
    exit 1
}
