#!/bin/sh
# SPDX-License-Identifier: MIT
# System calls per round trip of the application's thread and the sentry, over tcp and CURVE: Ironhouse against raw C.
# How often a thread really sleeps is the scheduler's choice, so the two take turns on one processor, and of each the run
# with the fewest calls counts; on a busy machine these still vary by 10 %. One call more per wait would be 30 %. libzmq's own threads
# are left out: their calls depend on how the kernel slices the stream. Usage: system_calls.sh RAW HARDENED
set -eu
rounds=500
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count() {
    taskset -c 0 strace -f -Y -o "$work/trace" "$1" pingpong $rounds
    awk -v n=$rounds '
        /write\(-1, "begin"/ { on = 1; next }
        /write\(-1, "end"/ { on = 0; ended = 1 }
        on && !/ZMQbg/ && !/resumed>/ { calls++ }
        END { if (!ended) exit 1; printf "%.3f\n", calls / n }' "$work/trace"
}
for run in 1 2 3 4 5 6 7 8 9; do
    count "$1" >>"$work/raw"
    count "$2" >>"$work/hardened"
done
fewest() { sort -n "$1" | head -n 1; }
raw=$(fewest "$work/raw")
hardened=$(fewest "$work/hardened")
awk -v r="$raw" -v h="$hardened" 'BEGIN {
    printf "system calls per round trip: raw %.3f, ironhouse %.3f (bar: no more, give or take 15 %%)\n", r, h
    exit h > 1.15 * r
}'
