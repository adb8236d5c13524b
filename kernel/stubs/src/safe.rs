//! Calls that cannot harm the memory of their caller, and calls over borrowed slices.

pub use crate::clock::{monotonic_ns, realtime_ns, ticks};
pub use crate::objects::*;
use crate::raw;
use kernel_abi::{Call, Error, Handle, Rights, Signals};
use kernel_abi::{memory, object, process, system, wait};

macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident => $call:ident($($argument:ident: $type:ty),*) $(as $result:ident)?;)*) => {
        $($(#[$doc])*
        #[inline]
        pub fn $name($($argument: $type),*) -> Result<plain!(@type $($result)?), Error> {
            let arguments: &[u64] = &[$(Word::word($argument)),*];
            let mut words = [0; 6];
            words[..arguments.len()].copy_from_slice(arguments);
            // SAFETY: this call takes no address: it changes objects, never this process's memory.
            let value = unsafe { raw::system_call(Call::$call, words)? };
            Ok(plain!(@convert value $($result)?))
        })*
    };
    (@type) => { () };
    (@type handle) => { Handle };
    (@type value) => { u64 };
    (@convert $value:ident) => {{ let _ = $value; }};
    (@convert $value:ident handle) => { Handle($value as u32) };
    (@convert $value:ident value) => { $value };
}

/// An argument as a register's word.
trait Word {
    fn word(self) -> u64;
}
impl Word for u64 {
    fn word(self) -> u64 {
        self
    }
}
impl Word for i64 {
    fn word(self) -> u64 {
        self as u64
    }
}
impl Word for u32 {
    fn word(self) -> u64 {
        self as u64
    }
}
impl Word for Handle {
    fn word(self) -> u64 {
        self.0 as u64
    }
}
impl Word for Rights {
    fn word(self) -> u64 {
        self.0 as u64
    }
}
impl Word for Signals {
    fn word(self) -> u64 {
        self.0 as u64
    }
}

plain! {
    /// Does nothing.
    null => Null();
    /// Makes an endpoint.
    endpoint_create => EndpointCreate() as handle;
    /// Makes a session; see [`Call::SessionCreate`].
    session_create => SessionCreate(endpoint: Handle, badge: u64, data: Handle, status_flags: u32) as handle;
    /// Another handle to a session.
    session_open => SessionOpen(endpoint: Handle, badge: u64) as handle;
    /// Changes a session's signals.
    session_signal => SessionSignal(endpoint: Handle, badge: u64, clear: Signals, set: Signals);
    /// Replaces a session's data object.
    session_attach => SessionAttach(endpoint: Handle, badge: u64, data: Handle);
    /// The upcall mask of the thread that made a taken call.
    message_mask => MessageMask(token: u64) as value;
    /// Binds an object's signals to an endpoint.
    endpoint_bind => EndpointBind(endpoint: Handle, object: Handle, signals: Signals, cookie: u64);
    /// Closes a handle.
    handle_close => HandleClose(handle: Handle);
    /// Makes another handle.
    handle_duplicate => HandleDuplicate(handle: Handle, slot: u32, rights: Rights, flags: u64) as handle;
    /// Reads or sets a handle's flags.
    handle_flags => HandleFlags(handle: Handle, set: u64, flags: u64) as value;
    /// Puts a handle into another process.
    handle_install => HandleInstall(process: Handle, handle: Handle, slot: u32, rights: Rights, flags: u64) as handle;
    /// Takes a handle out of another process.
    handle_take => HandleTake(process: Handle, slot: u32) as handle;
    /// The first slot in use from `slot` on.
    handle_next => HandleNext(process: Handle, slot: u32) as handle;
    /// Copies all handles.
    handle_copy_all => HandleCopyAll(from: Handle, to: Handle);
    /// Reads or sets status flags.
    status_flags => StatusFlags(handle: Handle, set: u64, flags: u32) as value;
    /// Closes a range of descriptors.
    handle_close_range => HandleCloseRange(first: u32, last: u32, flags: u64);
    /// Moves a position.
    seek => Seek(handle: Handle, offset: i64, whence: u64) as value;
    /// Ends directions of a stream.
    stream_shut_down => StreamShutDown(stream: Handle, directions: u64);
    /// Bytes queued.
    stream_queued => StreamQueued(stream: Handle) as value;
    /// A handle to an end of a stream.
    stream_open => StreamOpen(stream: Handle, other: u64) as handle;
    /// Reads or sets a property of a stream.
    stream_property => StreamProperty(stream: Handle, property: u64, set: u64, value: u64) as value;
    /// A handle to what a session carries.
    session_data => SessionData(endpoint: Handle, badge: u64, part: u64) as handle;
    /// Makes a cursor.
    cursor_create => CursorCreate(memory: Handle, rights: Rights) as handle;
    /// Makes the data object of a null device, or of one that reads as zeros.
    void_create => VoidCreate(zeros: u64) as handle;
    /// Makes memory.
    memory_create => MemoryCreate(size: u64, flags: u64) as handle;
    /// Makes memory with a pager.
    memory_create_paged => MemoryCreatePaged(endpoint: Handle, key: u64, size: u64) as handle;
    /// Makes memory of device registers.
    memory_create_physical => MemoryCreatePhysical(resource: Handle, address: u64, size: u64, cache: u64) as handle;
    /// Makes a copy-on-write copy.
    memory_child => MemoryChild(memory: Handle, offset: u64, length: u64) as handle;
    /// Changes the capacity.
    memory_resize => MemoryResize(memory: Handle, size: u64);
    /// Sets the content's length.
    memory_set_length => MemorySetLength(memory: Handle, length: u64);
    /// Moves pages in.
    memory_supply => MemorySupply(memory: Handle, offset: u64, length: u64, source: Handle, source_offset: u64);
    /// Supplies zero pages.
    memory_supply_zero => MemorySupplyZero(memory: Handle, offset: u64, length: u64);
    /// Ends waits for pages with an error.
    memory_fail => MemoryFail(memory: Handle, offset: u64, length: u64, error: u32);
    /// Cleans.
    memory_clean => MemoryClean(memory: Handle, offset: u64, length: u64, phase: u64);
    /// Drops clean pages.
    memory_discard => MemoryDiscard(memory: Handle, offset: u64, length: u64) as value;
    /// Makes a process.
    process_create => ProcessCreate() as handle;
    /// Gives a caller a new address space.
    process_replace => ProcessReplace(token: u64, from: Handle);
    /// Starts a process.
    process_start => ProcessStart(process: Handle, entry: u64, stack: u64, argument: u64);
    /// Kills a process.
    process_kill => ProcessKill(process: Handle, status: u64);
    /// Stops a process.
    process_suspend => ProcessSuspend(process: Handle);
    /// Lets a process go on.
    process_resume => ProcessResume(process: Handle);
    /// Sets a property of a process.
    process_set => ProcessSet(process: Handle, property: u64, value: u64);
    /// Names the supervisor.
    process_supervise => ProcessSupervise(process: Handle, endpoint: Handle, badge: u64);
    /// Gives a new process what its parent leaves it.
    process_inherit => ProcessInherit(token: u64, process: Handle, mask: u64, defaults: u64);
    /// Copies a handle between two other processes.
    handle_copy => HandleCopy(from: Handle, slot: u32, to: Handle, target: u32);
    /// Closes handles of another process.
    handle_revoke => HandleRevoke(process: Handle, first: u32, last: u32);
    /// The process behind a call.
    process_of_caller => ProcessOfCaller(token: u64) as handle;
    /// Sets a property of a thread.
    thread_set => ThreadSet(thread: u64, property: u64, value: u64);
    /// Reads a property of a thread.
    thread_get => ThreadGet(thread: u64, property: u64) as value;
    /// Yields.
    thread_yield => ThreadYield();
    /// The calling thread's number.
    thread_number => ThreadNumber() as value;
    /// The number of the thread that made a taken call.
    thread_of_call => ThreadNumber(token: u64) as value;
    /// The CPU.
    processor_number => ProcessorNumber() as value;
    /// Sleeps.
    sleep_until => SleepUntil(clock: u64, deadline_ns: u64);
    /// Raises an upcall.
    upcall_raise => UpcallRaise(process: Handle, thread: u64, upcall: u64, value: u64, detail0: u64, detail1: u64);
    /// Drops pending upcalls.
    upcall_discard => UpcallDiscard(process: Handle, set: u64);
    /// Changes the upcall mask.
    upcall_mask => UpcallMask(how: u64, mask: u64) as value;
    /// Waits for an upcall with another mask.
    upcall_suspend => UpcallSuspend(mask: u64);
    /// Pending upcalls.
    upcall_pending => UpcallPending() as value;
    /// Makes an event.
    event_create => EventCreate(signals: Signals) as handle;
    /// Makes an event that counts or shows pending upcalls.
    event_create_counter => EventCreateCounter(kind: u64, value: u64) as handle;
    /// Changes an event.
    event_signal => EventSignal(event: Handle, clear: Signals, set: Signals);
    /// Makes a timer.
    timer_create => TimerCreate(clock: u64) as handle;
    /// Sets a timer.
    timer_set => TimerSet(timer: Handle, deadline_ns: u64, interval_ns: u64);
    /// The same, with flags.
    timer_set_with => TimerSet(timer: Handle, deadline_ns: u64, interval_ns: u64, flags: u64);
    /// Has a timer raise an upcall.
    timer_notify => TimerNotify(timer: Handle, thread: u64, upcall: u64, value: u64, detail0: u64, detail1: u64);
    /// Makes a wait set.
    wait_set_create => WaitSetCreate() as handle;
    /// Changes a wait set.
    wait_set_change => WaitSetChange(wait_set: Handle, handle: Handle, signals: Signals, cookie: u64, flags: u64);
    /// Reads a clock.
    clock_read => ClockRead(clock: u64) as value;
    /// CPU time of a thread of this process.
    thread_clock_read => ClockRead(clock: u64, thread: u64) as value;
    /// Acknowledges an interrupt.
    interrupt_acknowledge => InterruptAcknowledge(interrupt: Handle);
    /// Makes a range of ports.
    ports_create => PortsCreate(resource: Handle, base: u64, count: u64) as handle;
    /// Reads a port.
    port_read => PortRead(ports: Handle, offset: u64, width: u64) as value;
    /// Writes a port.
    port_write => PortWrite(ports: Handle, offset: u64, width: u64, value: u64);
    /// Makes a DMA domain.
    dma_domain_create => DmaDomainCreate(resource: Handle) as handle;
    /// Unpins.
    dma_unpin => DmaUnpin(domain: Handle, memory: Handle, offset: u64, length: u64);
    /// Unpins all.
    dma_release => DmaRelease(domain: Handle);
}

macro_rules! bytes_out {
    ($($(#[$doc:meta])* $name:ident => $call:ident($($before:ident: $type:ty),*; $($after:ident: $after_type:ty),*);)*) => {
        $($(#[$doc])*
        #[inline]
        pub fn $name($($before: $type,)* bytes: &mut [u8] $(, $after: $after_type)*) -> Result<usize, Error> {
            let list: &[u64] = &[$(Word::word($before),)* bytes.as_mut_ptr() as u64, bytes.len() as u64 $(, Word::word($after))*];
            let mut words = [0; 6];
            words[..list.len()].copy_from_slice(list);
            // SAFETY: the kernel writes only into `bytes`, borrowed for the call.
            unsafe { raw::system_call(Call::$call, words) }.map(|value| value as usize)
        })*
    };
}

macro_rules! bytes_in {
    ($($(#[$doc:meta])* $name:ident => $call:ident($($before:ident: $type:ty),*; $($after:ident: $after_type:ty),*);)*) => {
        $($(#[$doc])*
        #[inline]
        pub fn $name($($before: $type,)* bytes: &[u8] $(, $after: $after_type)*) -> Result<usize, Error> {
            let list: &[u64] = &[$(Word::word($before),)* bytes.as_ptr() as u64, bytes.len() as u64 $(, Word::word($after))*];
            let mut words = [0; 6];
            words[..list.len()].copy_from_slice(list);
            // SAFETY: the kernel only reads `bytes`, borrowed for the call.
            unsafe { raw::system_call(Call::$call, words) }.map(|value| value as usize)
        })*
    };
}

bytes_out! {
    /// Reads at the object's position.
    read => Read(handle: Handle;);
    /// Reads at an offset.
    read_at => ReadAt(handle: Handle; offset: u64);
    /// Copies from a caller's buffer.
    message_read => MessageRead(token: u64, buffer: u64, offset: u64;);
    /// Copies a caller's identity.
    message_identity => MessageIdentity(token: u64;);
    /// Copies out of another process.
    process_read => ProcessRead(process: Handle, address: u64;);
    /// Random bytes.
    random => Random(;);
}

bytes_in! {
    /// Writes at the object's position.
    write => Write(handle: Handle;);
    /// Writes at an offset.
    write_at => WriteAt(handle: Handle; offset: u64);
    /// Copies into a caller's buffer.
    message_write => MessageWrite(token: u64, buffer: u64, offset: u64;);
    /// Copies into another process.
    process_write => ProcessWrite(process: Handle, address: u64;);
    /// Writes a process's identity page.
    process_set_identity => ProcessSetIdentity(process: Handle, offset: u64;);
    /// Writes to the kernel's log.
    debug_write => DebugWrite(;);
    /// Writes many bytes to one port.
    port_write_bytes => PortWriteBytes(ports: Handle, offset: u64;);
}

macro_rules! structure_out {
    ($($(#[$doc:meta])* $name:ident => $call:ident($($before:ident: $type:ty),*) -> $structure:ty;)*) => {
        $($(#[$doc])*
        #[inline]
        pub fn $name($($before: $type),*) -> Result<$structure, Error> {
            let mut structure = <$structure>::default();
            let list: &[u64] = &[$(Word::word($before),)* core::ptr::from_mut(&mut structure) as u64];
            let mut words = [0; 6];
            words[..list.len()].copy_from_slice(list);
            // SAFETY: the kernel writes one `$structure`, plain data, at the address.
            unsafe { raw::system_call(Call::$call, words) }.map(|_| structure)
        })*
    };
}

structure_out! {
    /// Describes a handle.
    handle_info => HandleInfo(handle: Handle) -> object::HandleInfo;
    /// Describes a memory.
    memory_info => MemoryInfo(memory: Handle) -> memory::MemoryInfo;
    /// Describes a mapping.
    region_info => RegionInfo(process: Handle, address: u64) -> memory::RegionInfo;
    /// Describes a process.
    process_info => ProcessInfo(process: Handle) -> process::ProcessInfo;
    /// Describes a thread.
    thread_info => ThreadInfo(process: Handle, number: u64) -> process::ThreadInfo;
    /// An action of a process.
    upcall_inspect => UpcallInspect(process: Handle, upcall: u64) -> process::UpcallAction;
    /// Clones the caller of a taken call.
    process_fork => ProcessFork(token: u64) -> process::ForkResult;
    /// Describes a timer.
    timer_state => TimerState(timer: Handle) -> system::TimerState;
    /// Counters.
    system_info => SystemInfo() -> system::SystemInfo;
}

/// Ends the process. The call cannot fail in MicroKosm; but `configure` scripts start programs on the
/// build machine, whose kernel does not know it. There they end by the signal of an illegal
/// instruction, like programs for another processor.
pub fn process_exit(status: u64) -> ! {
    // SAFETY: neither the call nor the instruction behind it returns.
    unsafe {
        let _ = raw::call1(Call::ProcessExit, status);
        core::arch::asm!("ud2", options(noreturn))
    }
}

/// Waits for any of the items; see [`Call::Wait`].
pub fn wait(items: &mut [wait::WaitItem], deadline_ns: u64) -> Result<usize, Error> {
    let address = items.as_mut_ptr() as u64;
    // SAFETY: the kernel writes only into the items.
    unsafe { raw::call4(Call::Wait, address, items.len() as u64, deadline_ns, 0) }
        .map(|count| count as usize)
}

/// Waits on a wait set.
pub fn wait_set_wait(
    wait_set: Handle,
    reports: &mut [wait::WaitReport],
    deadline_ns: u64,
) -> Result<usize, Error> {
    let (address, count) = (reports.as_mut_ptr() as u64, reports.len() as u64);
    // SAFETY: the kernel writes only into the reports.
    unsafe {
        raw::call4(
            Call::WaitSetWait,
            wait_set.0 as u64,
            address,
            count,
            deadline_ns,
        )
    }
    .map(|count| count as usize)
}

/// Lists the badges of an endpoint's sessions above `after_badge`.
pub fn session_list(
    endpoint: Handle,
    after_badge: u64,
    badges: &mut [u64],
) -> Result<usize, Error> {
    let (address, count) = (badges.as_mut_ptr() as u64, badges.len() as u64);
    // SAFETY: the kernel writes only into `badges`.
    unsafe {
        raw::call4(
            Call::SessionList,
            endpoint.0 as u64,
            after_badge,
            address,
            count,
        )
    }
    .map(|count| count as usize)
}

/// Lists dirty ranges.
pub fn memory_dirty(
    memory: Handle,
    offset: u64,
    ranges: &mut [memory::Range],
) -> Result<usize, Error> {
    let (address, count) = (ranges.as_mut_ptr() as u64, ranges.len() as u64);
    // SAFETY: the kernel writes only into `ranges`.
    unsafe { raw::call4(Call::MemoryDirty, memory.0 as u64, offset, address, count) }
        .map(|count| count as usize)
}

/// Pins pages for DMA and returns how many addresses were written.
pub fn dma_pin(
    domain: Handle,
    memory: Handle,
    offset: u64,
    length: u64,
    addresses: &mut [u64],
) -> Result<(), Error> {
    if (addresses.len() as u64) < length.div_ceil(kernel_abi::PAGE_SIZE) {
        return Err(Error::BadArgument);
    }
    let address = addresses.as_mut_ptr() as u64;
    // SAFETY: one u64 a page is written, and there is room for all.
    unsafe {
        raw::call5(
            Call::DmaPin,
            domain.0 as u64,
            memory.0 as u64,
            offset,
            length,
            address,
        )?
    };
    Ok(())
}

/// Makes an interrupt object.
pub fn interrupt_create(
    resource: Handle,
    arguments: &mut system::InterruptArguments,
) -> Result<Handle, Error> {
    let address = core::ptr::from_mut(arguments) as u64;
    // SAFETY: the kernel reads and writes only `arguments`.
    unsafe { raw::call2(Call::InterruptCreate, resource.0 as u64, address) }
        .map(|handle| Handle(handle as u32))
}

/// Maps memory into another process. (Mapping into the own one can pull the rug from under
/// references: the runtimes wrap that.)
pub fn memory_map_into(process: Handle, arguments: &memory::MapArguments) -> Result<u64, Error> {
    if process == Handle::SELF {
        return Err(Error::BadArgument);
    }
    let address = core::ptr::from_ref(arguments) as u64;
    // SAFETY: the kernel reads `arguments` and changes another process's address space.
    unsafe { raw::call2(Call::MemoryMap, process.0 as u64, address) }
}

/// `system::control` through a Resource.
pub fn system_control(resource: Handle, command: u64, argument: u64) -> Result<u64, Error> {
    if command == system::control::HAS_OPTION {
        return Err(Error::BadArgument);
    }
    // SAFETY: the other commands take no address.
    unsafe { raw::call4(Call::SystemControl, resource.0 as u64, command, argument, 0) }
}

/// Whether the kernel's command line has a word.
pub fn has_option(resource: Handle, option: &[u8]) -> Result<bool, Error> {
    let (address, length) = (option.as_ptr() as u64, option.len() as u64);
    let command = system::control::HAS_OPTION;
    // SAFETY: the kernel only reads `option`.
    unsafe {
        raw::call4(
            Call::SystemControl,
            resource.0 as u64,
            command,
            address,
            length,
        )
    }
    .map(|value| value != 0)
}

/// Calls a session with words alone: no memory is lent.
#[inline]
pub fn call_words(
    session: Handle,
    words: crate::message::Words,
) -> Result<crate::message::Words, Error> {
    // SAFETY: without a transfer the kernel touches no memory of the caller.
    unsafe { crate::message::call(session, words, None) }
}

/// Maps memory at a place of the kernel's choice and unmaps it again (for measurements).
pub fn map_and_unmap(arguments: &memory::MapArguments) -> Result<(), Error> {
    if arguments.flags & memory::map_flags::FIXED != 0 {
        return Err(Error::BadArgument);
    }
    let pointer = core::ptr::from_ref(arguments) as u64;
    let own = Handle::SELF.0 as u64;
    // SAFETY: the kernel picks a free place, and nobody else learns of it before it is unmapped.
    unsafe {
        let address = raw::call2(Call::MemoryMap, own, pointer)?;
        raw::call3(Call::MemoryUnmap, own, address, arguments.length).map(|_| ())
    }
}
