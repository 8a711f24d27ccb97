# What the tools need on a fresh Debian or Ubuntu machine; sourced by them.
# Expects `root`, the folder of the checkout.

readonly venv=$root/.venv
readonly packages=(librocksdb-dev libopenblas-dev zlib1g-dev liblz4-dev pkg-config python3 python3-venv)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# install_packages [PACKAGE...]: what the project needs, and these.
install_packages() {
    command -v dpkg-query > /dev/null || return 0 # Not Debian: the build says what it lacks.
    local missing=() package
    for package in "${packages[@]}" "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    local as_root=()
    if ((EUID != 0)); then
        sudo -n true 2> /dev/null || die "please run this first, then me again:
    sudo apt-get install ${missing[*]}"
        as_root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "${missing[@]}" >&2
}

require_swift() {
    command -v swift > /dev/null || die "a Swift toolchain (6.2 or newer) is needed to build the server.
    Get one from https://www.swift.org/install and put its usr/bin on the PATH."
}

# find_server: sets `binary` to a release build of the server, or to the one that THERMOCLINE_BINARY names.
find_server() {
    binary=${THERMOCLINE_BINARY:-}
    [[ -z $binary ]] || return 0
    require_swift
    say "building the server (the first time takes some minutes)"
    (cd "$root" && swift build -c release --product thermocline) >&2
    binary=$(cd "$root" && swift build -c release --show-bin-path)/thermocline
}

# make_venv [PACKAGE...]: a virtual environment with the client, numpy and these packages.
make_venv() {
    [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
    # The client is installed as a link to its sources, so that it need not be done again when they change.
    "$venv/bin/python" -c "import numpy, thermocline${1:+, $1}" 2> /dev/null && return
    say "installing numpy${1:+, $*} and the client into ${venv#"$root"/}"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root/tools/python" "$@" >&2
}
