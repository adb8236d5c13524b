# Sourced by scripts and by people who call cargo themselves: picks the toolchain.
# The packaged compiler (rustc-web and its library source) wins where it is installed,
# because -Zbuild-std needs library source that matches the compiler.
export RUSTC_BOOTSTRAP=1
if [ -x /usr/bin/rustc ] && [ -d /usr/lib/rustlib/src/rust/library ]; then
    export RUSTUP_TOOLCHAIN=/usr
    PATH="/usr/bin:$PATH"
fi
# The packaged compiler looks for its linker under this name.
microkosm_bin="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)/build/bin"
mkdir -p "$microkosm_bin"
[ -e "$microkosm_bin/rust-lld" ] || ln -s /usr/lib/llvm-19/bin/lld "$microkosm_bin/rust-lld"
export PATH="$microkosm_bin:$PATH"
