//! The table of system calls.

/// Number of the first call. Far from Linux's numbers, so that a program which executes a
/// Linux system call directly is recognised (see `UNKNOWN_CALL_ENTRY`).
pub const FIRST: u64 = 0x1000;

macro_rules! calls {
    ($($(#[doc = $doc:literal])* $number:literal $name:ident ($($argument:ident),*);)*) => {
        /// A system call's number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u64)]
        pub enum Call { $($(#[doc = $doc])* $name = FIRST + $number,)* }

        impl Call {
            /// Every call with its arguments' names, for stubs, traces and reference pages.
            pub const TABLE: &'static [(Call, &'static str, &'static [&'static str])] =
                &[$((Call::$name, stringify!($name), &[$(stringify!($argument)),*]),)*];

            /// What the call does, a line each, for the reference pages.
            pub const fn documentation(self) -> &'static [&'static str] {
                match self { $(Call::$name => &[$($doc),*],)* }
            }

            /// The call with this number.
            #[inline]
            pub const fn from_number(number: u64) -> Option<Call> {
                match number.wrapping_sub(FIRST) { $($number => Some(Call::$name),)* _ => None }
            }
        }
    };
}

calls! {
    /// Does nothing; measures the way in and out.
    0 Null();

    // Messages. Registers: see `message`.
    /// Calls a session and waits for the reply.
    1 Call(session, word0, word1, word2, word3, word4);
    /// Answers a call (token 0: none) and waits for the next message of an endpoint.
    2 ReplyReceive(token, word0, word1, word2, word3, word4);
    /// Answers a call.
    3 Reply(token, word0, word1, word2, word3, word4);
    /// Copies from a caller's buffer: returns the bytes copied (short at its end).
    4 MessageRead(token, buffer_index, offset, address, length);
    /// Copies into a caller's buffer.
    5 MessageWrite(token, buffer_index, offset, address, length);
    /// Copies the first bytes of the caller's identity page.
    6 MessageIdentity(token, address, length);
    /// Passes a taken call on to another session's endpoint, as the original caller's call, with
    /// new words (rdx r10 r8 r9 r12 r13 = words 0..=5; rdi = token, rsi = session). The caller's
    /// buffers stay lent; handles of the call do not travel on.
    7 MessageForward(token, session, word0, word1, word2, word3);
    /// Makes an endpoint: returns a handle with all rights.
    8 EndpointCreate();
    /// Makes a session with a badge unique on the endpoint; `data` is a Cursor or Stream end to
    /// attach (moved), or `Handle::NONE`; `status_flags` as in `message`. Needs CONNECT. Returns
    /// a handle (high slot).
    9 SessionCreate(endpoint, badge, data, status_flags);
    /// Another handle to the session with this badge (high slot).
    10 SessionOpen(endpoint, badge);
    /// Changes a session's signal word: clear, then set.
    11 SessionSignal(endpoint, badge, clear, set);
    /// Replaces a session's data object (`Handle::NONE`: takes it away).
    12 SessionAttach(endpoint, badge, data);
    /// Writes the badges above `after_badge`, ascending, into an array of u64; returns how many.
    13 SessionList(endpoint, after_badge, address, count);
    /// Has an object's signals delivered to the endpoint as a message, once, when any of them is
    /// raised (at once if one is). A second bind with the same cookie replaces the first; signals
    /// 0 removes it. Bindings end with the process that made them.
    14 EndpointBind(endpoint, object, signals, cookie);
    /// The upcall mask of the thread that made a taken call (bit 63 is never set).
    15 MessageMask(token);

    // Handles.
    /// Closes a handle.
    16 HandleClose(handle);
    /// Makes another handle: `slot` is the lowest acceptable one (or, with EXACT, the one);
    /// `rights` are and-ed. Returns the slot.
    17 HandleDuplicate(handle, slot, rights, flags);
    /// Sets CLOSE_ON_EXEC and CLOSE_ON_FORK (`set` != 0), returns the flags before.
    18 HandleFlags(handle, set, flags);
    /// Describes a handle (`object::HandleInfo`).
    19 HandleInfo(handle, address);
    /// Puts a copy of an own handle into another process's table (needs MANAGE on the process).
    20 HandleInstall(process, handle, slot, rights, flags);
    /// Takes a copy of another process's handle (needs MANAGE on the process). Returns a high slot.
    21 HandleTake(process, slot);
    /// Copies every handle of one process to another, as fork does.
    22 HandleCopyAll(from_process, to_process);
    /// Reads or replaces an open object's status flags (`set` != 0): returns those before.
    23 StatusFlags(handle, set, flags);
    /// Closes every descriptor from `first` to `last`; with flags CLOSE_ON_EXEC only marks them.
    24 HandleCloseRange(first, last, flags);
    /// Puts a copy of a handle of one process into an exact slot of another (needs MANAGE on both).
    25 HandleCopy(from_process, slot, to_process, target);
    /// Closes the handles of another process from `first` to `last` (needs MANAGE on it).
    26 HandleRevoke(process, first, last);
    /// The first slot in use from `slot` on of another process (needs MANAGE on it); NotFound: none.
    27 HandleNext(process, slot);

    // Bytes.
    /// Reads at the object's position. Returns the count; 0 at the end.
    32 Read(handle, address, length);
    /// Writes at the object's position.
    33 Write(handle, address, length);
    /// Reads at an offset, moving no position. On a Memory handle: its bytes.
    34 ReadAt(handle, address, length, offset);
    /// Writes at an offset, moving no position.
    35 WriteAt(handle, address, length, offset);
    /// Moves the position: whence 0 start, 1 current, 2 end. Returns it.
    36 Seek(handle, offset, whence);
    /// As Read, into a list of (address, length) pairs of u64.
    37 ReadVector(handle, address, count);
    /// As Write, from a list of (address, length) pairs of u64, as one write.
    38 WriteVector(handle, address, count);

    // Streams and cursors.
    /// Makes a stream of `capacity` bytes; writes the two handles (u32 each) to `address`.
    48 StreamCreate(flags, capacity, address, handle_flags);
    /// Sends bytes and handles (`socket::StreamMessage`) through a stream of sockets.
    49 StreamSend(stream, address);
    /// Receives bytes and handles.
    50 StreamReceive(stream, address);
    /// Ends directions of a stream.
    51 StreamShutDown(stream, directions);
    /// Makes a cursor over a Memory, at position 0. `rights` of reading and writing shrink the
    /// memory handle's. The kernel sends what it cannot settle (growth) through the session that
    /// the cursor is attached to.
    52 CursorCreate(memory, rights);
    /// Bytes queued for reading (`FIONREAD`) in a stream end, or of a session's.
    53 StreamQueued(stream);
    /// A handle (high slot) to the data object of a session, or (`part` 1) the Stream end that it
    /// writes to. Needs RECEIVE on the endpoint.
    54 SessionData(endpoint, badge, part);
    /// A handle (high slot) to an end of a stream, which is open again if it had been closed:
    /// `other` 0 the end itself, 1 the other one. Needs MANAGE.
    55 StreamOpen(stream, other);
    /// Reads or sets (`set` != 0) a property (`socket::stream_property`); returns it.
    56 StreamProperty(stream, property, set, value);
    /// Sets what a session has beside its data object (`socket::session_part`): the Stream end
    /// that takes what is written (moved; `Handle::NONE` takes it away), or the name, of `length`
    /// bytes at `value`, that its messages carry. Needs RECEIVE on the endpoint.
    57 SessionSet(endpoint, badge, part, value, length);
    /// Makes the data object of a null device, or (`zeros` is not 0) of one that reads as zeros.
    58 VoidCreate(zeros);

    // Memory.
    /// Makes zero-filled memory (`memory_flags`).
    64 MemoryCreate(size, flags);
    /// Makes memory whose pages a server supplies: requests arrive at `endpoint` with `key`.
    65 MemoryCreatePaged(endpoint, key, size);
    /// Makes memory of device registers or given RAM (needs a Resource).
    66 MemoryCreatePhysical(resource, physical_address, size, cache);
    /// A copy-on-write copy of a range.
    67 MemoryChild(memory, offset, length);
    /// Describes it (`memory::MemoryInfo`).
    68 MemoryInfo(memory, address);
    /// Changes the capacity; pages beyond are dropped, also from mappings.
    69 MemoryResize(memory, size);
    /// Sets the content's length, zeroing what lies beyond it in the last page when it shrinks.
    70 MemorySetLength(memory, length);
    /// Moves the pages of `source` (anonymous, unpinned) into `memory`: supplies missing pages;
    /// pages already present stay.
    71 MemorySupply(memory, offset, length, source, source_offset);
    /// Supplies zero pages.
    72 MemorySupplyZero(memory, offset, length);
    /// Ends the waits for missing pages with an error.
    73 MemoryFail(memory, offset, length, error);
    /// Lists dirty ranges from an offset on (`memory::Range` array); returns how many.
    74 MemoryDirty(memory, offset, address, count);
    /// Two-step cleaning (`memory::clean`).
    75 MemoryClean(memory, offset, length, phase);
    /// Drops clean, unpinned, unmapped-or-remappable pages of paged memory; returns pages freed.
    76 MemoryDiscard(memory, offset, length);
    /// Maps (`memory::MapArguments`) into a process (`Handle::SELF`): returns the address.
    77 MemoryMap(process, arguments);
    /// Unmaps.
    78 MemoryUnmap(process, address, length);
    /// Changes the protection.
    79 MemoryProtect(process, address, length, protection);
    /// Describes the mapping at or above an address (`memory::RegionInfo`).
    80 RegionInfo(process, address, information);
    /// Copies into another process's memory (needs MANAGE); pages are faulted in.
    81 ProcessWrite(process, address, source, length);
    /// Copies out of another process's memory. With `process::READ_PRESENT` in `flags` no page is
    /// made for it: at most the page of `address` is copied, and NotFound says that it is not there.
    82 ProcessRead(process, address, destination, length, flags);
    /// Grows or moves a mapping (`mremap`): flags 1 = may move. Returns the address.
    83 MemoryRemap(address, old_length, new_length, flags);
    /// Drops the private pages of a range, which read as new again (`MADV_DONTNEED`).
    84 MemoryDecommit(address, length);

    // Processes and threads.
    /// Makes an empty process. Returns a handle with all rights. Needs
    /// `process_property::MAY_MAKE_PROCESSES`, as do the others that make or have processes.
    96 ProcessCreate();
    /// Clones the caller of a taken call (`process::ForkResult` to `address`): memory copy on
    /// write, handles, actions; one thread, waiting for the answer to its own copy of the call.
    97 ProcessFork(token, address);
    /// Gives the caller of a taken call the address space and first registers of the new process
    /// `from`, which ceases to be: other threads end, close-on-exec handles close, caught upcalls
    /// become default. The call is thereby answered.
    98 ProcessReplace(token, from);
    /// Starts the first thread with `rip`, `rsp`, `rdi`.
    99 ProcessStart(process, entry, stack, argument);
    /// Ends the calling process. Status: the word its owner reads; by convention bits 0..8 exit
    /// status, bit 31 set and bits 0..8 signal number when killed, bit 30 core.
    100 ProcessExit(status);
    /// Ends another.
    101 ProcessKill(process, status);
    /// Stops all threads at their next step outside the kernel.
    102 ProcessSuspend(process);
    /// Lets them go on.
    103 ProcessResume(process);
    /// Describes it (`process::ProcessInfo`).
    104 ProcessInfo(process, address);
    /// Sets a property (`process_property`); of the calling process only the entries.
    105 ProcessSet(process, property, value);
    /// Writes the identity page: `length` bytes at `offset`.
    106 ProcessSetIdentity(process, offset, address, length);
    /// Names the endpoint that gets the process's exceptions, with a badge. Inherited by fork.
    107 ProcessSupervise(process, endpoint, badge);
    /// A handle (high slot, all rights) to the process that made a taken call; needs RECEIVE on
    /// the endpoint, which the token proves, and the call's session must carry MANAGE-granting
    /// badge bit 63 (only the process server's sessions do).
    108 ProcessOfCaller(token);
    /// Gives a process that has not run yet what the caller of a taken call would leave it by a
    /// fork and a replacement: handles, ignored upcalls but those in `defaults`, limits, priority,
    /// and for its only thread the mask (`process::SPAWN_MASK_OF_CALLER`: the caller's).
    109 ProcessInherit(token, process, mask, defaults);
    /// Makes and starts a thread (`process::ThreadArguments`): returns its number.
    112 ThreadCreate(process, arguments);
    /// Ends the calling thread: writes a u32 0 to `address` (if not 0) and wakes one futex waiter
    /// there.
    113 ThreadExit(address);
    /// Sets a property of a thread of the calling process by number (0: itself).
    114 ThreadSet(thread, property, value);
    /// Reads a property.
    115 ThreadGet(thread, property);
    /// Gives the CPU to others of equal priority.
    116 ThreadYield();
    /// The calling thread's number, or (`token` is not 0) that of the thread that made a taken call.
    117 ThreadNumber(token);
    /// CPU the caller runs on.
    118 ProcessorNumber();
    /// Describes the thread with the first number from `number` on (`process::ThreadInfo`; needs
    /// MANAGE on the process). NotFound: none.
    119 ThreadInfo(process, number, address);
    /// Waits while the u32 at `address` equals `expected`, until woken or a time of a clock
    /// (`system::clock`, monotonic or real time: when that is set, the wait follows it).
    120 FutexWait(address, expected, deadline_ns, clock);
    /// Wakes waiters: returns how many.
    121 FutexWake(address, count);
    /// Wakes some and moves the others to another address.
    122 FutexRequeue(address, wake_count, move_count, target, expected);
    /// Sleeps until a time of a clock (`system::clock`).
    123 SleepUntil(clock, deadline_ns);
    /// Takes the lock word at `address` (`process::lock_word`) for the calling thread, waiting until
    /// a time of a clock as `FutexWait` does. The owner runs with the priority of the most urgent waiter. Fails
    /// with BadState when the lock is unrecoverable or the caller's own, NoProcess when its owner
    /// does not exist.
    124 FutexLock(address, deadline_ns, clock);
    /// Lets the caller's lock word go to the most urgent waiter. `leave` other than 0: sets the
    /// word to it instead, and all waiters' calls fail with BadState.
    125 FutexUnlock(address, leave);

    // Upcalls.
    /// Raises an upcall in a process (`thread` 0: any thread that does not block it) or thread, with
    /// three words that its handler gets. With `process::RAISE_UNLESS_DEFAULT` in `upcall` it is
    /// dropped where the action is the default and no thread blocks it. Those from
    /// `process::FIRST_QUEUED_UPCALL` on queue: `WouldBlock` beyond the limit.
    128 UpcallRaise(process, thread, upcall, value, detail0, detail1);
    /// Changes the calling thread's mask (`mask_how`): returns the old one in `rax`. (Upcalls 8 and 18
    /// are never masked or pending, so that no set looks like an error.)
    129 UpcallMask(how, mask);
    /// Sets an action and reads the old one (addresses of `process::UpcallAction`, 0 = none).
    130 UpcallAction(upcall, new_address, old_address);
    /// Goes on from an `UpcallFrame`.
    131 UpcallReturn(frame);
    /// Waits with another mask until an upcall is delivered (`sigsuspend`): always `Interrupted`.
    132 UpcallSuspend(mask);
    /// Takes one pending upcall of a set without delivering it (`sigtimedwait`): returns its
    /// number; writes its three words (u64) to `address`.
    133 UpcallTake(set, address, deadline_ns);
    /// Pending upcalls of the thread and process.
    134 UpcallPending();
    /// Reads actions or resets all caught ones of another process (`reset` != 0; exec does it).
    135 UpcallInspect(process, upcall, address);
    /// Drops the pending upcalls of a set, of a process and its threads (needs MANAGE).
    136 UpcallDiscard(process, set);

    // Waiting.
    /// Waits for any of `count` `wait::WaitItem`s until the monotonic deadline: returns how many
    /// have something to report.
    144 Wait(items, count, deadline_ns, mask_address);
    /// Makes an event with a signal word.
    145 EventCreate(signals);
    /// Makes an event that counts (`wait::event_kind`): a read takes the count (u64) or one of it,
    /// a write adds; or one that is readable while upcalls of the set `value` are pending in the
    /// calling process.
    153 EventCreateCounter(kind, value);
    /// Writes the set (u64) of an event over pending upcalls, and with `set` != 0 replaces it.
    154 EventUpcalls(event, address, set, upcalls);
    /// Changes an event's word: clear, then set.
    146 EventSignal(event, clear, set);
    /// Makes a timer of a clock; CPU clocks are those of the calling process or thread.
    147 TimerCreate(clock);
    /// Sets the next expiry and the interval (0: once). `u64::MAX` disarms. A read takes the count
    /// of expiries (u64). Flags: `system::timer_flags`.
    148 TimerSet(timer, deadline_ns, interval_ns, flags);
    /// Makes a wait set.
    149 WaitSetCreate();
    /// Adds or changes an item (`wait::wait_flags`); signals 0 with flags 0 removes it.
    150 WaitSetChange(wait_set, handle, signals, cookie, flags);
    /// Waits: writes `wait::WaitReport`s, returns how many. `mask_address` as in Wait.
    151 WaitSetWait(wait_set, address, count, deadline_ns, mask_address);
    /// Time of a clock (`thread`: whose CPU time, by number; 0: the calling thread's).
    152 ClockRead(clock, thread);
    /// Has each expiry of a timer raise an upcall in the calling process (`thread` 0) or one of its
    /// threads. One is pending at most; those that come meanwhile are counted as overrun, which the
    /// upcall carries in the upper half of `detail0`.
    155 TimerNotify(timer, thread, upcall, value, detail0, detail1);
    /// Describes a timer (`system::TimerState`).
    156 TimerState(timer, address);

    // The machine.
    /// Makes an interrupt object (`system::InterruptArguments`).
    160 InterruptCreate(resource, arguments);
    /// Lets the next one through. Clears READABLE.
    161 InterruptAcknowledge(interrupt);
    /// A range of I/O ports.
    162 PortsCreate(resource, base, count);
    /// Reads a port: width 1, 2 or 4 bytes.
    163 PortRead(ports, offset, width);
    /// Writes a port.
    164 PortWrite(ports, offset, width, value);
    /// Writes many bytes to one port.
    165 PortWriteBytes(ports, offset, address, length);
    /// A set of pages pinned for one device.
    166 DmaDomainCreate(resource);
    /// Pins pages and writes their physical addresses (u64 each).
    167 DmaPin(domain, memory, offset, length, addresses);
    /// Unpins.
    168 DmaUnpin(domain, memory, offset, length);
    /// Unpins everything; only after the device has been reset.
    169 DmaRelease(domain);
    /// Stops or sets the machine (`system::control`; needs a Resource).
    170 SystemControl(resource, command, argument, argument2);
    /// Counters (`system::SystemInfo`).
    171 SystemInfo(address);
    /// Writes to the kernel's log (the debug serial line).
    172 DebugWrite(address, length);
    /// Fills with random bytes.
    173 Random(address, length);
}
