//! Named semaphores: files under `/dev/shm` that hold a `sem_t`.
//!
//! SAFETY of the C functions here: names are C strings, semaphores come from `sem_open`.

use super::semaphore::{LARGEST, Semaphore};
use crate::sys::mapping::{SHARED_PATH, shared_path};
use crate::sys::support::{Error, Result, set_errno, status};
use core::ffi::{VaList, c_char, c_int};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel_abi::memory::{MapArguments, map_flags, protection};
use libc_posix::descriptor;
use libc_posix::names::{self, WORKING_DIRECTORY};
use libc_rt::{Lock, identity, kernel, memory};
use proto::types::open_flags;

/// What tells them from other objects in the folder.
const PREFIX: &[u8] = b"sem.";
/// Semaphores that a process may have open (`SEM_NSEMS_MAX`).
const MOST_OPEN: usize = 256;
const PAGE: usize = 4096;

/// An open one: POSIX wants the same address for the same semaphore.
#[derive(Clone, Copy)]
struct Open {
    file: (u64, u64),
    address: usize,
    times: u32,
}
static OPEN: Lock<[Option<Open>; MOST_OPEN]> = Lock::new([None; MOST_OPEN]);

/// A descriptor that closes itself.
struct File(i32);

impl Drop for File {
    fn drop(&mut self) {
        // Closing an own descriptor cannot fail.
        let _ = descriptor::close(self.0);
    }
}

fn open_file(path: &[u8], flags: u32, mode: u32) -> Result<File> {
    let flags = flags | open_flags::READ_WRITE | open_flags::CLOSE_ON_EXEC | open_flags::NO_FOLLOW;
    names::open(WORKING_DIRECTORY, path, flags, mode).map(File)
}

/// Maps the semaphore of a file, or finds it mapped.
fn map(file: &File) -> Result<*mut Semaphore> {
    let found = descriptor::status(file.0)?;
    if found.size != size_of::<Semaphore>() as u64 {
        return Err(Error::BadArgument);
    }
    let key = (found.device, found.node);
    let mut open = OPEN.lock();
    if let Some(known) = open.iter_mut().flatten().find(|known| known.file == key) {
        known.times += 1;
        return Ok(known.address as *mut Semaphore);
    }
    let free = open
        .iter_mut()
        .find(|place| place.is_none())
        .ok_or(Error::TableFull)?;
    let access = protection::READ | protection::WRITE;
    let object = descriptor::memory(file.0, access)?.0;
    let arguments = MapArguments {
        length: PAGE as u64,
        memory: object.0,
        protection: access,
        flags: map_flags::SHARED,
        ..MapArguments::default()
    };
    // SAFETY: the kernel chooses a free place.
    let mapped = unsafe { memory::map(&arguments) };
    kernel::handle_close(object)?;
    let address = mapped? as usize;
    *free = Some(Open {
        file: key,
        address,
        times: 1,
    });
    Ok(address as *mut Semaphore)
}

/// Makes a semaphore under another name and links it: it is never seen before it is whole.
fn make(path: &[u8], mode: u32, value: u32) -> Result<*mut Semaphore> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut temporary = *b"/dev/shm/.sem-0000000000000000-00000000";
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    hexadecimal(&mut temporary[14..30], identity::process());
    hexadecimal(&mut temporary[31..39], u64::from(count));
    let file = open_file(&temporary, open_flags::CREATE | open_flags::EXCLUSIVE, mode)?;
    let fresh = Semaphore::new(value);
    let result = fresh
        .store(&file)
        .and_then(|()| names::link(WORKING_DIRECTORY, &temporary, WORKING_DIRECTORY, path, 0));
    names::unlink(WORKING_DIRECTORY, &temporary, 0)?;
    result.and_then(|()| map(&file))
}

fn hexadecimal(place: &mut [u8], number: u64) {
    let digits = place.iter_mut().rev().enumerate();
    for (index, digit) in digits {
        *digit = b"0123456789abcdef"[(number >> (4 * index) & 15) as usize];
    }
}

impl Semaphore {
    fn store(&self, file: &File) -> Result<()> {
        let mut bytes = [0; size_of::<Semaphore>()];
        bytes[..4].copy_from_slice(&self.value_now().to_ne_bytes());
        match descriptor::write(file.0, &bytes)? {
            count if count == bytes.len() => Ok(()),
            _ => Err(Error::NoSpace),
        }
    }
}

unsafe fn open(name: *const c_char, flags: c_int, rest: &mut VaList<'_>) -> Result<*mut Semaphore> {
    let mut path = [0; SHARED_PATH];
    // SAFETY: the caller's.
    let length = unsafe { shared_path(PREFIX, name, &mut path) }?;
    let path = path.get(..length).ok_or(Error::NameTooLong)?;
    let flags = flags as u32;
    if flags & open_flags::CREATE == 0 {
        return open_file(path, 0, 0).and_then(|file| map(&file));
    }
    // SAFETY: the caller's: both arguments are there when a semaphore may be made.
    let (mode, value) = unsafe { (rest.arg::<u32>(), rest.arg::<u32>()) };
    if value > LARGEST {
        return Err(Error::BadArgument);
    }
    loop {
        if flags & open_flags::EXCLUSIVE == 0 {
            match open_file(path, 0, 0) {
                Err(Error::NotFound) => {}
                file => return file.and_then(|file| map(&file)),
            }
        }
        match make(path, mode, value) {
            // Somebody else was faster.
            Err(Error::Exists) if flags & open_flags::EXCLUSIVE == 0 => {}
            made => return made,
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_open(
    name: *const c_char,
    flags: c_int,
    mut rest: ...
) -> *mut Semaphore {
    // SAFETY: the caller's.
    match unsafe { open(name, flags, &mut rest) } {
        Ok(semaphore) => semaphore,
        Err(error) => {
            set_errno(error as c_int);
            core::ptr::null_mut()
        }
    }
}

unsafe fn close(semaphore: *mut Semaphore) -> Result<()> {
    let mut open = OPEN.lock();
    let is_it =
        |place: &&mut Option<Open>| place.is_some_and(|known| known.address == semaphore as usize);
    let place = open.iter_mut().find(is_it).ok_or(Error::BadArgument)?;
    if let Some(known) = place {
        known.times -= 1;
        if known.times == 0 {
            *place = None;
            // SAFETY: the program does not use it any more.
            unsafe { memory::unmap(semaphore.cast(), PAGE)? };
        }
    }
    Ok(())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_close(semaphore: *mut Semaphore) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { close(semaphore) })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_unlink(name: *const c_char) -> c_int {
    let mut path = [0; SHARED_PATH];
    // SAFETY: the caller's. POSIX knows no other error of a name than ENAMETOOLONG and ENOENT.
    let length = match unsafe { shared_path(PREFIX, name, &mut path) } {
        Err(Error::BadArgument) => Err(Error::NotFound),
        length => length,
    };
    status(length.and_then(|length| names::unlink(WORKING_DIRECTORY, &path[..length], 0)))
}
