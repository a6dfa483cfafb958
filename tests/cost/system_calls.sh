#!/bin/sh
# SPDX-License-Identifier: MIT
# System calls per round trip of the application's thread and the sentry, over tcp and CURVE: Ironhouse against raw C.
# The two take turns; the medians of five runs are compared. libzmq's own threads are left out: their calls depend on how
# the kernel slices the stream. Usage: system_calls.sh RAW HARDENED
set -eu
rounds=2000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count() {
    strace -f -Y -o "$work/trace" "$1" pingpong $rounds
    awk -v n=$rounds '
        /write\(-1, "begin"/ { on = 1; next }
        /write\(-1, "end"/ { on = 0; ended = 1 }
        on && !/ZMQbg/ && !/resumed>/ { calls++ }
        END { if (!ended) exit 1; printf "%.3f\n", calls / n }' "$work/trace"
}
for run in 1 2 3 4 5; do
    count "$1" >>"$work/raw"
    count "$2" >>"$work/hardened"
done
median() { sort -n "$1" | sed -n 3p; }
raw=$(median "$work/raw")
hardened=$(median "$work/hardened")
awk -v r="$raw" -v h="$hardened" 'BEGIN {
    printf "system calls per round trip: raw %.3f, ironhouse %.3f (bar: no more; 1 %% for the scheduler)\n", r, h
    exit h > 1.01 * r
}'
