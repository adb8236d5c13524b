#!/bin/sh
# Builds libc.a and the start files. Usage: libc/build.sh OUTPUT_DIRECTORY
#
# The Rust code is compiled to one static library, linked to one relocatable object, and
# everything but the C names is made local, so that its copy of Rust's core cannot clash
# with a program's. The C names become weak, so that a program may define its own, as it
# may with an archive of one object per function; sections stay separate for --gc-sections.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
output=$1
mkdir -p "$output"
cd "$here/.."
. setup/env.sh
triple=x86_64-microkosm-linux-musl
cargo rustc -p libc-abi --crate-type staticlib --profile guest \
    --target "libc/target/$triple.json" -Zjson-target-spec -Zbuild-std=core,alloc
built=${CARGO_TARGET_DIR:-target}/$triple/guest
work=$output/work
mkdir -p "$work"
ld.lld-19 -r --whole-archive "$built/liblibc_abi.a" -o "$work/all.o"
# Rust's own names (both manglings), its runtime's and the compiler's helpers stay inside.
llvm-nm-19 --defined-only --extern-only --format=just-symbols "$work/all.o" |
    grep -vE '^(_R|_ZN|__rust|rust_|__rdl|__rg_)|^__(udiv|div|umod|mod|mul|ashl|ashr|lshr|fix|float|add|sub|neg|cmp|ucmp|eq|ne|lt|le|gt|ge|unord|trunc|extend|pow|clz|ctz|ffs|popcount|parity|bswap)[a-z0-9]*$' |
    grep -vE '(f16|f128|_ieee)$' | sort >"$work/names"
# Debug information would be a megabyte in every program.
llvm-objcopy-19 --strip-debug --keep-global-symbols="$work/names" "$work/all.o" "$work/local.o"
llvm-objcopy-19 --weaken "$work/local.o" "$work/libc.o"
rm -f "$output/libc.a"
llvm-ar-19 rcs "$output/libc.a" "$work/libc.o"
for name in crt1 rcrt1 crti crtn; do
    clang-19 --target=$triple -c "libc/crt/$name.S" -o "$output/$name.o"
done
# Names that programs ask the linker for; everything is in libc.a.
for name in m pthread rt dl util crypt resolv xnet; do
    rm -f "$output/lib$name.a"
    llvm-ar-19 rcs "$output/lib$name.a"
done
rm -r "$work"
