//! What a server is started with.

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use kernel_abi::Handle;
use kernel_abi::system::{START_MAGIC, StartBlock, StartEntry};

use crate::Session;

static NAME: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static NAME_LENGTH: AtomicUsize = AtomicUsize::new(0);
static SUPERVISOR: AtomicU32 = AtomicU32::new(Handle::NONE.0);

/// The session with the supervisor, which the supervisor itself has not.
pub(crate) fn supervisor() -> Option<Handle> {
    let handle = Handle(SUPERVISOR.load(Ordering::Relaxed));
    (handle != Handle::NONE).then_some(handle)
}

/// The server's own name (its first argument), for the log.
pub(crate) fn name() -> &'static str {
    let (pointer, length) = (
        NAME.load(Ordering::Relaxed),
        NAME_LENGTH.load(Ordering::Relaxed),
    );
    if length == 0 {
        // Only the kernel starts a program without arguments.
        return "svc";
    }
    // SAFETY: set once by `Start::adopt` from the start block, which is never unmapped.
    let bytes = unsafe { core::slice::from_raw_parts(pointer, length) };
    core::str::from_utf8(bytes).unwrap_or("?")
}

/// The named handles and arguments that the declaration gives a server.
#[derive(Clone, Copy)]
pub struct Start {
    entries: &'static [StartEntry],
    arguments: &'static [u8],
    restarts: u64,
}

impl Start {
    /// Takes over the start block.
    ///
    /// # Safety
    /// `block` must be the address in `rdi` at entry, and this must be called once.
    pub unsafe fn adopt(block: *const StartBlock) -> Start {
        // SAFETY: by the contract of process start a valid block is mapped there for good.
        let header = unsafe { *block };
        assert!(header.magic == START_MAGIC, "not started by the supervisor");
        // SAFETY: the entries follow the block, as many as it says.
        let entries = unsafe {
            core::slice::from_raw_parts(
                block.add(1).cast::<StartEntry>(),
                header.entry_count as usize,
            )
        };
        let after = entries.as_ptr_range().end.cast::<u8>();
        // SAFETY: the arguments follow the entries.
        let arguments =
            unsafe { core::slice::from_raw_parts(after, header.argument_bytes as usize) };
        let name = arguments.split(|byte| *byte == 0).next().unwrap_or(&[]);
        NAME_LENGTH.store(name.len(), Ordering::Relaxed);
        NAME.store(name.as_ptr().cast_mut(), Ordering::Relaxed);
        let start = Start {
            entries,
            arguments,
            restarts: header.restarts,
        };
        let supervisor = start.handle("supervisor").unwrap_or(Handle::NONE);
        SUPERVISOR.store(supervisor.0, Ordering::Relaxed);
        start
    }

    fn entry(&self, name: &str) -> Option<&StartEntry> {
        self.entries
            .iter()
            .find(|entry| entry_name(entry) == name.as_bytes())
    }

    /// The handle of this name.
    pub fn handle(&self, name: &str) -> Option<Handle> {
        self.entry(name)
            .map(|entry| Handle(entry.handle))
            .filter(|handle| *handle != Handle::NONE)
    }

    /// The handle of this name; without it the server cannot work and says so.
    pub fn require(&self, name: &str) -> Handle {
        self.handle(name).unwrap_or_else(|| {
            self.cannot_start(format_args!(
                "the declaration gives no handle named {name:?}"
            ))
        })
    }

    /// Ends the server for a reason that another start would only meet again: damaged data, a
    /// device that is not there, a declared peer that does not run. The supervisor reports the
    /// reason (its first 200 bytes) under the server's name and leaves the server down. What may
    /// pass (no memory, say) is no such reason: for that a server just exits.
    pub fn cannot_start(&self, reason: core::fmt::Arguments<'_>) -> ! {
        let text = alloc::format!("{reason}");
        let told = self.handle("supervisor").is_some_and(|supervisor| {
            proto::supervisor::cannot_start(&Session(supervisor), text.as_bytes(), &[]).is_ok()
        });
        if !told {
            crate::log!("cannot start: {text}");
        }
        kernel_stubs::safe::process_exit(crate::CANNOT_START_STATUS)
    }

    /// The number that goes with the name.
    pub fn value(&self, name: &str) -> Option<u64> {
        self.entry(name).map(|entry| entry.value)
    }

    /// The server's own endpoint.
    pub fn endpoint(&self) -> Handle {
        self.require("self-endpoint")
    }

    /// Every entry, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Handle, u64)> + use<> {
        self.entries.iter().map(|entry| {
            let name = core::str::from_utf8(entry_name(entry)).unwrap_or("");
            (name, Handle(entry.handle), entry.value)
        })
    }

    /// Arguments, the server's name first.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> + use<> {
        let text = self.arguments.strip_suffix(&[0]).unwrap_or(self.arguments);
        text.split(|byte| *byte == 0)
            .map(|bytes| core::str::from_utf8(bytes).unwrap_or(""))
    }

    /// The value of the argument `key=value`.
    pub fn argument(&self, key: &str) -> Option<&'static str> {
        self.arguments()
            .find_map(|argument| argument.strip_prefix(key)?.strip_prefix('='))
    }

    /// How often this server was started before.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }
}

fn entry_name(entry: &StartEntry) -> &[u8] {
    let end = entry
        .name
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(entry.name.len());
    &entry.name[..end]
}

/// Defines the program's entry point: calls `fn(Start) -> !`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// First instruction of the server; `rdi` holds the start block, the stack is aligned as
        /// at a call.
        ///
        /// # Safety
        /// Runs once, as the supervisor starts the process: with the block's address.
        #[cfg(target_os = "none")]
        #[allow(
            unsafe_code,
            reason = "the entry's name and argument are the supervisor's contract"
        )]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn _start(block: *const $crate::abi::system::StartBlock) -> ! {
            // SAFETY: the supervisor passes the block's address in rdi, once.
            let start = unsafe { $crate::Start::adopt(block) };
            $main(start)
        }
    };
}
