# SPDX-License-Identifier: MIT
# Shared by the scripts beside it; sourced, not run.

# Debian packages that are not installed yet, of those named.
missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

# install_packages PACKAGE...: installs what is missing on Debian and its kin, or says what to do.
install_packages() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        printf 'This is no Debian system, so nothing was installed. Needed, by their Debian names: %s\n' "$*"
        return 0
    fi
    local missing as_root=() log
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            printf 'Install these as root, then run this again:\n  apt-get install %s\n' "$missing"
            return 1
        fi
        as_root=(sudo)
    fi
    printf 'installing    %s\n' "$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086 # one word per package
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update && apt-get install --yes --no-install-recommends "$@"' install $missing \
        >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log"
        rm -f "$log"
        printf 'Could not install the packages above.\n'
        return 1
    fi
    rm -f "$log"
}

# step NAME LOG COMMAND...: one line while it runs, and the end of its log if it fails.
step() {
    local name=$1 log=$2 begun=$SECONDS
    shift 2
    printf '%-28s' "$name"
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'ok   %4d s\n' $((SECONDS - begun))
    else
        printf 'FAILED after %d s; the end of %s:\n' $((SECONDS - begun)) "$log"
        tail -n 60 "$log"
        return 1
    fi
}
