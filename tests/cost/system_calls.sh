#!/bin/sh
# SPDX-License-Identifier: MIT
# System calls over tcp and CURVE: of the application's thread per round trip, Ironhouse against raw C; and of the sentry,
# which looks at busy connections at most 500 times a second, however many messages they carry.
# How often a thread really sleeps is the scheduler's choice, so the two take turns on one processor, and of each the run
# with the fewest calls counts; on a busy machine these still vary by 10 %. One call more per wait would be 30 %. libzmq's own threads
# are left out: their calls depend on how the kernel slices the stream. Usage: system_calls.sh RAW HARDENED
set -eu
rounds=500
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Prints the application's calls per round trip, and the sentry's per second.
count() {
    taskset -c 0 strace -f -Y -ttt -o "$work/trace" "$1" pingpong $rounds >"$work/said"
    awk -v n=$rounds '
        /write\(-1, "begin"/ { on = 1; since = $2; next }
        /write\(-1, "end"/ { on = 0; until = $2; next }
        on && !/ZMQbg/ && !/resumed>/ { if (/<ironhouse>/) sentry++; else calls++ }
        END { if (!until) exit 1; printf "%.3f %.0f\n", calls / n, sentry / (until - since) }' "$work/trace"
}
for run in 1 2 3 4 5; do
    count "$1" >>"$work/raw"
    count "$2" >>"$work/hardened"
done
fewest() { cut -d ' ' -f "$2" "$work/$1" | sort -n | head -n 1; }
awk -v r="$(fewest raw 1)" -v h="$(fewest hardened 1)" -v s="$(fewest hardened 2)" 'BEGIN {
    printf "system calls per round trip: raw %.3f, ironhouse %.3f (bar: no more, give or take 15 %%)\n", r, h
    printf "system calls of the sentry meanwhile: %d a second (bar: above 0, and at most 500 looks, of 5 calls each: a wait, and two for either end)\n", s
    exit h > 1.15 * r || s == 0 || s > 2500
}'
