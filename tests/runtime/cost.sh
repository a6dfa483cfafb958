#!/bin/sh
# SPDX-License-Identifier: MIT
# What system/runtime.hpp costs the process: instructions (valgrind) and nanoseconds per pair of new and delete, per recv(), and
# per 8 KiB that pass the frame counter, and CPU time per message over tcp and CURVE in plain C; the same program without it
# beside it. Ends with 1 when a bar is not held; times have none.
# Usage: cost.sh WITHOUT WITH STREAM_WITHOUT STREAM_WITH [VALGRIND]; with IRONHOUSE_TURNS=1 times are taken once, and roughly.
set -eu
without=$1
with=$2
stream_without=$3
stream_with=$4
valgrind=${5-}
turns=${IRONHOUSE_TURNS:-7}

nanoseconds() { # program what: the best of seven
    case $2 in
    *65536 | frames*) rounds=20000 ;;
    *) rounds=200000 ;;
    esac
    "$1" "$2" $((rounds * turns / 7))
}
# Two counts, and their difference: what happens once falls out.
collected() {
    "$valgrind" --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=measured "$1" "$2" "$3" 2>&1 >/dev/null |
        awk '/Collected/ { print $NF; found = 1 } END { exit !found }'
}
instructions() {
    if [ -z "$valgrind" ]; then
        echo 0
        return
    fi
    few=$(collected "$1" "$2" 100)
    many=$(collected "$1" "$2" 300)
    echo $(((many - few) / 200))
}

failed=0
printf '%-34s %12s %12s %10s %10s\n' '' 'instructions' 'with' 'ns' 'with'
row() { # label, what, what without it ("-": nothing to compare with), most instructions more than that
    with_i=$(instructions "$with" "$2")
    with_n=$(nanoseconds "$with" "$2")
    if [ "$3" = - ]; then
        without_i=0 without_n=0.0
    else
        without_i=$(instructions "$without" "$3")
        without_n=$(nanoseconds "$without" "$3")
    fi
    printf '%-34s %12d %12d %10.1f %10.1f\n' "$1" "$without_i" "$with_i" "$without_n" "$with_n"
    if [ $((with_i - without_i)) -gt "$4" ]; then
        echo "  the bar is $4 instructions more"
        failed=1
    fi
}
row 'new + delete, 64 B' new-64 new-64 120
row 'new + delete, 1 KiB' new-1024 new-1024 200
row 'new + delete, 64 KiB' new-65536 new-65536 80000
row 'new(nothrow) + delete, 64 B' nothrow-64 nothrow-64 400
row 'new(nothrow) + delete, 1 KiB' nothrow-1024 nothrow-1024 4500
row 'new(nothrow) + delete, 64 KiB' nothrow-65536 nothrow-65536 350000
row 'recv, not registered' recv recv 60
row 'recv, a registered connection' recv-registered recv 90
row 'frames of 1 B, 8 KiB of them' frames-1B - 18000
row 'frames of 1000 B, 8 KiB of them' frames-1000B - 2500

# In turns, and the best of them: the rest of the machine has its say in both.
message() { # label, size, messages
    for _ in $(seq "$turns"); do
        "$stream_without" stream $(($3 * turns / 7)) "$2" >>"$work/without.$2"
        "$stream_with" stream $(($3 * turns / 7)) "$2" >>"$work/with.$2"
    done
    printf '%-34s %12s %12s %10.0f %10.0f\n' "$1" '' '' "$(best "$work/without.$2")" "$(best "$work/with.$2")"
}
best() { sort -n "$1" | head -n 1 | cut -d ' ' -f 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
message 'a message of 32 B, CPU time' 32 100000
message 'a message of 1 KiB, CPU time' 1024 50000
message 'a message of 16 KiB, CPU time' 16384 10000
[ -n "$valgrind" ] || echo 'valgrind was not found: no instructions were counted, and no bar was held'
exit $failed
