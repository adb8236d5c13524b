//! The end of a process: zombies, orphans, and the signals that an end causes.

use alloc::vec::Vec;
use kernel_abi::Handle;
use kernel_abi::process::upcall_flags;

use crate::INIT;
use crate::kernel::Kernel;
use crate::process::{State, Usage};
use crate::server::Server;
use crate::signal::{STATUS_CORE, STATUS_KILLED, code, kept, number};
use crate::wait::Told;

impl<K: Kernel> Server<K> {
    /// The kernel says that a process has ended.
    pub(crate) fn ended(&mut self, id: u64) {
        let Ok(process) = self.table.get(id) else {
            return;
        };
        if process.is_zombie() {
            return;
        }
        let handle = process.handle;
        let writes_core = process.dumps != 0;
        let (group, session) = (process.identity.group, process.identity.session);
        let information = self.kernel.information(handle);
        if writes_core {
            return self.writer_ended(id, information.exit_status);
        }
        let Ok(process) = self.table.get_mut(id) else {
            return;
        };
        process.usage = Usage {
            user_ns: information.user_ns,
            kernel_ns: information.kernel_ns,
            minor_faults: information.minor_faults,
            major_faults: information.major_faults,
        };
        let status = information.exit_status;
        process.state = State::Zombie { status };
        self.waiters.retain(|waiter| waiter.parent != id);
        let mut groups = self.give_away_children(id);
        // Its own group loses what kept it from being orphaned only if that was its parent.
        if self.links(id, group, session) {
            groups.push(group);
        }
        self.wake_orphaned(&groups);
        if session == id {
            self.release_terminal(session);
        }
        if id == INIT {
            self.kernel.log(&alloc::format!(
                "the first process ended with status {status:#x}"
            ));
            return;
        }
        self.announce_end(id, status);
    }

    /// Nobody asks about a process any more.
    pub(crate) fn forget(&mut self, id: u64) {
        if let Some(process) = self.table.remove(id)
            && process.handle != Handle::NONE
        {
            self.kernel.close(process.handle);
        }
    }

    fn announce_end(&mut self, id: u64, status: u64) {
        let Ok(process) = self.table.get(id) else {
            return;
        };
        let parent = process.identity.parent;
        // POSIX `sigaction`: children of a process that ignores SIGCHLD, or does not want to wait
        // for them, leave no zombies.
        let action = match self.table.get(parent) {
            Ok(parent) if !parent.is_zombie() => self.kernel.action(parent.handle, number::CHLD),
            _ => upcall_flags::IGNORED,
        };
        let told = end_of(status);
        if action & (upcall_flags::IGNORED | kept::NO_CHILD_WAIT) == 0 {
            self.tell_parent(id, told.code, told.status);
            return;
        }
        let information = self.child_information(id, told.code, told.status);
        self.forget(id);
        if let (Ok(information), true) = (information, action & upcall_flags::CAUGHT != 0) {
            let _ = self.send(parent, information);
        }
        self.wake_waiters(parent);
    }

    /// Whether a process's parent keeps its group from being orphaned: it is in the session,
    /// but in another group.
    fn links(&self, id: u64, group: u64, session: u64) -> bool {
        let parent = self.table.get(id).map(|process| process.identity.parent);
        parent
            .and_then(|parent| self.table.get(parent))
            .is_ok_and(|parent| {
                parent.identity.session == session && parent.identity.group != group
            })
    }

    /// Children of an ended process go to its nearest ancestor that adopts, or to the first
    /// process. Returns their groups, as far as it kept them from being orphaned.
    fn give_away_children(&mut self, id: u64) -> Vec<u64> {
        let heir = self.heir(id);
        let children = self.table.ids(|process| process.identity.parent == id);
        let own = self.table.get(id).map(|process| process.identity);
        let mut groups = Vec::new();
        for child in children {
            let Ok(process) = self.table.get_mut(child) else {
                continue;
            };
            process.identity.parent = heir;
            let child = process.identity;
            if own.is_ok_and(|own| own.session == child.session && own.group != child.group) {
                groups.push(child.group);
            }
            let ended = match process.state {
                State::Zombie { status } => Some(status),
                _ => None,
            };
            // A process that is ending needs no new page.
            let _ = self.publish(child.process);
            if let Some(status) = ended {
                self.announce_end(child.process, status);
            }
        }
        groups
    }

    fn heir(&self, id: u64) -> u64 {
        let mut candidate = id;
        while let Ok(process) = self.table.get(candidate) {
            candidate = process.identity.parent;
            match self.table.get(candidate) {
                Ok(ancestor) if ancestor.reaper && !ancestor.is_zombie() => return candidate,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        INIT
    }

    /// POSIX `_exit`: a group that becomes orphaned while a member is stopped gets SIGHUP and
    /// SIGCONT.
    fn wake_orphaned(&mut self, groups: &[u64]) {
        for (index, group) in groups.iter().enumerate() {
            if groups[..index].contains(group) || !self.is_orphaned(*group) {
                continue;
            }
            let members = self.table.ids(|process| process.identity.group == *group);
            let stopped = members.iter().any(|member| {
                let member = self.table.get(*member);
                member.is_ok_and(|member| matches!(member.state, State::Stopped { .. }))
            });
            if stopped {
                for member in members {
                    self.send_from_kernel(member, number::HUP);
                    self.send_from_kernel(member, number::CONT);
                }
            }
        }
    }

    /// The session's leader is gone: its terminal controls nobody any more.
    fn release_terminal(&mut self, session: u64) {
        for member in self
            .table
            .ids(|process| process.identity.session == session && process.identity.terminal != 0)
        {
            if let Ok(process) = self.table.get_mut(member) {
                process.identity.terminal = 0;
            }
            let _ = self.publish(member);
        }
    }
}

/// How an end is told (`si_code` and status).
pub(crate) fn end_of(status: u64) -> Told {
    if status & STATUS_KILLED == 0 {
        return Told {
            code: code::CHILD_EXITED,
            status: (status & 0xff) as u32,
        };
    }
    let dumped = status & STATUS_CORE != 0;
    Told {
        code: if dumped {
            code::CHILD_DUMPED
        } else {
            code::CHILD_KILLED
        },
        status: (status & 0x7f) as u32,
    }
}
