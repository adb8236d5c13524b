# Sourced by scripts and by people who call cargo themselves: picks the toolchain.
# The packaged compiler (rustc-web and its library source) wins where it is installed,
# because -Zbuild-std needs library source that matches the compiler; a rustup toolchain
# that has rust-src is the other choice.
# MICROKOSM_ROOT says where the tree is when neither the shell nor the folder tells.
microkosm_setup="${MICROKOSM_ROOT:+$MICROKOSM_ROOT/setup}"
[ -n "$microkosm_setup" ] || microkosm_setup="$(cd "$(dirname "${BASH_SOURCE:-$0}")" && pwd)"
[ -f "$microkosm_setup/probe.sh" ] || microkosm_setup="$PWD/setup"
. "$microkosm_setup/probe.sh"

export RUSTC_BOOTSTRAP=1
if packaged_compiler_is_there; then
    export RUSTUP_TOOLCHAIN=/usr
    PATH="/usr/bin:$PATH"
else
    microkosm_toolchain="$(rustup_toolchain_with_source)"
    [ -z "$microkosm_toolchain" ] || export RUSTUP_TOOLCHAIN="$microkosm_toolchain"
fi
# The packaged compiler looks for its linker under this name.
microkosm_bin="$(dirname "$microkosm_setup")/build/bin"
mkdir -p "$microkosm_bin"
[ -e "$microkosm_bin/rust-lld" ] || ln -sf /usr/lib/llvm-19/bin/lld "$microkosm_bin/rust-lld"
# Debian keeps mke2fs and its companions out of an ordinary user's PATH.
export PATH="$microkosm_bin:$PATH:/usr/sbin:/sbin"
# Tells mkimage that its environment is set.
export MICROKOSM_ENVIRONMENT="${microkosm_setup%/setup}"
