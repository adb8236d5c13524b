# What is on this machine: the facts that the choices in choose.sh are made from.
. "$microkosm_setup/choose.sh"

is_present() {
    case "$1" in
    command:*) PATH="$PATH:/usr/sbin:/sbin" command -v "${1#command:}" >/dev/null 2>&1 ;;
    file:*) [ -e "${1#file:}" ] ;;
    *) return 1 ;;
    esac
}

packaged_compiler_is_there() {
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && [ -d /usr/lib/rustlib/src/rust/library ] &&
        compiler_is_new_enough "$(RUSTUP_TOOLCHAIN= /usr/bin/rustc --version 2>/dev/null)"
}

# The first rustup toolchain that is new enough and has rust-src, the default one before others.
rustup_toolchain_with_source() {
    command -v rustup >/dev/null 2>&1 || return 0
    toolchains="${RUSTUP_HOME:-$HOME/.rustup}/toolchains"
    default_name="$(rustup default 2>/dev/null | sed 's/ .*//')"
    for name in "$default_name" $(ls "$toolchains" 2>/dev/null); do
        [ -n "$name" ] && [ -d "$toolchains/$name/lib/rustlib/src/rust/library" ] || continue
        if compiler_is_new_enough "$("$toolchains/$name/bin/rustc" --version 2>/dev/null)"; then
            echo "$name"
            return 0
        fi
    done
}
