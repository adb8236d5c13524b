//! File trees: `ftw`, `nftw`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::directory::{Directory, closedir, opendir, readdir};
use super::status::{Stat, lstat, stat};
use super::support::{errno, set_errno, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};

fn terminated(path: &[u8]) -> Vec<u8> {
    let mut all = path.to_vec();
    all.push(0);
    all
}

/// `struct FTW`.
#[repr(C)]
pub struct Place {
    base: c_int,
    level: c_int,
}

const FTW_F: c_int = 1;
const FTW_D: c_int = 2;
const FTW_DNR: c_int = 3;
const FTW_NS: c_int = 4;
const FTW_SL: c_int = 5;
const FTW_DP: c_int = 6;
const FTW_SLN: c_int = 7;

const FTW_PHYS: c_int = 1;
const FTW_MOUNT: c_int = 2;
const FTW_CHDIR: c_int = 4;
const FTW_DEPTH: c_int = 8;

type Visit = unsafe extern "C" fn(*const c_char, *const Stat, c_int, *mut Place) -> c_int;

struct Walk {
    visit: Visit,
    flags: c_int,
    device: u64,
    /// Device and node of the directories above, against loops through links.
    above: Vec<(u64, u64)>,
}

impl Walk {
    unsafe fn kind(&self, path: &[u8], found: &mut Stat) -> Option<c_int> {
        const EACCES: c_int = 13;
        let name = path.as_ptr().cast();
        // SAFETY: a NUL-ended name.
        unsafe {
            let physical = self.flags & FTW_PHYS != 0;
            let result = if physical {
                lstat(name, found)
            } else {
                stat(name, found)
            };
            if result != 0 {
                if !physical && lstat(name, found) == 0 {
                    return Some(FTW_SLN);
                }
                return if errno() == EACCES {
                    Some(FTW_NS)
                } else {
                    None
                };
            }
        }
        Some(match found.st_mode & 0o170000 {
            0o040000 if self.flags & FTW_DEPTH != 0 => FTW_DP,
            0o040000 => FTW_D,
            0o120000 => FTW_SL,
            _ => FTW_F,
        })
    }

    unsafe fn walk(&mut self, path: &[u8], level: c_int) -> c_int {
        let mut found = Stat::default();
        // SAFETY: `path` is NUL-ended; the visitor is the program's.
        unsafe {
            let Some(mut kind) = self.kind(path, &mut found) else {
                return -1;
            };
            if level == 0 {
                self.device = found.st_dev;
            } else if self.flags & FTW_MOUNT != 0 && found.st_dev != self.device {
                return 0;
            }
            let is_directory = kind == FTW_D || kind == FTW_DP;
            let key = (found.st_dev, found.st_ino);
            if is_directory && self.above.contains(&key) {
                return 0;
            }
            let mut directory = core::ptr::null_mut();
            if is_directory {
                directory = opendir(path.as_ptr().cast());
                if directory.is_null() {
                    kind = FTW_DNR;
                }
            }
            let mut place = Place {
                base: base_of(path),
                level,
            };
            let visitor = self.visit;
            let mut visit = || visitor(path.as_ptr().cast(), &found, kind, &mut place);
            let mut result = if kind == FTW_DP { 0 } else { visit() };
            if directory.is_null() {
                return result;
            }
            if result == 0 {
                self.above.push(key);
                result = self.walk_entries(directory, path, level);
                self.above.pop();
            }
            closedir(directory);
            if result == 0 && kind == FTW_DP {
                result = visit();
            }
            result
        }
    }

    /// Walks what an open directory holds, until a visitor has enough.
    unsafe fn walk_entries(
        &mut self,
        directory: *mut Directory,
        path: &[u8],
        level: c_int,
    ) -> c_int {
        let plain = &path[..path.len() - 1];
        let separator: &[u8] = if plain.ends_with(b"/") { b"" } else { b"/" };
        // SAFETY: the caller's.
        unsafe {
            loop {
                let entry = readdir(directory);
                if entry.is_null() {
                    return 0;
                }
                let child = text((&raw const (*entry).d_name).cast());
                if child == b"." || child == b".." {
                    continue;
                }
                let below = [plain, separator, child, b"\0"].concat();
                let result = self.walk(&below, level + 1);
                if result != 0 {
                    return result;
                }
            }
        }
    }
}

/// Where the last component of a path begins.
fn base_of(path: &[u8]) -> c_int {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash.map_or(0, |at| at as c_int + 1)
}

/// POSIX. `FTW_CHDIR` is not offered: paths stay good from where the walk began.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nftw(
    path: *const c_char,
    visit: Visit,
    _descriptors: c_int,
    flags: c_int,
) -> c_int {
    const EINVAL: c_int = 22;
    if flags & FTW_CHDIR != 0 {
        set_errno(EINVAL);
        return -1;
    }
    let mut walk = Walk {
        visit,
        flags,
        device: 0,
        above: Vec::new(),
    };
    // SAFETY: the caller's.
    unsafe { walk.walk(&terminated(text(path)), 0) }
}

type OldVisit = unsafe extern "C" fn(*const c_char, *const Stat, c_int) -> c_int;

/// POSIX, obsolescent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftw(path: *const c_char, visit: OldVisit, descriptors: c_int) -> c_int {
    // SAFETY: the caller's. The calling convention lets a function get one argument more than it
    // takes.
    unsafe {
        nftw(
            path,
            core::mem::transmute::<OldVisit, Visit>(visit),
            descriptors,
            0,
        )
    }
}
