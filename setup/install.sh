#!/bin/sh
# Installs what building and running the system needs, saying what and why first.
# Quiet when nothing is missing. `--check` only tells.
set -eu
microkosm_setup="$(cd "$(dirname "$0")" && pwd)"
. "$microkosm_setup/probe.sh"

check_only=no
case "${1:-}" in
--check) check_only=yes ;;
"") ;;
*) echo "install.sh: unknown argument $1 (only --check is known)" >&2; exit 2 ;;
esac

missing="$(missing_needs)"
packaged=no
packaged_compiler_is_there && packaged=yes
rustup_found="$(rustup_toolchain_with_source)"
# OS_RELEASE stands for another machine's file in setup/test.sh.
distribution="$(distribution_of "$(cat "${OS_RELEASE:-/etc/os-release}" 2>/dev/null || true)")"
choice="$(toolchain_choice "$distribution" "$packaged" "$rustup_found")"

case "$choice" in
packaged | rustup\ *) [ -n "$missing" ] || exit 0 ;;
esac

packages="$(printf '%s\n' "$missing" | awk 'NF { print $2 }' | sort -u | tr '\n' ' ')"
[ -z "$missing" ] || { echo "Missing on this machine:"; printf '%s\n' "$missing" | awk '{ p = $2; $1 = $2 = ""; print "  " p ":" $0 }'; }
case "$choice" in
install-packages\ *)
    echo "  ${choice#install-packages }: the Rust compiler and its library source"
    packages="$packages${choice#install-packages }" ;;
install-rustup\ *)
    echo "  rustup, toolchain $rustup_toolchain: the Rust compiler and its library source"
    command -v rustup >/dev/null 2>&1 || packages="$packages${choice#install-rustup }" ;;
by-hand)
    echo "Missing: a Rust compiler, 1.$minimum_compiler_minor or newer, with its source; get it with: rustup toolchain install $rustup_toolchain --component rust-src,rustfmt,clippy" >&2
    ;;
esac
[ "$check_only" = no ] || exit 1

if ! can_install "$distribution"; then
    [ -z "$missing" ] || echo "Missing: packages for $distribution are not known here; install the programs above by their names there." >&2
    exit 1
fi
has_sudo=no
command -v sudo >/dev/null 2>&1 && has_sudo=yes
as_root="$(installer_command "$(id -u)" "$has_sudo")"
if [ -n "${packages# }" ]; then
    if [ "$as_root" = none ]; then
        echo "Missing: rights to install; run as root: apt-get install --no-install-recommends $packages" >&2
        exit 1
    fi
    echo "Installing with apt-get${as_root:+ ($as_root)}: $packages"
    # The lists of a fresh machine may be empty or old, so they are renewed before the first try fails on them.
    $as_root apt-get -qq update || echo "install.sh: the package lists could not be renewed; going on with those that are here" >&2
    # shellcheck disable=SC2086 # the list is words on purpose
    if ! DEBIAN_FRONTEND=noninteractive $as_root apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends $packages >/dev/null; then
        echo "Missing: apt-get could not install: $packages; see its message above, then run make again." >&2
        exit 1
    fi
fi
case "$choice" in
install-rustup\ *)
    if ! rustup toolchain install "$rustup_toolchain" --profile minimal --component rust-src,rustfmt,clippy; then
        echo "Missing: Rust $rustup_toolchain; rustup could not fetch it. Get it with: rustup toolchain install $rustup_toolchain --component rust-src,rustfmt,clippy" >&2
        exit 1
    fi ;;
by-hand) exit 1 ;;
esac

still_missing="$(missing_needs)"
if [ -n "$still_missing" ]; then
    printf '%s\n' "$still_missing" | awk '{ print "Missing: " $1 "; get it by installing the package " $2 "." }' >&2
    exit 1
fi
