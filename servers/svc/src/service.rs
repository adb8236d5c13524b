//! The supervisor's endpoint: deaths, exceptions, parking, and what operators ask.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use boot_bundle::Bundle;
use declaration::System;
use kernel_abi::message::Fault;
use kernel_abi::process::fault_kind;
use kernel_abi::system::{InterruptArguments, control};
use kernel_abi::{Error as KernelError, Handle, Signals};
use proto::supervisor;
use proto::{Answer, Error, Reply, request};
use server_rt::elf::Image;
use server_rt::stubs::safe;
use server_rt::{ServerCall, Service, Session, Start, log};

use crate::events::Events;
use crate::heartbeat::PERIOD_NS;
use crate::launch::{Launch, LaunchError, Program, launch};
use crate::policy::{Decision, End};
use crate::registry::{Entry, Given, KILLED, Reason, State};
use crate::store::Store;
use crate::text::Text;
use crate::update::Update;

/// Badge bit of sessions that may kill servers and shut down; server sessions have their index.
pub(crate) const CONTROL_BADGE: u64 = 1 << 62;
/// Badge of the session that the supervisor itself uses on a server it shuts down.
const UNMOUNT_BADGE: u64 = 1 << 61;
/// Cookie of the restart timer; servers' cookies are their indices.
const TIMER_COOKIE: u64 = u64::MAX;
/// Words of the kernel's command line that say that a host waits for a result.
const AWAITED: [&str; 2] = ["exec", "test"];
/// What the machine ends with when an essential server stays down.
const ESSENTIAL_STATUS: u64 = 1;
/// Bytes of recent log kept.
const LOG_BYTES: usize = 16 * 1024;
/// Room for one more line.
const LINE_BYTES: usize = 1024;

/// The supervisor.
pub struct Supervisor {
    pub(crate) system: System,
    pub(crate) entries: Vec<Entry>,
    bundle: Bundle<'static>,
    bundle_bytes: &'static [u8],
    pub(crate) bundle_memory: Handle,
    pub(crate) resource: Handle,
    pub(crate) command_line: String,
    pub(crate) endpoint: Handle,
    timer: Handle,
    next_look_ns: u64,
    pub(crate) store: Store,
    /// The last lines of the log, in a text that never grows beyond what it has from the start.
    pub(crate) recent: String,
    pub(crate) events: Events,
}

impl Supervisor {
    /// Makes the endpoints and every handle of the declaration.
    pub fn new(
        start: &Start,
        bundle: Bundle<'static>,
        bundle_bytes: &'static [u8],
        bundle_memory: Handle,
        endpoint: Handle,
        system: System,
    ) -> Result<Supervisor, KernelError> {
        let resource = start.require("resource");
        let mut supervisor = Supervisor {
            entries: Vec::new(),
            bundle,
            bundle_bytes,
            bundle_memory,
            resource,
            command_line: command_line(start),
            endpoint,
            timer: safe::timer_create(0)?,
            next_look_ns: safe::monotonic_ns() + PERIOD_NS,
            store: Store::default(),
            recent: String::with_capacity(LOG_BYTES + LINE_BYTES),
            events: Events::new(),
            system,
        };
        for _ in 0..supervisor.system.servers.len() {
            supervisor
                .entries
                .push(Entry::new(safe::endpoint_create()?));
        }
        for index in 0..supervisor.entries.len() {
            supervisor.make_handles(index, start)?;
        }
        Ok(supervisor)
    }

    /// Writes a line about a server to the log.
    pub(crate) fn say(&mut self, index: usize, line: core::fmt::Arguments<'_>) {
        let name = &self.system.servers[index].name;
        let line = Text::of(format_args!("{name}: {line}"));
        self.log_line(&line);
    }

    fn say_cannot_start(&mut self, index: usize, reason: &dyn core::fmt::Display) {
        let name = &self.system.servers[index].name;
        let line = Text::of(format_args!("cannot start {name}: {reason}"));
        self.log_line(&line);
    }

    fn log_line(&mut self, line: &Text) {
        let line = line.as_str().trim_end();
        log!("{line}");
        if self.recent.len() + line.len() + 1 > LOG_BYTES {
            let excess = (self.recent.len() + line.len() + 1).saturating_sub(LOG_BYTES);
            let cut = self
                .recent
                .bytes()
                .skip(excess)
                .position(|byte| byte == b'\n');
            let cut = cut.map_or(self.recent.len(), |at| excess + at + 1);
            self.recent.drain(..cut);
        }
        self.recent.push_str(line);
        self.recent.push('\n');
    }

    /// Tells those who listen what happened to a server.
    pub(crate) fn tell(&mut self, index: usize, what: core::fmt::Arguments<'_>) {
        let (now_ns, name) = (safe::monotonic_ns(), &self.system.servers[index].name);
        let line = Text::of(format_args!("{now_ns} {name} {what}\n"));
        self.events.tell(&line);
    }

    fn make_handles(&mut self, index: usize, start: &Start) -> Result<(), KernelError> {
        let server = self.system.servers[index].clone();
        let mut given = Vec::new();
        let mut give = |name: &str, handle: Handle, value: u64| {
            given.push(Given {
                name: name.to_string(),
                handle,
                value,
            });
        };
        give("self-endpoint", self.entries[index].endpoint, 0);
        let own = safe::session_create(self.endpoint, index as u64, Handle::NONE, 0)?;
        give("supervisor", own, index as u64);
        if server.control {
            let badge = CONTROL_BADGE | index as u64;
            give(
                "control",
                safe::session_create(self.endpoint, badge, Handle::NONE, 0)?,
                badge,
            );
        }
        for session in &server.sessions {
            let peer = self
                .system
                .servers
                .iter()
                .position(|peer| peer.name == session.server);
            let peer = peer.ok_or(KernelError::NotFound)?;
            let endpoint = self.entries[peer].endpoint;
            let handle = safe::session_create(endpoint, session.badge, Handle::NONE, 0)?;
            give(&session.name, handle, session.badge);
        }
        for ports in &server.ports {
            let (base, count) = (ports.base.into(), ports.count.into());
            give(
                &ports.name,
                safe::ports_create(self.resource, base, count)?,
                count,
            );
        }
        for interrupt in &server.interrupts {
            let mut arguments = InterruptArguments {
                line: interrupt.line,
                ..Default::default()
            };
            let handle = safe::interrupt_create(self.resource, &mut arguments)?;
            give(&interrupt.name, handle, interrupt.line.into());
        }
        if server.keeper {
            give("keeper", safe::process_create()?, 0);
        }
        if server.resource {
            give("resource", self.resource, 0);
            give("rsdp", Handle::NONE, start.value("rsdp").unwrap_or(0));
        }
        self.entries[index].given = given;
        Ok(())
    }

    /// Starts every server; one that cannot be started is reported and left out.
    pub fn start_all(&mut self) {
        for index in 0..self.entries.len() {
            self.start(index);
        }
        self.arm_timer();
    }

    fn start(&mut self, index: usize) {
        if let Err(error) = self.try_start(index) {
            self.say_cannot_start(index, &error);
            self.entries[index].reason = Reason::Launch(error);
            self.give_up(index);
        }
    }

    pub(crate) fn try_start(&mut self, index: usize) -> Result<(), LaunchError> {
        self.ask(index, request::ALL, Signals::NONE);
        let process = self.launch(index)?;
        let entry = &mut self.entries[index];
        entry.ready = false;
        entry.unanswered = 0;
        entry.process = process;
        entry.state = State::Running;
        entry.started_ns = safe::monotonic_ns();
        let bound = safe::endpoint_bind(self.endpoint, process, Signals::TERMINATED, index as u64);
        if let Err(error) = bound {
            let error = error.name();
            self.say(index, format_args!("its end will not be noticed: {error}"));
        }
        self.tell(index, format_args!("started"));
        Ok(())
    }

    /// A server's program: in the bundle, until it is updated.
    fn find_program(&self, index: usize) -> Result<Program, LaunchError> {
        let name = self.system.servers[index].program_name();
        let bytes = self.bundle.find(name).ok_or(LaunchError::NoProgram)?;
        Ok(Program {
            memory: self.bundle_memory,
            offset: (bytes.as_ptr() as usize - self.bundle_bytes.as_ptr() as usize) as u64,
            image: Image::parse(bytes, bytes.len() as u64)?,
        })
    }

    fn launch(&mut self, index: usize) -> Result<Handle, LaunchError> {
        if self.entries[index].program.is_none() {
            self.entries[index].program = Some(self.find_program(index)?);
        }
        let (entry, server) = (&self.entries[index], &self.system.servers[index]);
        launch(&Launch {
            program: entry.program.as_ref().ok_or(LaunchError::NoProgram)?,
            name: &server.name,
            arguments: &server.arguments,
            given: &entry.given,
            priority: server.priority,
            heap_bytes: server.heap_bytes(),
            processes: server.processes,
            restarts: entry.restarts,
            supervisor: (self.endpoint, index as u64),
        })
    }

    /// Clients of a server that will not run again must see errors, not wait for ever.
    fn give_up(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        entry.state = State::Failed;
        let _ = safe::handle_close(entry.endpoint);
        entry.endpoint = Handle::NONE;
        self.tell(index, format_args!("given up"));
        if self.system.servers[index].essential {
            self.without_essential(index);
        }
    }

    /// Nothing can be done any more. A host that waits for a result is told at once.
    fn without_essential(&mut self, index: usize) {
        let name = &self.system.servers[index].name;
        let line = Text::of(format_args!(
            "no program can run without {name}: the system stays as it is"
        ));
        self.log_line(&line);
        let words = self.command_line.split_ascii_whitespace();
        if words.into_iter().any(|word| AWAITED.contains(&word)) {
            self.unmount_all();
            let _ = safe::system_control(self.resource, control::TEST_EXIT, ESSENTIAL_STATUS);
        }
    }

    fn died(&mut self, index: usize) {
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        let now_ns = safe::monotonic_ns();
        entry.died_ns.get_or_insert(now_ns);
        let status = safe::process_info(entry.process).map_or(0, |info| info.exit_status);
        let _ = safe::handle_close(entry.process);
        entry.process = Handle::NONE;
        let end = match &entry.reason {
            Reason::Start(_) => End::CannotStart,
            Reason::Fault(..) | Reason::Hung if status & KILLED != 0 => End::Crash,
            _ => {
                entry.reason = Reason::of_status(status);
                End::Crash
            }
        };
        let by_operator = core::mem::take(&mut entry.ended_by_operator);
        self.report(index, now_ns);
        if self.entries[index].update.is_some() {
            self.update_ended(index);
        } else if by_operator && end == End::Crash {
            self.restart(index);
        } else {
            self.decide(index, end);
        }
    }

    /// Says how an instance ended.
    fn report(&mut self, index: usize, now_ns: u64) {
        let (entry, name) = (&self.entries[index], &self.system.servers[index].name);
        let event = Text::of(format_args!("{now_ns} {name} ended: {}\n", entry.reason));
        let line = match &entry.reason {
            Reason::Start(reason) => Text::of(format_args!("cannot start {name}: {reason}")),
            _ => {
                let mut line = Text::of(format_args!("died: "));
                entry.line(name, now_ns, &mut line);
                line
            }
        };
        self.log_line(&line);
        self.events.tell(&event);
    }

    /// Starts a server that has ended again, or leaves it down.
    fn decide(&mut self, index: usize, end: End) {
        let entry = &mut self.entries[index];
        match entry
            .policy
            .died(end, entry.started_ns, safe::monotonic_ns())
        {
            Decision::Now => self.restart(index),
            Decision::At(at) => {
                entry.state = State::Waiting(at);
                self.arm_timer();
            }
            Decision::GiveUp => {
                if end == End::Crash {
                    self.say(index, format_args!("died too often; it stays down"));
                }
                self.give_up(index);
            }
        }
    }

    /// Starts the next instance. Nothing here takes memory from the heap: the machine may have none.
    pub(crate) fn restart(&mut self, index: usize) {
        let before = server_rt::allocations();
        self.entries[index].restarts += 1;
        self.start(index);
        let taken = server_rt::allocations() - before;
        if taken != 0 {
            self.say(index, format_args!("its start took memory {taken} times"));
        }
    }

    pub(crate) fn arm_timer(&mut self) {
        let due = self.entries.iter().flat_map(|entry| {
            let waiting = match entry.state {
                State::Waiting(at) => Some(at),
                _ => None,
            };
            [waiting, entry.update.as_ref().map(Update::deadline_ns)]
        });
        let next = due.flatten().min().unwrap_or(u64::MAX);
        let next = next.min(self.next_look_ns);
        let set = safe::timer_set(self.timer, next, 0);
        let bound = safe::endpoint_bind(self.endpoint, self.timer, Signals::READABLE, TIMER_COOKIE);
        if let Err(error) = set.and(bound) {
            log!("no timer: {}", error.name());
        }
    }

    fn timer_due(&mut self) {
        let now_ns = safe::monotonic_ns();
        for index in 0..self.entries.len() {
            if matches!(self.entries[index].state, State::Waiting(at) if at <= now_ns) {
                self.restart(index);
            }
            self.update_due(index, now_ns);
        }
        if self.next_look_ns <= now_ns {
            self.next_look_ns = now_ns + PERIOD_NS;
            self.look();
        }
        self.arm_timer();
    }

    pub(crate) fn unmount_all(&mut self) {
        for index in 0..self.entries.len() {
            if !self.system.servers[index].unmount || self.entries[index].state != State::Running {
                continue;
            }
            let endpoint = self.entries[index].endpoint;
            let result = safe::session_create(endpoint, UNMOUNT_BADGE, Handle::NONE, 0)
                .map_err(Error::from)
                .and_then(|session| proto::file_system::unmount(&Session(session), &[]));
            if let Err(error) = result {
                self.say(index, format_args!("did not unmount cleanly: {error}"));
            }
        }
    }
}

fn command_line(start: &Start) -> String {
    let (Some(memory), Some(length)) = (start.handle("command-line"), start.value("command-line"))
    else {
        return String::new();
    };
    let mut bytes = alloc::vec![0; (length as usize).min(4096)];
    let count = safe::read_at(memory, &mut bytes, 0).unwrap_or(0);
    bytes.truncate(count);
    String::from_utf8_lossy(&bytes)
        .trim_end_matches('\0')
        .to_string()
}

impl Service for Supervisor {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        supervisor::dispatch(self, call)
    }

    fn cancelled(&mut self, token: u64) {
        self.update_unwatched(token);
    }

    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        match cookie {
            TIMER_COOKIE => self.timer_due(),
            index => self.died(index as usize),
        }
    }

    fn exception(&mut self, badge: u64, token: u64, fault: &Fault) {
        let signal = u64::from(match fault.kind {
            0 => fault.upcall + 1,
            kind => fault_kind::upcall(kind) + 1,
        });
        if let Some(entry) = self.entries.get_mut(badge as usize) {
            entry.reason = Reason::Fault(signal, fault.address, fault.instruction);
        }
        // Word 0 of the answer is the status to kill with.
        server_rt::reply(token, Ok(Answer::value(KILLED | signal)));
    }
}
