//! A stream: buffer, state, and the operations that move its bytes.
//!
//! The buffer serves reading or writing, never both at once: `read_position..read_end` holds
//! bytes read and not yet taken; `write_base..write_position` bytes given and not yet written.

use crate::sys::support::{Error, Result, set_errno};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};
use libc_posix::descriptor;
use libc_rt::lock::RawLock;
use libc_rt::thread;

/// Bytes of an ordinary buffer.
pub const BUFFER: usize = 4096;
/// Room before the buffer for characters that are pushed back.
pub const UNGET: usize = 8;

/// Bits of [`File::flags`].
pub mod flag {
    /// Not open for reading.
    pub const NO_READ: u32 = 1;
    /// Not open for writing.
    pub const NO_WRITE: u32 = 2;
    /// The end was met.
    pub const END: u32 = 4;
    /// An error was met.
    pub const ERROR: u32 = 8;
    /// Writes go to the end.
    pub const APPEND: u32 = 16;
    /// One of the three standard streams: never freed.
    pub const STATIC: u32 = 32;
    /// Whether it is a terminal has not been asked yet.
    pub const ASK_TERMINAL: u32 = 64;
    /// The program asked for no buffer.
    pub const UNBUFFERED: u32 = 128;
}

/// What a kind of stream does.
pub struct Operations {
    /// Reads some bytes; 0 at the end.
    pub read: unsafe fn(*mut File, &mut [u8]) -> Result<usize>,
    /// Writes some bytes.
    pub write: unsafe fn(*mut File, &[u8]) -> Result<usize>,
    /// Moves the position, and returns it.
    pub seek: unsafe fn(*mut File, i64, c_int) -> Result<i64>,
    /// Lets go of what is behind it.
    pub close: unsafe fn(*mut File) -> Result<()>,
}

/// `FILE`.
#[repr(C)]
pub struct File {
    /// Next byte to give.
    pub read_position: *mut u8,
    /// End of the bytes read.
    pub read_end: *mut u8,
    /// Next byte to fill.
    pub write_position: *mut u8,
    /// End of the room; null outside writing.
    pub write_end: *mut u8,
    /// First byte not yet written.
    pub write_base: *mut u8,
    /// Character that flushes, or -1.
    pub line_end: c_int,
    /// [`flag`].
    pub flags: u32,
    /// Descriptor, or -1.
    pub fd: c_int,
    /// Wide (1), bytes (-1), undecided (0).
    pub orientation: c_int,
    /// Buffer; [`UNGET`] bytes before it are there, too.
    pub buffer: *mut u8,
    /// Its size.
    pub size: usize,
    /// What kind of stream.
    pub operations: &'static Operations,
    /// What the operations need.
    pub cookie: *mut c_void,
    /// `popen`'s process.
    pub process: c_int,
    /// Line that `fgetln` gave out.
    pub line: *mut c_void,
    lock: RawLock,
    owner: AtomicUsize,
    depth: u32,
    /// Next open stream.
    pub next: *mut File,
    /// The one before.
    pub previous: *mut File,
    inner: [u8; UNGET],
}

// SAFETY: a `File` is shared by locking it.
unsafe impl Sync for File {}
// SAFETY: as above; no field belongs to the thread that made it.
unsafe impl Send for File {}

unsafe fn read_descriptor(file: *mut File, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the caller's stream.
    descriptor::read(unsafe { (*file).fd }, bytes)
}
unsafe fn write_descriptor(file: *mut File, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the caller's stream.
    let result = descriptor::write(unsafe { (*file).fd }, bytes);
    if result == Err(Error::PeerClosed) {
        crate::sys::signal::raise(13);
    }
    result
}
unsafe fn seek_descriptor(file: *mut File, offset: i64, whence: c_int) -> Result<i64> {
    // SAFETY: the caller's stream.
    descriptor::seek(unsafe { (*file).fd }, offset, whence).map(|position| position as i64)
}
unsafe fn close_descriptor(file: *mut File) -> Result<()> {
    // SAFETY: the caller's stream.
    descriptor::close(unsafe { (*file).fd })
}

/// Streams over descriptors.
pub static DESCRIPTOR: Operations = Operations {
    read: read_descriptor,
    write: write_descriptor,
    seek: seek_descriptor,
    close: close_descriptor,
};

impl File {
    /// A stream over a buffer that has [`UNGET`] bytes before it (null: none, unbuffered).
    pub const fn new(
        operations: &'static Operations,
        fd: c_int,
        flags: u32,
        buffer: *mut u8,
        size: usize,
    ) -> File {
        File {
            read_position: core::ptr::null_mut(),
            read_end: core::ptr::null_mut(),
            write_position: core::ptr::null_mut(),
            write_end: core::ptr::null_mut(),
            write_base: core::ptr::null_mut(),
            line_end: -1,
            flags,
            fd,
            orientation: 0,
            buffer,
            size,
            operations,
            cookie: core::ptr::null_mut(),
            process: 0,
            line: core::ptr::null_mut(),
            lock: RawLock::new(),
            owner: AtomicUsize::new(0),
            depth: 0,
            next: core::ptr::null_mut(),
            previous: core::ptr::null_mut(),
            inner: [0; UNGET],
        }
    }

    /// Points a stream without buffer at the few bytes it has inside.
    fn settle(&mut self) {
        if self.buffer.is_null() {
            self.buffer = (&raw mut self.inner).cast::<u8>().wrapping_add(UNGET);
            self.size = 0;
        }
    }

    /// Remembers an error.
    pub fn failed(&mut self, error: Error) {
        self.flags |= flag::ERROR;
        set_errno(error as c_int);
    }

    /// Makes the stream ready for writing: whether it may write.
    pub unsafe fn begin_write(&mut self) -> bool {
        self.settle();
        if self.flags & flag::NO_WRITE != 0 {
            self.failed(Error::BadHandle);
            return false;
        }
        // SAFETY: the stream is the caller's.
        unsafe { self.drop_read() };
        if self.flags & flag::ASK_TERMINAL != 0 {
            self.flags &= !flag::ASK_TERMINAL;
            if self.fd >= 0 && is_terminal(self.fd) {
                self.line_end = b'\n' as c_int;
            }
        }
        self.write_base = self.buffer;
        self.write_position = self.buffer;
        self.write_end = self.buffer.wrapping_add(self.size);
        super::standard::register();
        true
    }

    /// Makes the stream ready for reading: whether it may read.
    pub unsafe fn begin_read(&mut self) -> bool {
        self.settle();
        if !self.write_end.is_null() {
            // SAFETY: the stream is the caller's.
            if !unsafe { self.flush() } {
                return false;
            }
            self.write_end = core::ptr::null_mut();
            (self.write_base, self.write_position) = (self.write_end, self.write_end);
        }
        if self.flags & flag::NO_READ != 0 {
            self.failed(Error::BadHandle);
            return false;
        }
        if self.read_position.is_null() {
            (self.read_position, self.read_end) = (self.buffer, self.buffer);
        }
        super::standard::register();
        true
    }

    /// Gives bytes that were read and not taken back to the file.
    pub unsafe fn drop_read(&mut self) {
        let unread = self.read_end as usize - self.read_position as usize;
        if unread > 0 {
            // A pipe cannot take them back; they are lost then, as everywhere.
            // SAFETY: the stream is the caller's.
            let _ = unsafe { (self.operations.seek)(self, -(unread as i64), 1) };
        }
        self.read_position = core::ptr::null_mut();
        self.read_end = core::ptr::null_mut();
    }

    /// Forgets what was read, the position having been moved.
    pub fn discard_read(&mut self) {
        self.read_position = core::ptr::null_mut();
        self.read_end = core::ptr::null_mut();
    }

    /// Bytes read and not taken.
    pub fn unread(&self) -> usize {
        self.read_end as usize - self.read_position as usize
    }

    /// Bytes given and not written.
    pub fn unwritten(&self) -> usize {
        self.write_position as usize - self.write_base as usize
    }

    /// Writes out what the buffer holds: whether that went.
    pub unsafe fn flush(&mut self) -> bool {
        let length = self.unwritten();
        // SAFETY: base and position bound bytes of the buffer.
        let pending = unsafe { core::slice::from_raw_parts(self.write_base_or_inner(), length) };
        self.write_position = self.write_base;
        // SAFETY: the stream is the caller's.
        unsafe { self.write_out(pending) == length }
    }

    fn write_base_or_inner(&self) -> *const u8 {
        if self.write_base.is_null() {
            self.inner.as_ptr()
        } else {
            self.write_base
        }
    }

    /// Writes bytes past the buffer: how many.
    unsafe fn write_out(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            // SAFETY: the stream is the caller's.
            match unsafe { (self.operations.write)(self, &bytes[done..]) } {
                Ok(count) => done += count,
                Err(error) => {
                    self.failed(error);
                    break;
                }
            }
        }
        done
    }

    /// Takes bytes to write: how many were taken.
    pub unsafe fn write(&mut self, bytes: &[u8]) -> usize {
        // SAFETY: the stream is the caller's throughout.
        unsafe {
            if self.write_end.is_null() && !self.begin_write() {
                return 0;
            }
            if self.line_end >= 0 {
                let end = self.line_end as u8;
                if let Some(last) = bytes.iter().rposition(|byte| *byte == end) {
                    let (lines, rest) = bytes.split_at(last + 1);
                    let done = self.put(lines);
                    if done < lines.len() || !self.flush() {
                        return done;
                    }
                    return done + self.put(rest);
                }
            }
            self.put(bytes)
        }
    }

    unsafe fn put(&mut self, bytes: &[u8]) -> usize {
        let room = self.write_end as usize - self.write_position as usize;
        // SAFETY: the copied length is within the buffer's room.
        unsafe {
            if bytes.len() > room {
                if !self.flush() {
                    return 0;
                }
                if bytes.len() >= self.size {
                    return self.write_out(bytes);
                }
            }
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.write_position, bytes.len());
        }
        self.write_position = self.write_position.wrapping_add(bytes.len());
        bytes.len()
    }

    /// Reads into the empty buffer: whether there is anything now.
    pub unsafe fn fill(&mut self) -> bool {
        // SAFETY: the stream is the caller's; the buffer has `size` bytes.
        unsafe {
            if (self.read_position.is_null() || !self.write_end.is_null()) && !self.begin_read() {
                return false;
            }
            let (room, size) = match self.size {
                // An unbuffered stream reads byte by byte, into the bytes inside.
                0 => (self.buffer.wrapping_sub(1), 1),
                size => (self.buffer, size),
            };
            let count = self.read_some(core::slice::from_raw_parts_mut(room, size));
            self.read_position = room;
            self.read_end = room.wrapping_add(count);
            count > 0
        }
    }

    /// One read past the buffer; 0 at the end or on an error, which is remembered.
    pub unsafe fn read_some(&mut self, bytes: &mut [u8]) -> usize {
        // SAFETY: the stream is the caller's.
        match unsafe { (self.operations.read)(self, bytes) } {
            Ok(0) => {
                self.flags |= flag::END;
                0
            }
            Ok(count) => count,
            Err(error) => {
                self.failed(error);
                0
            }
        }
    }

    /// The next byte.
    #[inline]
    pub unsafe fn get(&mut self) -> Option<u8> {
        // SAFETY: the stream is the caller's; position is below the end.
        unsafe {
            if self.read_position == self.read_end && !self.fill() {
                return None;
            }
            let byte = *self.read_position;
            self.read_position = self.read_position.add(1);
            Some(byte)
        }
    }

    /// Pushes a byte back: whether there was room.
    pub unsafe fn unget(&mut self, byte: u8) -> bool {
        // SAFETY: there are UNGET bytes before the buffer.
        unsafe {
            if self.read_position.is_null() && !self.begin_read() {
                return false;
            }
            if self.read_position <= self.buffer.wrapping_sub(UNGET) {
                return false;
            }
            self.read_position = self.read_position.sub(1);
            *self.read_position = byte;
        }
        self.flags &= !flag::END;
        true
    }

    /// Takes the stream's lock, which its holder may take again.
    pub fn acquire(&mut self) {
        let own = thread::current() as usize;
        if self.owner.load(Ordering::Relaxed) == own {
            self.depth += 1;
            return;
        }
        self.lock.acquire();
        self.owner.store(own, Ordering::Relaxed);
        self.depth = 1;
    }

    /// As [`File::acquire`], if that needs no wait.
    pub fn try_acquire(&mut self) -> bool {
        let own = thread::current() as usize;
        if self.owner.load(Ordering::Relaxed) == own {
            self.depth += 1;
            return true;
        }
        if !self.lock.try_acquire() {
            return false;
        }
        self.owner.store(own, Ordering::Relaxed);
        self.depth = 1;
        true
    }

    /// Lets it go.
    pub fn release(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.owner.store(0, Ordering::Relaxed);
            self.lock.release();
        }
    }
}

fn is_terminal(fd: c_int) -> bool {
    let mut size = [0u8; 8];
    descriptor::control(fd, 0x5413, 0, &[], &mut size).is_ok()
}

/// Runs something with a stream locked; as long as there is one thread, nothing is locked.
#[inline]
pub unsafe fn locked<T>(file: *mut File, body: impl FnOnce(&mut File) -> T) -> T {
    // SAFETY: the caller's stream.
    let file = unsafe { &mut *file };
    if !thread::is_threaded() {
        return body(file);
    }
    file.acquire();
    let result = body(file);
    file.release();
    result
}
