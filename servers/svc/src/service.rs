//! The supervisor's endpoint: deaths, exceptions, parking, and what operators ask.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use boot_bundle::Bundle;
use declaration::System;
use kernel_abi::message::Fault;
use kernel_abi::process::fault_kind;
use kernel_abi::system::{InterruptArguments, control};
use kernel_abi::{Error as KernelError, Handle, Signals};
use proto::supervisor;
use proto::{Answer, Error, Reply};
use server_rt::stubs::safe;
use server_rt::{ServerCall, Service, Session, Start, log};

use crate::launch::{Launch, Program, launch};
use crate::policy::{Decision, End};
use crate::registry::{Entry, Given, KILLED, Reason, State};
use crate::store::Store;

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

/// The supervisor.
pub struct Supervisor {
    pub(crate) system: System,
    pub(crate) entries: Vec<Entry>,
    bundle: Bundle<'static>,
    bundle_bytes: &'static [u8],
    bundle_memory: Handle,
    pub(crate) resource: Handle,
    pub(crate) command_line: String,
    endpoint: Handle,
    timer: Handle,
    pub(crate) store: Store,
    pub(crate) recent: String,
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
            store: Store::default(),
            recent: String::new(),
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

    fn say(&mut self, line: String) {
        log!("{line}");
        self.recent.push_str(&line);
        self.recent.push('\n');
        if self.recent.len() > LOG_BYTES {
            let excess = self.recent.len() - LOG_BYTES;
            let cut = self.recent[excess..]
                .find('\n')
                .map_or(self.recent.len(), |at| excess + at + 1);
            self.recent.drain(..cut);
        }
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
    }

    fn start(&mut self, index: usize) {
        let name = self.system.servers[index].name.clone();
        let result = self.launch(index);
        let entry = &mut self.entries[index];
        entry.ready = false;
        match result {
            Ok(process) => {
                entry.process = process;
                entry.state = State::Running;
                entry.started_ns = safe::monotonic_ns();
                let bound =
                    safe::endpoint_bind(self.endpoint, process, Signals::TERMINATED, index as u64);
                if let Err(error) = bound {
                    self.say(format!(
                        "{name}: its end will not be noticed: {}",
                        error.name()
                    ));
                }
            }
            Err(reason) => {
                self.say(format!("cannot start {name}: {reason}"));
                self.entries[index].reason = Reason::Start(reason);
                self.give_up(index);
            }
        }
    }

    fn launch(&self, index: usize) -> Result<Handle, String> {
        let server = &self.system.servers[index];
        let bytes = self
            .bundle
            .find(server.program_name())
            .ok_or("no such program in the boot bundle")?;
        let offset = (bytes.as_ptr() as usize - self.bundle_bytes.as_ptr() as usize) as u64;
        let names = core::iter::once(server.name.as_str());
        launch(&Launch {
            program: Program {
                memory: self.bundle_memory,
                offset,
                bytes,
            },
            arguments: names
                .chain(server.arguments.iter().map(String::as_str))
                .collect(),
            given: &self.entries[index].given,
            priority: server.priority,
            restarts: self.entries[index].restarts,
            supervisor: (self.endpoint, index as u64),
        })
    }

    /// Clients of a server that will not run again must see errors, not wait for ever.
    fn give_up(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        entry.state = State::Failed;
        let _ = safe::handle_close(entry.endpoint);
        entry.endpoint = Handle::NONE;
        if self.system.servers[index].essential {
            self.without_essential(index);
        }
    }

    /// Nothing can be done any more. A host that waits for a result is told at once.
    fn without_essential(&mut self, index: usize) {
        let name = self.system.servers[index].name.clone();
        self.say(format!(
            "no program can run without {name}: the system stays as it is"
        ));
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
        let status = safe::process_info(entry.process).map_or(0, |info| info.exit_status);
        let _ = safe::handle_close(entry.process);
        entry.process = Handle::NONE;
        if let Reason::Start(reason) = &entry.reason {
            let name = &self.system.servers[index].name;
            let line = format!("cannot start {name}: {reason}");
            self.say(line);
            return self.decide(index, End::CannotStart);
        }
        let known = matches!(entry.reason, Reason::Fault(..)) && status & KILLED != 0;
        if !known {
            entry.reason = Reason::of_status(status);
        }
        let mut line = String::new();
        entry.line(
            &self.system.servers[index].name,
            safe::monotonic_ns(),
            &mut line,
        );
        self.say(format!("died: {}", line.trim_end()));
        self.decide(index, End::Crash);
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
                    let name = self.system.servers[index].name.clone();
                    self.say(format!("{name} died too often; it stays down"));
                }
                self.give_up(index);
            }
        }
    }

    fn restart(&mut self, index: usize) {
        self.entries[index].restarts += 1;
        self.start(index);
    }

    fn arm_timer(&mut self) {
        let due = self.entries.iter().filter_map(|entry| match entry.state {
            State::Waiting(at) => Some(at),
            _ => None,
        });
        let Some(next) = due.min() else { return };
        let set = safe::timer_set(self.timer, next, 0);
        let bound = safe::endpoint_bind(self.endpoint, self.timer, Signals::READABLE, TIMER_COOKIE);
        if let Err(error) = set.and(bound) {
            self.say(format!("no restart timer: {}", error.name()));
        }
    }

    fn timer_due(&mut self) {
        let mut expiries = [0; 8];
        let _ = safe::read(self.timer, &mut expiries);
        let now_ns = safe::monotonic_ns();
        for index in 0..self.entries.len() {
            if matches!(self.entries[index].state, State::Waiting(at) if at <= now_ns) {
                self.restart(index);
            }
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
                let name = self.system.servers[index].name.clone();
                self.say(format!("{name} did not unmount cleanly: {error:?}"));
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
