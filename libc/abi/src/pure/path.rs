//! Parts of a path (XSI `<libgen.h>`).

use super::string::strlen;
use core::ffi::c_char;

/// XSI: the last part; trailing slashes are cut off in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn basename(path: *mut c_char) -> *mut c_char {
    // SAFETY: null or a string that may be written.
    unsafe {
        if path.is_null() || *path == 0 {
            return c".".as_ptr().cast_mut();
        }
        let mut end = strlen(path);
        while end > 1 && *path.add(end - 1) == b'/' as c_char {
            end -= 1;
            *path.add(end) = 0;
        }
        let mut start = end;
        while start > 0 && *path.add(start - 1) != b'/' as c_char {
            start -= 1;
        }
        // A path of slashes only is the root.
        path.add(if start == end { end - 1 } else { start })
    }
}

/// The same, under the name that GNU programs' headers give to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __xpg_basename(path: *mut c_char) -> *mut c_char {
    // SAFETY: as for `basename`.
    unsafe { basename(path) }
}

/// XSI: all but the last part; the path is cut in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dirname(path: *mut c_char) -> *mut c_char {
    // SAFETY: null or a string that may be written.
    unsafe {
        if path.is_null() || *path == 0 {
            return c".".as_ptr().cast_mut();
        }
        let is_slash = |index: usize| *path.add(index - 1) == b'/' as c_char;
        let mut end = strlen(path);
        while end > 0 && is_slash(end) {
            end -= 1;
        }
        while end > 0 && !is_slash(end) {
            end -= 1;
        }
        if end == 0 {
            return if *path == b'/' as c_char {
                c"/".as_ptr().cast_mut()
            } else {
                c".".as_ptr().cast_mut()
            };
        }
        while end > 1 && is_slash(end) {
            end -= 1;
        }
        *path.add(end) = 0;
        path
    }
}
