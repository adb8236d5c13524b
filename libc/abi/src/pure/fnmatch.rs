//! `fnmatch` (POSIX `<fnmatch.h>`).

use core::ffi::{c_char, c_int};
use libc_algo::pattern::{Options, matches};

/// Flags and result as `<fnmatch.h>` numbers them.
const FNM_PATHNAME: c_int = 1;
const FNM_NOESCAPE: c_int = 2;
const FNM_PERIOD: c_int = 4;
const FNM_LEADING_DIR: c_int = 8;
const FNM_CASEFOLD: c_int = 16;
const FNM_NOMATCH: c_int = 1;

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fnmatch(
    pattern: *const c_char,
    text: *const c_char,
    flags: c_int,
) -> c_int {
    let options = Options {
        no_escape: flags & FNM_NOESCAPE != 0,
        pathname: flags & FNM_PATHNAME != 0,
        period: flags & FNM_PERIOD != 0,
        leading_directory: flags & FNM_LEADING_DIR != 0,
        fold_case: flags & FNM_CASEFOLD != 0,
    };
    // SAFETY: two strings.
    let found = unsafe {
        matches(
            super::string::bytes(pattern),
            super::string::bytes(text),
            options,
        )
    };
    if found { 0 } else { FNM_NOMATCH }
}
