//! Descriptors: everything that takes one.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};
use kernel_abi::object::{HandleInfo, ObjectKind, handle_flags, stream_number};
use kernel_abi::{Handle, Rights};
use libc_rt::{Session, kernel};
use proto::file;
use proto::types::{Attributes, FileSystemStatus, Plain, file_type, open_flags};

/// A descriptor as a handle. Slots of the runtime's half are no descriptors.
pub fn handle(descriptor: i32) -> Result<Handle> {
    match u32::try_from(descriptor) {
        Ok(slot) if slot < Handle::HIGH_BASE => Ok(Handle(slot)),
        _ => Err(Error::BadHandle),
    }
}

/// The session behind a descriptor.
pub fn session(descriptor: i32) -> Result<Session> {
    handle(descriptor).map(Session::new)
}

/// Whether this process, or one that it was forked from, ever had a record lock.
static HAS_LOCKS: AtomicBool = AtomicBool::new(false);

/// The process is about to close this descriptor: its record locks on the file end, whichever
/// descriptor they were set through (POSIX `fcntl`).
fn forget_locks(descriptor: Handle) {
    if HAS_LOCKS.load(Ordering::Relaxed) {
        // What is no file has no locks.
        let _ = file::lock(&Session::new(descriptor), 0, 0, 0, 0, &[]);
    }
}

/// Ends the record locks on the files of a range of descriptors that is about to be closed.
pub fn forget_locks_of(first: u32, last: u32) {
    const MOST_DESCRIPTORS: u32 = 65536;
    if HAS_LOCKS.load(Ordering::Relaxed) {
        (first..=last.min(MOST_DESCRIPTORS)).for_each(|slot| forget_locks(Handle(slot)));
    }
}

/// `close`.
pub fn close(descriptor: i32) -> Result<()> {
    forget_locks(handle(descriptor)?);
    Ok(kernel::handle_close(handle(descriptor)?)?)
}

/// `read`.
pub fn read(descriptor: i32, bytes: &mut [u8]) -> Result<usize> {
    kernel::read(handle(descriptor)?, bytes).map_err(transfer_error)
}

/// `write`.
pub fn write(descriptor: i32, bytes: &[u8]) -> Result<usize> {
    kernel::write(handle(descriptor)?, bytes).map_err(transfer_error)
}

/// The error of a read or write: a handle without the right is a descriptor that is not open for
/// it, which POSIX calls a bad one.
pub fn transfer_error(error: kernel_abi::Error) -> Error {
    match error {
        kernel_abi::Error::AccessDenied => Error::BadHandle,
        other => other.into(),
    }
}

/// `lseek`.
pub fn seek(descriptor: i32, offset: i64, whence: i32) -> Result<u64> {
    if !(0..=2).contains(&whence) {
        return Err(Error::BadArgument);
    }
    Ok(kernel::seek(handle(descriptor)?, offset, whence as u64)?)
}

/// `FD_CLOEXEC`.
const CLOSE_ON_EXEC: i32 = 1;
/// `FD_CLOFORK`.
const CLOSE_ON_FORK: i32 = 2;

/// The kernel's flag of a handle that is to be closed on exec.
fn close_on_exec_flag(on: bool) -> u64 {
    if on { handle_flags::CLOSE_ON_EXEC } else { 0 }
}

/// The kernel's flags for those of `open` (`O_CLOEXEC`, `O_CLOFORK`).
pub fn kept_flags(open: u32) -> u64 {
    let mut flags = close_on_exec_flag(open & open_flags::CLOSE_ON_EXEC != 0);
    if open & open_flags::CLOSE_ON_FORK != 0 {
        flags |= handle_flags::CLOSE_ON_FORK;
    }
    flags
}

/// A fresh handle as the lowest free descriptor.
pub fn adopt(
    made: core::result::Result<Handle, kernel_abi::Error>,
    close_on_exec: bool,
) -> Result<i32> {
    let made = made?;
    if made.0 < Handle::HIGH_BASE {
        let descriptor = made.0 as i32;
        set_close_on_exec(descriptor, close_on_exec)?;
        return Ok(descriptor);
    }
    let moved = kernel::handle_duplicate(made, 0, Rights::ALL, close_on_exec_flag(close_on_exec));
    kernel::handle_close(made)?;
    Ok(moved?.0 as i32)
}

/// Another descriptor for the same open file: the lowest free one from `lowest` on.
pub fn duplicate(descriptor: i32, lowest: i32, close_on_exec: bool) -> Result<i32> {
    duplicate_keeping(descriptor, lowest, close_on_exec_flag(close_on_exec))
}

/// The same, with [`kept_flags`].
pub fn duplicate_keeping(descriptor: i32, lowest: i32, flags: u64) -> Result<i32> {
    let lowest = u32::try_from(lowest).map_err(|_| Error::BadArgument)?;
    match kernel::handle_duplicate(handle(descriptor)?, lowest, Rights::ALL, flags) {
        Ok(made) => Ok(made.0 as i32),
        // POSIX tells a number that no descriptor may have from a table without a free one.
        Err(kernel_abi::Error::TableFull) if is_beyond_limit(lowest) => Err(Error::BadArgument),
        Err(error) => Err(error.into()),
    }
}

/// Whether the process may not have a descriptor of that number (`RLIMIT_NOFILE`).
fn is_beyond_limit(number: u32) -> bool {
    const DESCRIPTORS: u32 = 7;
    crate::process::limit(0, DESCRIPTORS, None)
        .is_ok_and(|[current, _]| u64::from(number) >= current)
}

/// `dup3` with [`kept_flags`], without the check that the two differ.
pub fn duplicate_to(descriptor: i32, target: i32, flags: u64) -> Result<i32> {
    let (from, slot) = (handle(descriptor)?, handle(target)?);
    if slot.0 >= 65536 {
        return Err(Error::BadHandle);
    }
    kernel::handle_info(from)?;
    forget_locks(slot);
    kernel::handle_duplicate(from, slot.0, Rights::ALL, flags | handle_flags::EXACT)?;
    Ok(target)
}

/// Puts the open file into a slot of the runtime's.
pub fn duplicate_exactly(descriptor: i32, slot: Handle) -> Result<()> {
    kernel::handle_duplicate(
        handle(descriptor)?,
        slot.0,
        Rights::ALL,
        handle_flags::EXACT,
    )?;
    Ok(())
}

/// Whether the descriptor is closed on exec.
pub fn close_on_exec(descriptor: i32) -> Result<bool> {
    let flags = kernel::handle_flags(handle(descriptor)?, 0, 0)?;
    Ok(flags & handle_flags::CLOSE_ON_EXEC != 0)
}

/// `F_GETFD`: `FD_CLOEXEC` and `FD_CLOFORK`.
pub fn descriptor_flags(descriptor: i32) -> Result<i32> {
    let flags = kernel::handle_flags(handle(descriptor)?, 0, 0)?;
    let mut bits = 0;
    if flags & handle_flags::CLOSE_ON_EXEC != 0 {
        bits |= CLOSE_ON_EXEC;
    }
    if flags & handle_flags::CLOSE_ON_FORK != 0 {
        bits |= CLOSE_ON_FORK;
    }
    Ok(bits)
}

/// `F_SETFD`.
pub fn set_descriptor_flags(descriptor: i32, bits: i32) -> Result<()> {
    let mut flags = close_on_exec_flag(bits & CLOSE_ON_EXEC != 0);
    if bits & CLOSE_ON_FORK != 0 {
        flags |= handle_flags::CLOSE_ON_FORK;
    }
    kernel::handle_flags(handle(descriptor)?, 1, flags)?;
    Ok(())
}

/// Sets whether it is.
pub fn set_close_on_exec(descriptor: i32, on: bool) -> Result<()> {
    let other = descriptor_flags(descriptor)? & !CLOSE_ON_EXEC;
    set_descriptor_flags(descriptor, other | i32::from(on))
}

/// `F_GETFL`: access mode and status flags as `<fcntl.h>` numbers them.
pub fn status_flags(descriptor: i32) -> Result<u32> {
    let handle = handle(descriptor)?;
    let information = kernel::handle_info(handle)?;
    let readable = information.rights & Rights::READ.0 != 0;
    let writable = information.rights & Rights::WRITE.0 != 0;
    let mut flags = match (readable, writable) {
        (_, false) => 0,
        (false, true) => 1,
        (true, true) => 2,
    };
    let status = kernel::status_flags(handle, 0, 0)? as u32;
    if status & self::flag::NONBLOCK != 0 {
        flags |= proto::types::open_flags::NONBLOCK;
    }
    if status & self::flag::APPEND != 0 {
        flags |= proto::types::open_flags::APPEND;
    }
    Ok(flags)
}

use kernel_abi::message::status_flags as flag;

/// `F_SETFL`.
pub fn set_status_flags(descriptor: i32, flags: u32) -> Result<()> {
    let handle = handle(descriptor)?;
    let before = kernel::status_flags(handle, 0, 0)? as u32;
    let mut status = before & !(flag::NONBLOCK | flag::APPEND);
    if flags & proto::types::open_flags::NONBLOCK != 0 {
        status |= flag::NONBLOCK;
    }
    if flags & proto::types::open_flags::APPEND != 0 {
        status |= flag::APPEND;
    }
    kernel::status_flags(handle, 1, status)?;
    Ok(())
}

/// `NotDirectory` unless a descriptor is a directory's.
pub fn require_directory(descriptor: i32) -> Result<()> {
    match status(descriptor)?.mode & 0o170000 {
        0o040000 => Ok(()),
        _ => Err(Error::NotDirectory),
    }
}

/// `fstat`.
pub fn status(descriptor: i32) -> Result<Attributes> {
    let mut bytes = [0; Attributes::SIZE];
    match file::status(&session(descriptor)?, &mut bytes, &[]) {
        Ok(_) => Attributes::decode(&bytes).ok_or(Error::BadMessage),
        // Pipes and other kernel objects have no server to ask.
        Err(Error::NotSupported) => Ok(object_status(&kernel::handle_info(handle(descriptor)?)?)),
        Err(error) => Err(error),
    }
}

fn object_status(information: &HandleInfo) -> Attributes {
    let (kind, node) = if information.kind == ObjectKind::Stream as u32 {
        // Both ends are one file.
        (file_type::FIFO, stream_number(information.object))
    } else {
        (0, information.object)
    };
    Attributes {
        node,
        mode: kind | 0o600,
        links: 1,
        user: libc_rt::identity::effective_user(),
        group: libc_rt::identity::effective_group(),
        block_size: 4096,
        ..Attributes::default()
    }
}

/// Sets attributes (`types::attribute_mask`).
pub fn set_attributes(descriptor: i32, mask: u64, attributes: &Attributes) -> Result<()> {
    let mut bytes = [0; Attributes::SIZE];
    attributes.encode(&mut bytes).ok_or(Error::BadArgument)?;
    file::set_attributes(&session(descriptor)?, mask, &bytes, &[]).map(|_| ())
}

/// `ftruncate`.
pub fn truncate(descriptor: i32, length: u64) -> Result<()> {
    check_size(descriptor, length)?;
    let answer = file::truncate(&session(descriptor)?, length, &[]);
    answer.map(|_| ()).map_err(not_a_file)
}

/// `RLIMIT_FSIZE`: a file that would grow beyond it stays, and the thread gets SIGXFSZ.
fn check_size(descriptor: i32, length: u64) -> Result<()> {
    const LIMIT: u32 = 1;
    const SIGXFSZ: u32 = 25;
    const FROM_KERNEL: i32 = 128;
    let [most, _] = crate::process::limit(0, LIMIT, None)?;
    if length <= most || length <= status(descriptor)?.size {
        return Ok(());
    }
    crate::process::raise(Handle::SELF.0.into(), SIGXFSZ, FROM_KERNEL, 0)?;
    Err(Error::TooLong)
}

/// `fsync`, `fdatasync`.
pub fn sync(descriptor: i32, data_only: bool) -> Result<()> {
    let answer = file::sync(&session(descriptor)?, data_only as u32, &[]);
    answer.map(|_| ()).map_err(not_a_file)
}

/// What POSIX wants where a kernel object is asked for a file's operation.
fn not_a_file(error: Error) -> Error {
    match error {
        Error::NotSupported => Error::BadArgument,
        other => other,
    }
}

/// Directory entries from a cursor on: bytes written.
pub fn read_directory(descriptor: i32, cursor: u64, entries: &mut [u8]) -> Result<usize> {
    let answer = file::read_directory(&session(descriptor)?, cursor, entries, &[]);
    match answer {
        Ok(answer) => Ok(answer.words[0] as usize),
        Err(Error::NotSupported) => Err(Error::NotDirectory),
        Err(error) => Err(error),
    }
}

/// `ioctl` by words and buffers.
pub fn control(
    descriptor: i32,
    request: u64,
    argument: u64,
    data: &[u8],
    result: &mut [u8],
) -> Result<u64> {
    match file::control(&session(descriptor)?, request, argument, data, result, &[]) {
        Ok(answer) => Ok(answer.words[0]),
        Err(Error::NotSupported | Error::Unsupported) => Err(Error::NotTerminal),
        Err(error) => Err(error),
    }
}

/// `TIOCGPTPEER`: the other end of a pseudo terminal's master, opened with these flags.
pub fn terminal_peer(descriptor: i32, flags: u32) -> Result<i32> {
    let close_on_exec = flags & proto::types::open_flags::CLOSE_ON_EXEC != 0;
    let master = session(descriptor)?.giving_descriptors(close_on_exec);
    match proto::terminals::open_peer(&master, flags, &[]) {
        Ok(answer) => Ok(answer.handles[0].0 as i32),
        Err(Error::NotSupported | Error::Unsupported) => Err(Error::NotTerminal),
        Err(error) => Err(error),
    }
}

/// `fallocate`.
pub fn allocate(descriptor: i32, mode: u32, offset: u64, length: u64) -> Result<()> {
    file::allocate(&session(descriptor)?, mode, offset, length, &[]).map(|_| ())
}

/// `fstatfs`.
pub fn file_system_status(descriptor: i32) -> Result<FileSystemStatus> {
    let mut bytes = [0; FileSystemStatus::SIZE];
    file::file_system_status(&session(descriptor)?, &mut bytes, &[])?;
    FileSystemStatus::decode(&bytes).ok_or(Error::BadMessage)
}

/// The path a descriptor was opened by: bytes written.
pub fn path(descriptor: i32, path: &mut [u8]) -> Result<usize> {
    file::path(&session(descriptor)?, path, &[]).map(|answer| answer.words[0] as usize)
}

/// A lock that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// 0 none, 1 shared, 2 exclusive.
    pub kind: u32,
    /// First byte.
    pub start: u64,
    /// Length, 0 = to the end.
    pub length: u64,
    /// Process that holds it.
    pub owner: u64,
}

/// `fcntl` locks and `flock`; see `proto::file::lock` for `kind` and `mode`.
pub fn lock(descriptor: i32, kind: u32, mode: u32, start: u64, length: u64) -> Result<Conflict> {
    let session = session(descriptor)?;
    let lock = || file::lock(&session, kind, mode, start, length, &[]);
    let answer = match lock() {
        // The first record lock of this process: the server wants to hear of its end.
        Err(Error::BadState) => {
            HAS_LOCKS.store(true, Ordering::Relaxed);
            file::own_locks(&session.giving_own_handles(), &[])?;
            lock()
        }
        answer => answer,
    };
    let words = answer.map_err(not_a_file)?.words;
    Ok(Conflict {
        kind: words[0] as u32,
        start: words[1],
        length: words[2],
        owner: words[3],
    })
}

/// The Memory behind a regular file, and its length.
pub fn memory(descriptor: i32, protection: u32) -> Result<(Handle, u64)> {
    match file::map(&session(descriptor)?, protection, &[]) {
        Ok(answer) => Ok((answer.handles[0], answer.words[0])),
        Err(Error::NotSupported | Error::Unsupported) => Err(Error::NoDevice),
        Err(error) => Err(error),
    }
}

/// `pipe2`.
pub fn pipe(flags: u32) -> Result<[i32; 2]> {
    use proto::types::open_flags::NONBLOCK;
    /// POSIX wants at least 512; 64 KiB is what programs are tuned for.
    const CAPACITY: u64 = 65536;
    if flags & !(open_flags::CLOSE_ON_EXEC | open_flags::CLOSE_ON_FORK | NONBLOCK) != 0 {
        return Err(Error::BadArgument);
    }
    let ends = stream(
        kernel_abi::socket::stream_flags::ONE_WAY,
        CAPACITY,
        kept_flags(flags),
    )?;
    if flags & NONBLOCK != 0 {
        for end in ends {
            set_status_flags(end, NONBLOCK)?;
        }
    }
    Ok(ends)
}

/// Two ends of a stream as descriptors; `kept` are the handles' flags ([`kept_flags`]).
pub fn stream(stream_flags: u64, capacity: u64, kept: u64) -> Result<[i32; 2]> {
    let ends = kernel::stream_create(stream_flags, capacity, kept)?;
    Ok(ends.map(|end| end.0 as i32))
}
