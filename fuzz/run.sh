#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fuzz/run.sh BUILD SECONDS [NAME...] - runs each fuzz target for so long, from its corpus
#
# New inputs are kept below BUILD/fuzz-found, and inputs that fail there as NAME-crash-...; the
# corpus in the tree stays small and is added to by hand.
set -eu

build=$1
seconds=$2
shift 2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
failed=
for name in ${*:-format order project client output name syscall}; do
    [ "$name" != hostile ] || continue
    found=$build/fuzz-found/$name
    mkdir -p "$found"
    echo "== $name, $seconds s"
    if ! ASAN_OPTIONS=handle_segv=1:allow_user_segv_handler=1:detect_stack_use_after_return=0 \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
        "$build/fuzz/fuzz_$name" -max_total_time="$seconds" -print_final_stats=1 -timeout=20 \
        -artifact_prefix="$build/fuzz-found/$name-" "$found" "$here/corpus/$name" \
        >"$found.log" 2>&1; then
        failed="$failed $name"
        tail -n 60 "$found.log"
    fi
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec)' "$found.log" || true
done
if [ $# -eq 0 ] || [ "$*" = hostile ]; then
    echo "== hostile, $seconds s"
    "$here/hostile.sh" "$build/host/ntboxd" "$build/test/user/iotest.so" \
        "$build/test/user/sharepage.so" "$build/fuzz/fuzz_hostile" --seconds "$seconds" --patience 300 || failed="$failed hostile"
fi
if [ -n "$failed" ]; then
    echo "findings:$failed (inputs: $build/fuzz-found)"
    exit 1
fi
