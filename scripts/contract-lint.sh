#!/bin/sh
# Has Redocly's rules look at the description of the interface; an error or a warning fails.
#
#   scripts/contract-lint.sh
#
# Needs Node.js 20.19 or newer with npm; Redocly is installed below the target folder.
set -eu
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-target}/contract-lint
if [ ! -x "$tools/node_modules/.bin/redocly" ]; then
    npm install --silent --no-audit --no-fund --prefix "$tools" '@redocly/cli@2.77.0'
fi

# Strict: what would be a warning is an error. No rule is off.
"$tools/node_modules/.bin/redocly" lint --extends recommended-strict nexo-server/openapi.json
