#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fuzz/hostile.sh NTBOXD IOTEST SHAREPAGE FUZZ_HOSTILE [OPTIONS] - attacks a host of its own, then stops it
#
# Fails if the host dies, does not answer an honest client, or has something to say when it stops:
# a sanitizer's report, or what the audit found.
set -eu

ntboxd=$1
driver=$2
share=$3
attacker=$4
shift 4
folder=$(mktemp -d "${TMPDIR:-/tmp}/ntbox-hostile.XXXXXX")
chmod 755 "$folder" # attackers are somebody else
host=
finish()
{
    [ -z "$host" ] || kill -KILL "$host" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT INT TERM

# The kernel takes faults of its own: sanitizers must let it.
export ASAN_OPTIONS="handle_segv=1:allow_user_segv_handler=1:detect_stack_use_after_return=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
export TSAN_OPTIONS="halt_on_error=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

mkfifo "$folder/ready"
"$ntboxd" --socket "$folder/socket" --system --no-events --ready-fd 3 "$driver" "$share" \
    3>"$folder/ready" 2>"$folder/log" &
host=$!
if ! read -r line <"$folder/ready" || [ "$line" != ready ]; then
    cat "$folder/log" >&2
    echo "hostile: the host did not start" >&2
    exit 1
fi
code=0
"$attacker" --socket "$folder/socket" "$@" || code=1
kill -TERM "$host" 2>/dev/null || true
stopped=0
wait "$host" || stopped=$?
host=
if [ "$stopped" -ne 0 ]; then
    echo "hostile: the host ended with $stopped" >&2
    code=1
fi
[ "$code" -eq 0 ] || tail -n 80 "$folder/log" >&2
exit "$code"
