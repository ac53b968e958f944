#!/bin/sh
# Makes sure that PostgreSQL 15 or newer is installed: its programs are enough,
# nothing needs to be running. (Debian's package starts a server of its own on
# port 5432; NEXO does not use it.) Installs it with the system's package manager
# where it may, and says the command where it may not.
set -eu

# Where the server looks, too.
found() {
    if [ -n "${NEXO_PG_BINDIR:-}" ]; then
        set -- "$NEXO_PG_BINDIR"
    else
        set -- "$(dirname "$(command -v postgres 2>/dev/null || echo /)")" \
            "$(pg_config --bindir 2>/dev/null || true)" \
            /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin /usr/lib64/postgresql-*/bin \
            /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
            /Applications/Postgres.app/Contents/Versions/*/bin
    fi
    for dir in "$@"; do
        [ -n "$dir" ] && [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] || continue
        major=$("$dir/postgres" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
        [ "${major:-0}" -ge 15 ] && return 0
    done
    return 1
}

found && exit 0
if [ -n "${NEXO_PG_BINDIR:-}" ]; then
    echo "NEXO_PG_BINDIR is $NEXO_PG_BINDIR, which has no PostgreSQL 15 or newer (postgres, initdb, pg_ctl)." >&2
    exit 1
fi

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
        echo "PostgreSQL 15 or newer was not found. Install it as root: dnf install postgresql-server postgresql-contrib" >&2
        exit 1
    fi
    install $as_root dnf install --assumeyes postgresql-server postgresql-contrib
else
    echo "PostgreSQL 15 or newer was not found. Install its server with your package manager, or set NEXO_PG_BINDIR to the folder of its binaries." >&2
    exit 1
fi

found || {
    echo "The package manager's PostgreSQL is older than 15. Install a newer one and set NEXO_PG_BINDIR to the folder of its binaries." >&2
    exit 1
}
