# The choices that set-up makes, as functions of what was found: no function in this file
# looks at the machine except through its arguments, so setup/test.sh can try every case.

# The oldest compiler that builds the tree (minor number of 1.N): the packaged one is 1.96.
minimum_compiler_minor=96
# What is installed through rustup where no package carries a new enough compiler.
rustup_toolchain=1.96.0

# What must be there, one a line: what to look for, the package that brings it, why.
# `command:NAME` is looked up in PATH and the sbin folders; `file:PATH` must exist.
needs() {
    cat <<'NEEDS'
command:gcc gcc links the build machine's own programs (build scripts, code generators of ports)
file:/usr/include/stdio.h libc6-dev headers for the build machine's own programs
command:make make builds the ports
command:clang-19 clang-19 the C compiler of the SDK
command:ld.lld-19 lld-19 the linker for the guest and for UEFI
command:llvm-ar-19 llvm-19 archives, strip and objcopy for the guest
file:/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.builtins-x86_64.a libclang-rt-19-dev the compiler's helper functions for guest programs
command:qemu-system-x86_64 qemu-system-x86 the machine that the system runs on
file:/usr/share/OVMF/OVMF_CODE_4M.fd ovmf UEFI firmware, to boot disk images as a PC does
command:mke2fs e2fsprogs makes and checks the root file system
command:xz xz-utils unpacks sources of ports
command:bzip2 bzip2 unpacks sources of ports
file:/usr/share/misc/config.sub autotools-dev knows our target where a port's own copy is too old
file:/etc/ssl/certs/ca-certificates.crt ca-certificates lets cargo and apt fetch over https
NEEDS
}

# distribution_of OS_RELEASE_TEXT: "debian 12", "ubuntu 24.04", ... ("unknown" when it says nothing).
distribution_of() {
    printf '%s\n' "$1" | awk -F= '
        { gsub(/"/, "", $2) }
        $1 == "ID" { id = $2 }
        $1 == "VERSION_ID" { version = $2 }
        END { if (id == "") print "unknown"; else if (version == "") print id; else print id, version }'
}

# compiler_is_new_enough VERSION_LINE: whether `rustc 1.N.P (...)` is at least the minimum.
compiler_is_new_enough() {
    minor=$(printf '%s\n' "$1" | sed -n 's/^rustc 1\.\([0-9][0-9]*\)\..*/\1/p')
    [ -n "$minor" ] && [ "$minor" -ge "$minimum_compiler_minor" ]
}

# toolchain_choice DISTRIBUTION PACKAGED RUSTUP: where the compiler comes from.
#   PACKAGED  yes when /usr has a new enough compiler and its library source
#   RUSTUP    the name of a rustup toolchain that is new enough and has rust-src, else empty
# Prints packaged, rustup NAME, install-packages LIST, install-rustup LIST, or by-hand.
toolchain_choice() {
    if [ "$2" = yes ]; then
        echo packaged
    elif [ -n "$3" ]; then
        echo "rustup $3"
    else
        case "$1" in
        "debian 12" | "debian 13")
            echo "install-packages rustc-web cargo-web rust-web-src rustfmt-web rust-web-clippy" ;;
        "ubuntu 24.04") echo "install-rustup rustup" ;;
        *) echo by-hand ;;
        esac
    fi
}

# can_install DISTRIBUTION: whether the package names above are that distribution's.
can_install() {
    case "$1" in
    "debian 12" | "debian 13" | "ubuntu 24.04") return 0 ;;
    *) return 1 ;;
    esac
}

# installer_command USER_ID HAS_SUDO: what to put before apt-get ("none" when it cannot be had).
installer_command() {
    if [ "$1" = 0 ]; then
        echo "env"
    elif [ "$2" = yes ]; then
        echo "sudo"
    else
        echo none
    fi
}

# missing_needs PRESENT...: the lines of `needs` for which `is_present WHAT` fails. The caller
# defines is_present, which is what lets a test stand in for the machine.
missing_needs() {
    needs | while IFS=' ' read -r what package reason; do
        is_present "$what" || printf '%s %s %s\n' "$what" "$package" "$reason"
    done
}
