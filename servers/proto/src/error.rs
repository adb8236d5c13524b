//! Errors on the wire.

use core::fmt;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// Why a server refused an operation. A closed set; the numbers are those that POSIX
        /// systems on this architecture give to the nearest `errno`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum Error { $($(#[$doc])* $name = $number,)* }

        impl Error {
            /// The error with this number; an unknown one reads as [`Error::Io`].
            pub const fn from_number(number: i32) -> Error {
                match number { $($number => Error::$name,)* _ => Error::Io }
            }
        }
    };
}

errors! {
    /// The caller may not (`EPERM`).
    NotPermitted = 1,
    /// No such file or object (`ENOENT`).
    NotFound = 2,
    /// No such process (`ESRCH`).
    NoProcess = 3,
    /// The wait was cancelled (`EINTR`).
    Interrupted = 4,
    /// The device or the data on it failed (`EIO`).
    Io = 5,
    /// No such device (`ENXIO`).
    NoDeviceAddress = 6,
    /// Arguments too long (`E2BIG`).
    ArgumentsTooLong = 7,
    /// Not an executable (`ENOEXEC`).
    NotExecutable = 8,
    /// Not open, or not open for this (`EBADF`).
    BadHandle = 9,
    /// No children (`ECHILD`).
    NoChild = 10,
    /// Would wait (`EAGAIN`).
    WouldBlock = 11,
    /// No memory (`ENOMEM`).
    NoMemory = 12,
    /// Permission denied (`EACCES`).
    AccessDenied = 13,
    /// Bad address (`EFAULT`).
    BadAddress = 14,
    /// Not a block device (`ENOTBLK`).
    NotBlockDevice = 15,
    /// In use (`EBUSY`).
    Busy = 16,
    /// Exists already (`EEXIST`).
    Exists = 17,
    /// Across file systems (`EXDEV`).
    CrossDevice = 18,
    /// No such device (`ENODEV`).
    NoDevice = 19,
    /// Not a directory (`ENOTDIR`).
    NotDirectory = 20,
    /// Is a directory (`EISDIR`).
    IsDirectory = 21,
    /// Malformed (`EINVAL`).
    BadArgument = 22,
    /// Too many files in the system (`ENFILE`).
    TooManyOpen = 23,
    /// Handle table full (`EMFILE`).
    TableFull = 24,
    /// Not a terminal, or not an operation of this file (`ENOTTY`).
    NotTerminal = 25,
    /// File too large (`EFBIG`).
    TooLong = 27,
    /// No space on the device (`ENOSPC`).
    NoSpace = 28,
    /// Not seekable (`ESPIPE`).
    NotSeekable = 29,
    /// Read-only file system (`EROFS`).
    ReadOnly = 30,
    /// Too many links (`EMLINK`).
    TooManyLinks = 31,
    /// The other end is closed (`EPIPE`).
    PeerClosed = 32,
    /// Outside what the function is defined for (`EDOM`).
    OutOfDomain = 33,
    /// Out of range (`ERANGE`).
    OutOfRange = 34,
    /// Deadlock (`EDEADLK`).
    Deadlock = 35,
    /// Name too long (`ENAMETOOLONG`).
    NameTooLong = 36,
    /// No locks (`ENOLCK`).
    NoLock = 37,
    /// Not offered (`ENOSYS`).
    Unsupported = 38,
    /// Directory not empty (`ENOTEMPTY`).
    NotEmpty = 39,
    /// Too many symbolic links (`ELOOP`).
    TooManySymlinks = 40,
    /// No message of the wanted type (`ENOMSG`).
    NoMessage = 42,
    /// The object was removed (`EIDRM`).
    Removed = 43,
    /// The message does not decode (`EPROTO`).
    BadMessage = 71,
    /// The kernel is to have the caller send its call again (never seen by a program).
    Restart = 85,
    /// Not a socket (`ENOTSOCK`).
    NotSocket = 88,
    /// A message is longer than the queue takes or the buffer holds (`EMSGSIZE`).
    MessageTooLong = 90,
    /// Not supported for this object (`EOPNOTSUPP`).
    NotSupported = 95,
    /// Nowhere to send to (`EDESTADDRREQ`).
    DestinationRequired = 89,
    /// Of another type than the socket (`EPROTOTYPE`).
    WrongProtocolType = 91,
    /// No such option (`ENOPROTOOPT`).
    NoOption = 92,
    /// No such protocol (`EPROTONOSUPPORT`).
    NoProtocol = 93,
    /// No such type of socket (`ESOCKTNOSUPPORT`).
    NoSocketType = 94,
    /// No such family of addresses (`EAFNOSUPPORT`).
    NoAddressFamily = 97,
    /// Address not available (`EADDRNOTAVAIL`).
    AddressNotAvailable = 99,
    /// The network is down (`ENETDOWN`).
    NetworkDown = 100,
    /// No route to the network (`ENETUNREACH`).
    NetworkUnreachable = 101,
    /// Given up from here (`ECONNABORTED`).
    ConnectionAborted = 103,
    /// No room for more (`ENOBUFS`).
    NoBuffers = 105,
    /// Reset by the peer (`ECONNRESET`).
    ConnectionReset = 104,
    /// Connected already (`EISCONN`).
    IsConnected = 106,
    /// Not connected (`ENOTCONN`).
    NotConnected = 107,
    /// Too many references to carry (`ETOOMANYREFS`).
    TooManyReferences = 109,
    /// Address in use (`EADDRINUSE`).
    AddressInUse = 98,
    /// Connection refused (`ECONNREFUSED`).
    ConnectionRefused = 111,
    /// Timed out (`ETIMEDOUT`).
    TimedOut = 110,
    /// No way to the host (`EHOSTUNREACH`).
    HostUnreachable = 113,
    /// Under way already (`EALREADY`).
    AlreadyInProgress = 114,
    /// Under way (`EINPROGRESS`).
    InProgress = 115,
    /// Called off (`ECANCELED`).
    Cancelled = 125,
    /// The owner of a lock ended while it held it (`EOWNERDEAD`).
    OwnerDead = 130,
    /// What a lock guards cannot be recovered (`ENOTRECOVERABLE`).
    NotRecoverable = 131,
    /// Too large for the type (`EOVERFLOW`).
    Overflow = 75,
    /// The state does not allow it (`EBADFD`).
    BadState = 77,
}

impl fmt::Display for Error {
    /// For messages to people: words for what a damaged or incomplete system meets, the name for
    /// the others.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::PeerClosed => out.write_str("the server behind it does not run"),
            Error::NotFound => out.write_str("it is not there"),
            Error::NoDevice => out.write_str("there is no such device"),
            Error::Io => out.write_str("the device or the data on it failed"),
            Error::NotExecutable => out.write_str("it is no program for this machine"),
            Error::NoMemory => out.write_str("no memory"),
            other => write!(out, "{other:?}"),
        }
    }
}

impl From<kernel_abi::Error> for Error {
    fn from(error: kernel_abi::Error) -> Error {
        // The two sets share their numbers; what only the kernel has reads as Io.
        Error::from_number(error as i32)
    }
}
