#!/bin/sh
# Tests of set-up's choices. Prints one line for each failure and a count at the end.
set -u
microkosm_setup="$(cd "$(dirname "$0")" && pwd)"
. "$microkosm_setup/choose.sh"
passed=0
failed=0

# expect NAME WANTED GOT
expect() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
    fi
}
yes_or_no() { if "$@"; then echo yes; else echo no; fi; }

expect "Debian 12 is recognised" "debian 12" "$(distribution_of 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION_ID="12"
ID=debian')"
expect "Debian 13 is recognised" "debian 13" "$(distribution_of 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
VERSION_ID="13"
VERSION_CODENAME=trixie
ID=debian')"
expect "Ubuntu 24.04 is recognised" "ubuntu 24.04" "$(distribution_of 'NAME="Ubuntu"
VERSION_ID="24.04"
ID=ubuntu
ID_LIKE=debian')"
expect "a rolling release has no version" "arch" "$(distribution_of 'ID=arch')"
expect "an empty os-release is unknown" "unknown" "$(distribution_of '')"

expect "the packaged compiler is new enough" yes "$(yes_or_no compiler_is_new_enough 'rustc 1.96.0 (x 2026-05-28) (built from a source tarball)')"
expect "a nightly is new enough" yes "$(yes_or_no compiler_is_new_enough 'rustc 1.98.0-nightly (x 2026-07-01)')"
expect "1.95 is too old" no "$(yes_or_no compiler_is_new_enough 'rustc 1.95.0 (59807616e 2026-04-14)')"
expect "a compiler that prints nothing is refused" no "$(yes_or_no compiler_is_new_enough '')"

web="install-packages rustc-web cargo-web rust-web-src rustfmt-web rust-web-clippy"
expect "a packaged compiler wins over rustup" packaged "$(toolchain_choice 'debian 12' yes stable)"
expect "rustup with source is used before anything is installed" "rustup stable" "$(toolchain_choice 'debian 12' no stable)"
expect "Debian 12 installs the packaged compiler" "$web" "$(toolchain_choice 'debian 12' no '')"
expect "Debian 13 installs the packaged compiler" "$web" "$(toolchain_choice 'debian 13' no '')"
expect "Ubuntu 24.04 goes through rustup" "install-rustup rustup" "$(toolchain_choice 'ubuntu 24.04' no '')"
expect "an unknown system is told what to do" by-hand "$(toolchain_choice 'arch' no '')"
expect "an unknown system with rustup is fine" "rustup nightly" "$(toolchain_choice 'arch' no nightly)"

expect "packages are known for Debian 13" yes "$(yes_or_no can_install 'debian 13')"
expect "packages are known for Ubuntu 24.04" yes "$(yes_or_no can_install 'ubuntu 24.04')"
expect "packages are not guessed for Debian 11" no "$(yes_or_no can_install 'debian 11')"
expect "packages are not guessed for an unknown system" no "$(yes_or_no can_install unknown)"

expect "root needs no sudo" env "$(installer_command 0 no)"
expect "others use sudo" sudo "$(installer_command 1000 yes)"
expect "without sudo nothing is installed" none "$(installer_command 1000 no)"

is_present() { [ "$1" != command:clang-19 ]; }
expect "only what is missing is named" clang-19 "$(missing_needs | awk '{ print $2 }')"
is_present() { true; }
expect "nothing is missing on a complete machine" "" "$(missing_needs)"
is_present() { false; }
expect "every need has a package and a reason" "" "$(missing_needs | awk 'NF < 4 || $1 !~ /^(command|file):/ { print }')"
expect "an empty machine misses everything" "$(needs | wc -l)" "$(missing_needs | wc -l)"

# A rustup that never was: toolchains that are too old, lack the library source, or are right.
pretend="$(mktemp -d)"
trap 'rm -rf "$pretend"' EXIT
mkdir -p "$pretend/bin"
printf '#!/bin/sh\necho "old-x86_64 (default)"\n' >"$pretend/bin/rustup"
chmod +x "$pretend/bin/rustup"
# add_toolchain NAME VERSION HAS_SOURCE
add_toolchain() {
    mkdir -p "$pretend/home/toolchains/$1/bin"
    printf '#!/bin/sh\necho "rustc %s (x)"\n' "$2" >"$pretend/home/toolchains/$1/bin/rustc"
    chmod +x "$pretend/home/toolchains/$1/bin/rustc"
    [ "$3" = no ] || mkdir -p "$pretend/home/toolchains/$1/lib/rustlib/src/rust/library"
}
found_toolchain() (
    . "$microkosm_setup/probe.sh"
    PATH="$pretend/bin:$PATH" RUSTUP_HOME="$pretend/home" rustup_toolchain_with_source
)
expect "no rustup toolchain at all" "" "$(found_toolchain)"
add_toolchain old-x86_64 1.95.0 yes
expect "a toolchain that is too old is passed over" "" "$(found_toolchain)"
add_toolchain bare-x86_64 1.96.0 no
expect "a toolchain without rust-src is passed over" "" "$(found_toolchain)"
add_toolchain new-x86_64 1.97.0 yes
expect "a new enough toolchain with rust-src is found" new-x86_64 "$(found_toolchain)"
add_toolchain old-x86_64 1.96.0 yes
expect "the default toolchain comes before others" old-x86_64 "$(found_toolchain)"

# What cannot be installed is told in one line each, by the script itself, with what to do.
# refusal OS_RELEASE: what install.sh says on a machine where nothing may be installed.
refusal() (
    mkdir -p "$pretend/setup"
    cp "$microkosm_setup"/*.sh "$pretend/setup"
    printf '%s\n' "$1" >"$pretend/os-release"
    cat >"$pretend/setup/probe.sh" <<'PROBE'
. "$microkosm_setup/choose.sh"
is_present() { [ "$1" != command:clang-19 ]; }
packaged_compiler_is_there() { false; }
rustup_toolchain_with_source() { echo "${PRETEND_TOOLCHAIN:-}"; }
installer_command() { echo none; }
PROBE
    OS_RELEASE="$pretend/os-release" sh "$pretend/setup/install.sh" 2>&1 >/dev/null
)
expect "without rights the command to run as root is told" \
    "Missing: rights to install; run as root: apt-get install --no-install-recommends clang-19 rustc-web cargo-web rust-web-src rustfmt-web rust-web-clippy" \
    "$(refusal 'ID=debian
VERSION_ID=12')"
expect "with a toolchain only the package is missing" \
    "Missing: rights to install; run as root: apt-get install --no-install-recommends clang-19" \
    "$(PRETEND_TOOLCHAIN=x refusal 'ID=ubuntu
VERSION_ID=24.04' | sed 's/ *$//')"
expect "an unknown system is told how to get the compiler, and that packages are not known" \
    "Missing: a Rust compiler, 1.96 or newer, with its source; get it with: rustup toolchain install 1.96.0 --component rust-src,rustfmt,clippy
Missing: packages for arch are not known here; install the programs above by their names there." \
    "$(refusal ID=arch)"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
