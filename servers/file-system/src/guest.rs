//! The kernel itself, and the receive loop.

use alloc::string::String;
use alloc::vec::Vec;

use kernel_abi::memory::{MemoryInfo, Range, memory_flags};
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Rights, Signals};
use kernel_stubs::safe;
use proto::{Answer, Call, Error, Reply, supervisor};
use server_rt::{Alarm, Saved, ServerCall, Service, Session, Start};

use crate::kernel::Kernel;
use crate::server::Server;
use crate::volume::Volume;

/// Cookie of the timer that has dirty data written.
const TIMER_COOKIE: u64 = 0;
/// How long data may be dirty in memory before it is written.
const WRITE_BACK_INTERVAL_NS: u64 = 5_000_000_000;
/// The share of memory that must stay free of cached pages: one part in this many.
const FREE_SHARE: u64 = 8;
/// Pages dropped from the cache at a time.
const SHRINK_PAGES: u64 = 1024;
/// Page requests between two looks at the free memory.
const REQUESTS_A_LOOK: u64 = 64;

/// Effects by system calls.
pub struct GuestKernel {
    endpoint: Handle,
    supervisor: Option<Session>,
    /// Opened when there is something to keep.
    locks: Option<Saved>,
    /// A process that never runs, made by the supervisor: its table of handles holds the contents that are
    /// kept, however many, and a step costs one kernel call. (What is parked costs a call to the supervisor.)
    keeper: Option<Handle>,
}

impl GuestKernel {
    /// A kernel that makes sessions on `endpoint` and parks Memory with the supervisor.
    pub fn new(endpoint: Handle, supervisor: Option<Handle>) -> GuestKernel {
        GuestKernel {
            endpoint,
            supervisor: supervisor.map(Session),
            locks: None,
            keeper: None,
        }
    }
}

/// Name under which locks are kept, and their most bytes.
const LOCKS: &str = "locks";
const LOCKS_CAPACITY: u64 = 512 << 10;

impl GuestKernel {
    fn open_locks(&mut self) -> Option<&mut Saved> {
        if self.locks.is_none() {
            let supervisor = self.supervisor.as_ref()?.0;
            self.locks = Saved::open(supervisor, LOCKS, LOCKS_CAPACITY).ok();
        }
        self.locks.as_mut()
    }
}

impl Kernel for GuestKernel {
    fn session_create(
        &mut self,
        badge: u64,
        data: Option<(Handle, Rights)>,
        status_flags: u32,
    ) -> Result<Handle, Error> {
        let cursor = match data {
            Some((memory, rights)) => safe::cursor_create(memory, rights)?,
            None => Handle::NONE,
        };
        let result = safe::session_create(self.endpoint, badge, cursor, status_flags);
        if result.is_err() && cursor != Handle::NONE {
            self.close(cursor);
        }
        Ok(result?)
    }

    fn sessions(&mut self) -> Vec<u64> {
        server_rt::sessions(self.endpoint)
    }

    fn memory_create(&mut self, size: u64) -> Result<Handle, Error> {
        Ok(safe::memory_create(size, memory_flags::RESIZABLE)?)
    }

    fn memory_create_paged(&mut self, key: u64, size: u64) -> Result<Handle, Error> {
        Ok(safe::memory_create_paged(self.endpoint, key, size)?)
    }

    fn memory_info(&self, memory: Handle) -> Result<MemoryInfo, Error> {
        Ok(safe::memory_info(memory)?)
    }

    fn memory_resize(&mut self, memory: Handle, size: u64) -> Result<(), Error> {
        Ok(safe::memory_resize(memory, size)?)
    }

    fn memory_set_length(&mut self, memory: Handle, length: u64) -> Result<(), Error> {
        Ok(safe::memory_set_length(memory, length)?)
    }

    fn memory_write(&mut self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut done = 0;
        while done < bytes.len() {
            match safe::write_at(memory, &bytes[done..], offset + done as u64)? {
                0 => return Err(Error::OutOfRange),
                count => done += count,
            }
        }
        Ok(())
    }

    fn memory_supply(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        source: Handle,
    ) -> Result<(), Error> {
        Ok(safe::memory_supply(memory, offset, length, source, 0)?)
    }

    fn memory_supply_zero(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
    ) -> Result<(), Error> {
        Ok(safe::memory_supply_zero(memory, offset, length)?)
    }

    fn memory_fail(&mut self, memory: Handle, offset: u64, length: u64) {
        let _ = safe::memory_fail(memory, offset, length, kernel_abi::Error::Io as u32);
    }

    fn memory_dirty(&self, memory: Handle, offset: u64) -> Result<Vec<Range>, Error> {
        let mut ranges = [Range::default(); 64];
        let count = safe::memory_dirty(memory, offset, &mut ranges)?;
        Ok(ranges[..count.min(ranges.len())].to_vec())
    }

    fn memory_clean(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        phase: u64,
    ) -> Result<(), Error> {
        Ok(safe::memory_clean(memory, offset, length, phase)?)
    }

    fn memory_discard(&mut self, memory: Handle, length: u64) -> u64 {
        safe::memory_discard(memory, 0, length).unwrap_or(0)
    }

    fn duplicate(&mut self, memory: Handle, rights: Rights) -> Result<Handle, Error> {
        Ok(safe::handle_duplicate(
            memory,
            Handle::HIGH_FREE,
            rights,
            handle_flags::HIGH,
        )?)
    }

    fn close(&mut self, handle: Handle) {
        let _ = safe::handle_close(handle);
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }

    fn now_ns(&self) -> i64 {
        safe::realtime_ns() as i64
    }

    fn real_time_ns(&self, monotonic_ns: u64) -> i64 {
        let offset = safe::realtime_ns().wrapping_sub(safe::monotonic_ns());
        monotonic_ns.wrapping_add(offset) as i64
    }

    fn park(&mut self, name: &str, memory: Handle) -> bool {
        let Some(supervisor) = &self.supervisor else {
            return false;
        };
        let result = supervisor::park(supervisor, name.as_bytes(), &[memory]);
        if let Err(error) = result {
            server_rt::log!("cannot park {name}: {error:?}");
        }
        result.is_ok()
    }

    fn unpark(&mut self, name: &str) -> Option<Handle> {
        let supervisor = self.supervisor.as_ref()?;
        let answer = supervisor::unpark(supervisor, name.as_bytes(), &[]).ok()?;
        Some(answer.handles[0])
    }

    fn save_locks(&mut self, locks: &[u8]) -> bool {
        self.open_locks().is_some_and(|saved| saved.store(locks))
    }

    fn saved_locks(&mut self) -> Option<Vec<u8>> {
        // A server that never had a lock keeps no memory for them.
        let memory = self.unpark(LOCKS)?;
        self.close(memory);
        self.open_locks()?.load()
    }

    fn keep(&mut self, memory: Handle) -> Option<u32> {
        let (keeper, flags) = (self.keeper?, handle_flags::HIGH);
        let slot = safe::handle_install(keeper, memory, Handle::HIGH_FREE, Rights::ALL, flags);
        slot.ok().map(|slot| slot.0)
    }

    fn kept(&mut self, slot: u32) -> Option<Handle> {
        safe::handle_take(self.keeper?, slot).ok()
    }

    fn drop_kept(&mut self, slot: u32) {
        if let Some(keeper) = self.keeper {
            let _ = safe::handle_revoke(keeper, slot, slot);
        }
    }

    fn keep_only(&mut self, slots: &[u32]) {
        let Some(keeper) = self.keeper else { return };
        let mut first = 0;
        for slot in slots {
            if *slot > first {
                let _ = safe::handle_revoke(keeper, first, slot - 1);
            }
            first = slot + 1;
        }
        let _ = safe::handle_revoke(keeper, first, u32::MAX);
    }

    fn forget(&mut self, name: &str) {
        if let Some(supervisor) = &self.supervisor {
            let _ = supervisor::forget(supervisor, name.as_bytes(), &[]);
        }
    }
}

/// The receive loop's view of the server.
struct Loop<V> {
    server: Server<V, GuestKernel>,
    timer: Option<Alarm>,
    requests: u64,
}

impl<V: Volume> Service for Loop<V> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        let reply = self.server.call(&mut *call);
        if let Err(error @ (Error::Io | Error::Unsupported)) = reply {
            trace_failure(call.words()[0], error);
        }
        reply
    }

    fn closed(&mut self, badge: u64) {
        self.server.session_closed(badge);
    }

    fn cancelled(&mut self, token: u64) {
        self.server.cancelled(token);
    }

    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        if cookie != TIMER_COOKIE {
            return;
        }
        self.server.release_unmapped();
        if let Err(error) = self.server.sync_all() {
            server_rt::log!("cannot write back: {error:?}");
        }
        self.relieve_memory();
        self.arm_timer();
    }

    fn page_request(&mut self, key: u64, offset: u64, length: u64, _write: bool) {
        self.requests += 1;
        if self.requests.is_multiple_of(REQUESTS_A_LOOK) {
            self.relieve_memory();
        }
        self.server.page_request(key, offset, length);
    }
}

impl<V: Volume> Loop<V> {
    /// Drops cached pages while memory is scarce.
    fn relieve_memory(&mut self) {
        let Ok(information) = safe::system_info() else {
            return;
        };
        if information.memory_free_bytes < information.memory_total_bytes / FREE_SHARE {
            self.server.shrink(SHRINK_PAGES);
        }
    }

    fn arm_timer(&mut self) {
        if let Some(timer) = &self.timer {
            timer.set(safe::monotonic_ns() + WRITE_BACK_INTERVAL_NS);
        }
    }
}

fn trace_failure(number: u64, error: Error) {
    let name = proto::file_system::operation_name(number)
        .or(proto::file::operation_name(number))
        .map_or(String::new(), String::from);
    server_rt::log!("{name} ({number}) failed: {error:?}");
}

/// Serves a volume for ever. A paged volume is written back regularly; contents of one that is not are kept
/// in the process named `keeper` in the declaration.
pub fn serve<V: Volume>(volume: V, start: &Start) -> ! {
    let (endpoint, supervisor) = (start.endpoint(), start.handle("supervisor"));
    let kernel = GuestKernel {
        keeper: start.handle("keeper"),
        ..GuestKernel::new(endpoint, supervisor)
    };
    let server = Server::new(volume, kernel);
    let timer = match V::PAGED {
        true => Alarm::new(endpoint, TIMER_COOKIE).ok(),
        false => None,
    };
    let mut service = Loop {
        server,
        timer,
        requests: 0,
    };
    service.arm_timer();
    if let Some(supervisor) = supervisor {
        // Only the supervisor's view depends on it.
        let _ = supervisor::ready(&Session(supervisor), &[]);
    }
    server_rt::serve(endpoint, &mut service)
}
