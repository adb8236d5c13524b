//! A process and the table of them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use kernel_abi::Handle;
use proto::types::MAX_GROUPS;
use proto::{Credentials, Error, Identity};

use crate::limits::Limits;
use crate::stack::FirstStack;

/// Largest process id; ids are given ascending and start again below.
const MAX_PROCESS: u64 = 4_194_303;
/// Most processes at a time.
pub const MAX_PROCESSES: usize = 4096;
/// Slots that only root gets.
const ROOT_SLOTS: usize = 64;
/// No slot yet.
const NO_SLOT: usize = usize::MAX;
/// Longest short name (`TASK_COMM_LEN` less the NUL).
const SHORT_NAME: usize = 15;
/// Most bytes of the arguments kept for `/proc/PID/cmdline`.
const COMMAND_LINE: usize = 4096;

/// What a process is doing, as its parent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Alive.
    Running,
    /// Stopped.
    Stopped {
        /// By this signal.
        signal: u32,
        /// Whether a wait has told it.
        reported: bool,
    },
    /// Ended; waits to be waited for.
    Zombie {
        /// The status word.
        status: u64,
    },
}

/// CPU times and faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In user mode, ns.
    pub user_ns: u64,
    /// In the kernel, ns.
    pub kernel_ns: u64,
    /// Faults served without a pager.
    pub minor_faults: u64,
    /// Faults that waited for a pager.
    pub major_faults: u64,
}

impl Usage {
    /// Adds another's.
    pub fn add(&mut self, other: Usage) {
        self.user_ns += other.user_ns;
        self.kernel_ns += other.kernel_ns;
        self.minor_faults += other.minor_faults;
        self.major_faults += other.major_faults;
    }
}

/// The last fork or wait that was answered, so that it is not done again when the answer was lost
/// with this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The call's number.
    pub number: u64,
    /// What it was answered.
    pub value: u64,
}

/// What happened to the table since it was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This process is new or different.
    Written(u64),
    /// The process that had this slot is gone.
    Removed(usize),
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// What its identity page says.
    pub identity: Identity,
    /// The kernel's object.
    pub handle: Handle,
    /// State.
    pub state: State,
    /// Continued since the last wait told so.
    pub continued: bool,
    /// Whether it executed a program since it was forked (`setpgid` by the parent ends then).
    pub executed: bool,
    /// Adopts orphans below it.
    pub reaper: bool,
    /// Limits.
    pub limits: Limits,
    /// Nice value plus 20.
    pub nice_plus_20: u32,
    /// Own usage at its end (a live one's is asked of the kernel).
    pub usage: Usage,
    /// Usage of the children it waited for.
    pub children_usage: Usage,
    /// Short name.
    pub name: Vec<u8>,
    /// Arguments, NUL-ended.
    pub command_line: Vec<u8>,
    /// What its program found on its stack.
    pub first_stack: FirstStack,
    /// Monotonic time of its start.
    pub start_ns: u64,
    /// The last answer.
    pub answered: Answered,
    /// The process whose core it writes, 0: it is an ordinary process.
    pub dumps: u64,
    /// Where its record and handle are kept.
    pub slot: usize,
    /// The handle that is kept there, or `NONE`.
    pub kept: Handle,
}

impl Process {
    /// The first process: root, its own group and session.
    pub fn first(handle: Handle, start_ns: u64) -> Process {
        let credentials = Credentials {
            user: 0,
            group: 0,
            group_count: 0,
            umask: 0o022,
            groups: [0; MAX_GROUPS],
        };
        let identity = Identity {
            process: crate::INIT,
            parent: 0,
            group: crate::INIT,
            session: crate::INIT,
            real_user: 0,
            saved_user: 0,
            real_group: 0,
            saved_group: 0,
            credentials,
            terminal: 0,
            flags: 0,
        };
        Process {
            identity,
            handle,
            state: State::Running,
            continued: false,
            executed: true,
            reaper: true,
            limits: Limits::default(),
            nice_plus_20: 20,
            usage: Usage::default(),
            children_usage: Usage::default(),
            name: Vec::new(),
            command_line: Vec::new(),
            first_stack: FirstStack::default(),
            start_ns,
            answered: Answered::default(),
            dumps: 0,
            slot: NO_SLOT,
            kept: Handle::NONE,
        }
    }

    /// A child of this one, as fork makes it (POSIX `fork`: pending signals and times are
    /// not inherited).
    pub fn child(&self, process: u64, handle: Handle, start_ns: u64) -> Process {
        let identity = Identity {
            process,
            parent: self.identity.process,
            ..self.identity
        };
        Process {
            identity,
            handle,
            state: State::Running,
            continued: false,
            executed: false,
            reaper: false,
            usage: Usage::default(),
            children_usage: Usage::default(),
            start_ns,
            answered: Answered::default(),
            dumps: 0,
            slot: NO_SLOT,
            kept: Handle::NONE,
            ..self.clone()
        }
    }

    /// Its id.
    pub fn id(&self) -> u64 {
        self.identity.process
    }

    /// Whether it has ended.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, State::Zombie { .. })
    }

    /// Remembers what it executes.
    pub fn set_program(&mut self, path: &[u8], arguments: &[u8]) {
        let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        self.name = base[..base.len().min(SHORT_NAME)].to_vec();
        self.command_line = arguments[..arguments.len().min(COMMAND_LINE)].to_vec();
    }
}

/// All processes, by id.
#[derive(Default)]
pub struct Table {
    processes: BTreeMap<u64, Process>,
    last: u64,
    used_slots: Vec<bool>,
    changes: Vec<Change>,
}

impl Table {
    /// A free id, or `WouldBlock` when there are too many processes (POSIX `fork`, `EAGAIN`). An
    /// id that still names a group or session is not given.
    pub fn free_id(&mut self) -> Result<u64, Error> {
        if self.processes.len() >= MAX_PROCESSES {
            return Err(Error::WouldBlock);
        }
        loop {
            self.last = if self.last >= MAX_PROCESS {
                2
            } else {
                self.last + 1
            };
            let candidate = self.last;
            let taken = self.processes.contains_key(&candidate)
                || self.iter().any(|process| {
                    process.identity.group == candidate || process.identity.session == candidate
                });
            if !taken {
                return Ok(candidate);
            }
        }
    }

    /// Whether only root may have one more.
    pub fn is_reserved_for_root(&self) -> bool {
        self.processes.len() + ROOT_SLOTS >= MAX_PROCESSES
    }

    /// Adds one.
    pub fn insert(&mut self, mut process: Process) {
        let free = self.used_slots.iter().position(|used| !used);
        process.slot = free.unwrap_or(self.used_slots.len());
        self.restore(process);
    }

    /// Adds one that has its slot.
    pub fn restore(&mut self, process: Process) {
        let (id, slot) = (process.id(), process.slot);
        if self.used_slots.len() <= slot {
            self.used_slots.resize(slot + 1, false);
        }
        self.used_slots[slot] = true;
        self.last = self.last.max(id);
        self.note(id);
        self.processes.insert(id, process);
    }

    fn note(&mut self, id: u64) {
        let change = Change::Written(id);
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// What happened since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// Notes which handle is kept.
    pub fn set_kept(&mut self, id: u64, handle: Handle) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.kept = handle;
        }
    }

    /// Takes one away.
    pub fn remove(&mut self, process: u64) -> Option<Process> {
        let removed = self.processes.remove(&process)?;
        if let Some(used) = self.used_slots.get_mut(removed.slot) {
            *used = false;
        }
        self.changes.push(Change::Removed(removed.slot));
        Some(removed)
    }

    /// The process with this id, zombies too.
    pub fn get(&self, process: u64) -> Result<&Process, Error> {
        self.processes.get(&process).ok_or(Error::NoProcess)
    }

    /// The same, to change.
    pub fn get_mut(&mut self, process: u64) -> Result<&mut Process, Error> {
        if self.processes.contains_key(&process) {
            self.note(process);
        }
        self.processes.get_mut(&process).ok_or(Error::NoProcess)
    }

    /// All, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.processes.values()
    }

    /// Ids of the processes that a condition holds for.
    pub fn ids(&self, condition: impl Fn(&Process) -> bool) -> Vec<u64> {
        self.iter()
            .filter(|process| condition(process))
            .map(Process::id)
            .collect()
    }
}
