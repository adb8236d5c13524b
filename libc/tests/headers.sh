#!/bin/sh
# Compiles every header alone, in each language and with each common feature request.
set -u
include=$(cd "$(dirname "$0")/../include" && pwd)
triple=x86_64-microkosm-linux-musl
failures=0
count=0
for standard in c99 c11 c23 c++17; do
    case $standard in c++*) language=c++ ;; *) language=c ;; esac
    for request in "" -D_GNU_SOURCE -D_POSIX_C_SOURCE=200809L; do
        for header in $(cd "$include" && find . -name '*.h' | sed 's,^\./,,' | sort); do
            count=$((count + 1))
            if ! echo "#include <$header>" | clang-19 --target=$triple -nostdinc -isystem "$include" \
                -std=$standard $request -x $language -fsyntax-only - 2>/dev/null; then
                echo "<$header> does not compile alone with -std=$standard $request"
                failures=$((failures + 1))
            fi
        done
    done
done
echo "$count compilations, $failures failed"
test $failures -eq 0
