#!/bin/sh
# SPDX-License-Identifier: MIT
# Instructions per 32-byte message, inproc push to pull, one thread: Ironhouse against raw C with the same checks.
# Counted by callgrind as the difference of two runs, so that start and end cancel out. Usage: instructions.sh RAW HARDENED
set -eu
few=20000
many=60000
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" inproc "$2" 2>&1 |
        awk '/Collected :/ { print $4; found = 1 } END { exit !found }'
}
per_message() {
    first=$(count "$1" $few)
    second=$(count "$1" $many)
    awk -v a="$first" -v b="$second" -v n=$((many - few)) 'BEGIN { printf "%.1f\n", (b - a) / n }'
}
raw=$(per_message "$1")
hardened=$(per_message "$2")
awk -v r="$raw" -v h="$hardened" 'BEGIN {
    printf "instructions per message: raw %.1f, ironhouse %.1f, ratio %.3f (bar 1.05)\n", r, h, h / r
    exit h > 1.05 * r
}'
