#!/bin/sh
# SPDX-License-Identifier: MIT
# How programs are linked with system/runtime.hpp, and what each says of itself: once, twice, not at all, optimised in every way,
# under sanitizers, with a static libzmq, with one that calls something else, and where there is no Linux.
# Usage: links.sh WORK COMPILER FLAGS...; the flags are those of every source file.
set -eu
work=$1
compiler=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
cd "$work"
libraries='-lzmq -lsodium'
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}
expect() { # what, said, expected
    case $2 in
    "$3"*) echo "$1: $2" ;;
    *) fail "$1: said \"$2\", not \"$3\"" ;;
    esac
}
run() { # what, expected, flags...
    what=$1 expected=$2
    shift 2
    # shellcheck disable=SC2086
    if ! "$compiler" "$@" "$here/says.cpp" -o says $libraries >said 2>&1; then
        fail "$what: does not build: $(cat said)"
        return
    fi
    expect "$what" "$(./says)" "$expected"
}

run 'not included' 'no source file of this program includes' "$@"
for how in -O0 '-O2 -Wl,-z,now' '-O2 -D_FORTIFY_SOURCE=2 -fvisibility=hidden' '-O2 -fno-pie -no-pie -ffunction-sections -Wl,--gc-sections'; do
    # shellcheck disable=SC2086
    run "included, $how" 'in effect' "$@" -DWITH_RUNTIME $how
done
run 'AddressSanitizer' 'it is off under AddressSanitizer' "$@" -DWITH_RUNTIME -fsanitize=address
run 'ThreadSanitizer' 'it is off under ThreadSanitizer' "$@" -DWITH_RUNTIME -fsanitize=thread

for how in -O1 '-O1 -fsanitize=address'; do
    # shellcheck disable=SC2086
    if "$compiler" "$@" -DWITH_RUNTIME $how "$here/says.cpp" "$here/again.cpp" -o twice $libraries >said 2>&1; then
        fail "included twice, $how: it linked"
    elif ! grep -q 'ironhouse_runtime_is_included_in_more_than_one_source_file' said; then
        fail "included twice, $how: the linker does not say why: $(head -n 3 said)"
    else
        echo "included twice, $how: refused by name"
    fi
done

# Elsewhere: the headers compile and do nothing.
echo '#include <ironhouse/system/runtime.hpp>' >elsewhere.cpp
"$compiler" "$@" -U__linux__ -Wno-unused-function -fsyntax-only elsewhere.cpp >said 2>&1 || fail "without Linux: $(cat said)"

archive=$("$compiler" -print-file-name=libzmq.a)
if [ -f "$archive" ] && command -v objcopy >/dev/null; then
    # What the archive needs; not all of it is there as a library on every system.
    needs=$(pkg-config --static --libs libzmq 2>/dev/null | sed 's/-lzmq//; s/[^ ]*\.a\b//g') || needs=
    "$compiler" "$@" -DWITH_RUNTIME -c "$here/says.cpp" -o says.o
    # shellcheck disable=SC2086
    if "$compiler" says.o "$archive" -o static -lsodium $needs >said 2>&1; then
        expect 'a static libzmq' "$(./static)" 'in effect'
        cc -c "$here/bypass.c" -o bypass.o
        objcopy --redefine-sym recv=bypassing_recv --redefine-sym accept4=bypassing_accept4 "$archive" bypass.a
        # shellcheck disable=SC2086
        "$compiler" says.o bypass.o bypass.a -o bypassing -lsodium $needs
        expect 'a libzmq that calls others' "$(./bypassing)" 'this libzmq does not call'
    else
        echo 'a static libzmq: its own libraries are missing here; not tried'
    fi
else
    echo 'a static libzmq: there is none here; not tried'
fi
exit $failed
