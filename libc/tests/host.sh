#!/bin/sh
# Runs the C tests of libc/tests/host on the build machine: the library's `pure` half,
# compiled for the target, over an installed musl that provides the system half.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
. setup/env.sh
triple=x86_64-microkosm-linux-musl
target=${CARGO_TARGET_DIR:-target}/pure
work=$target/host-tests
mkdir -p "$work"
RUSTFLAGS="--cfg pure_only" CARGO_TARGET_DIR=$target cargo rustc -q -p libc-abi --crate-type staticlib \
    --profile guest --target "libc/target/$triple.json" -Zjson-target-spec -Zbuild-std=core,alloc
ld.lld-19 -r --whole-archive "$target/$triple/guest/liblibc_abi.a" -o "$work/all.o"
llvm-objcopy-19 --wildcard --localize-symbol='_R*' --localize-symbol='_ZN*' --localize-symbol='__rust*' "$work/all.o" "$work/libc.o"
result=0
for source in "$here"/host/*.c; do
    name=$(basename "$source" .c)
    clang-19 --target=$triple -nostdinc -isystem "$here/../include" -O1 -fno-builtin -Wall -Wextra -Werror \
        -c "$source" -o "$work/$name.o"
    musl-gcc -static "$work/$name.o" "$work/libc.o" -Wl,--gc-sections -Wl,-z,muldefs -o "$work/$name"
    echo "$name: $("$work/$name" 2>&1)" || result=1
    "$work/$name" >/dev/null 2>&1 || result=1
done
exit $result
