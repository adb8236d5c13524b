//! Functions of Linux and POSIX that this system does not offer. Each fails with the error that
//! tells so: a program can go another way, and nothing pretends to have been done.

use super::support::{Error, set_errno};

macro_rules! refused {
    ($($error:ident: $($name:ident)*;)*) => {$($(
        /// Not offered: always fails. Arguments are not looked at.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> isize {
            set_errno(Error::$error as i32);
            -1
        }
    )*)*};
}

refused! {
    // Extended attributes: the file systems keep none.
    NotSupported: getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr
        fsetxattr removexattr lremovexattr fremovexattr;
    // Interfaces to a Linux kernel's own parts.
    Unsupported: acct swapon swapoff quotactl pivot_root klogctl fanotify_init fanotify_mark
        process_vm_readv process_vm_writev membarrier init_module delete_module open_by_handle_at
        sync_file_range adjtimex clock_adjtime iopl ioperm
        vhangup ptrace;
    // Encryption by DES blocks.
    Unsupported: encrypt setkey;
    BadArgument: isastream;
}

/// Linux: the one personality is reported; others are refused.
#[unsafe(no_mangle)]
pub extern "C" fn personality(wanted: u64) -> i32 {
    if wanted == 0 || wanted == 0xffff_ffff {
        return 0;
    }
    set_errno(Error::BadArgument as i32);
    -1
}
