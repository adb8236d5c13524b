//! Errors of system calls.

macro_rules! errors {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal,)*) => {
        /// Why a system call was refused. The kernel returns the negated number in `rax`.
        ///
        /// The numbers equal those that POSIX systems on this architecture give to the nearest
        /// `errno`, so that the C library converts by a cast; the set is closed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum Error { $($(#[doc = $doc])* $name = $number,)* }

        impl Error {
            /// All errors, in the order of their declaration.
            pub const ALL: &'static [Error] = &[$(Error::$name,)*];

            /// The error with this number.
            pub const fn from_number(number: i32) -> Option<Error> {
                match number { $($number => Some(Error::$name),)* _ => None }
            }

            /// What the error means, a line each, for the reference pages.
            pub const fn documentation(self) -> &'static [&'static str] {
                match self { $(Error::$name => &[$($doc),*],)* }
            }

            /// The error's name, for traces.
            pub const fn name(self) -> &'static str {
                match self { $(Error::$name => stringify!($name),)* }
            }
        }
    };
}

errors! {
    /// No such object, key, badge or mapping.
    NotFound = 2,
    /// The wait was ended by an upcall or by cancellation.
    Interrupted = 4,
    /// The server died twice over this call, or a pager could not supply a page.
    Io = 5,
    /// A message or list is longer than the limit.
    TooBig = 7,
    /// The slot holds no handle.
    BadHandle = 9,
    /// The operation would have to wait and was asked not to.
    WouldBlock = 11,
    /// No memory, or the process's limit is reached.
    NoMemory = 12,
    /// The handle lacks a right.
    AccessDenied = 13,
    /// A user address is not mapped, or not for this access.
    BadAddress = 14,
    /// The object is in use (pinned pages, a second receiver of the same kind, ...).
    Busy = 16,
    /// The badge, key or address range is already taken.
    Exists = 17,
    /// An argument is malformed or out of its range.
    BadArgument = 22,
    /// The handle table is full.
    TableFull = 24,
    /// A write would exceed the largest length allowed.
    TooLong = 27,
    /// The object has no position to seek in.
    NotSeekable = 29,
    /// The other end of the stream or session is closed.
    PeerClosed = 32,
    /// Not offered by this object or this kernel.
    Unsupported = 38,
    /// The object is of another kind than the call needs.
    WrongKind = 95,
    /// The deadline passed.
    TimedOut = 110,
    /// The call's target was cancelled or the state does not allow it.
    BadState = 77,
    /// No process or thread of that name is left.
    NoProcess = 3,
    /// The message is longer than the queue ever takes.
    MessageTooLong = 90,
    /// The other end was closed before it had read everything.
    ConnectionReset = 104,
    /// Nobody receives there any more.
    ConnectionRefused = 111,
    /// Handles under way would keep themselves alive, or there are too many.
    TooManyReferences = 109,
    /// Wait sets would wait for one another, or nest too deeply.
    Nested = 40,
    /// From the server of a session that was read, written or sought in: it has no peer yet.
    NotConnected = 107,
    /// From such a server: it does not know where to send to.
    DestinationRequired = 89,
    /// From the server of a session that was read, written or sought in: the caller may not.
    NotPermitted = 1,
    /// From such a server: there is no device behind the name.
    NoDeviceAddress = 6,
    /// From such a server: the device is gone.
    NoDevice = 19,
    /// From such a server: it is a directory.
    IsDirectory = 21,
    /// From such a server: its device is full.
    NoSpace = 28,
    /// From such a server: it may not be written.
    ReadOnly = 30,
    /// From such a server: the number does not fit.
    Overflow = 75,
    /// From a server by `Reply`, never to a program: the caller is to execute its call again,
    /// after the upcalls that are due to it, as if one had interrupted it.
    Restart = 85,
}

/// Splits the value of `rax` into its two cases.
#[inline]
pub fn result(value: i64) -> Result<u64, Error> {
    /// The numbers of errors are below 4096, as everywhere; no other value is so high.
    const FIRST_ERROR: u64 = -4095i64 as u64;
    if (value as u64) < FIRST_ERROR {
        Ok(value as u64)
    } else {
        Err(refusal(value))
    }
}

/// Apart, so that the way of a call that succeeds is short.
#[cold]
fn refusal(value: i64) -> Error {
    // A number outside the set can only come from a kernel newer than this table.
    Error::from_number((-value) as i32).unwrap_or(Error::Unsupported)
}
