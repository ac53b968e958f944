#!/bin/sh
# Runs each fuzz target for so many seconds (30), or those that are named after it:
#   sh scripts/fuzz.sh 600 request body
# Needs no nightly toolchain and no cargo-fuzz: libFuzzer comes with a crate, and the
# compiler's own flags instrument the code. What fails is kept in nexo-server/fuzz/artifacts.
set -eu
cd "$(dirname "$0")/../nexo-server/fuzz"
seconds=${1:-30}
[ "$#" -gt 0 ] && shift
[ "$#" -gt 0 ] || set -- request body query cursor token

# The versions of the server itself.
cp ../../Cargo.lock Cargo.lock
target=$(rustc -vV | sed -n 's/^host: //p')
# The triple is given so that build scripts are not instrumented too.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1" \
    cargo build --target "$target" --bins

for name in "$@"; do
    echo "== $name"
    mkdir -p "corpus/$name" artifacts
    NEXO_FUZZ_SEEDS="corpus/$name" "target/$target/debug/$name" "corpus/$name" \
        -artifact_prefix="artifacts/$name-" -max_total_time="$seconds" -timeout=10 -max_len=8192 \
        -rss_limit_mb=1024 -print_final_stats=1
done
