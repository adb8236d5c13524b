//! Process groups, sessions, and what the terminal server asks about them.

use proto::types::SignalInformation;
use proto::{Answer, Call, Error, Reply, job};

use crate::kernel::Kernel;
use crate::server::Server;
use crate::signal::{self, bit, number};

/// Bits of `job::group_status`.
const EXISTS: u64 = 1;
const ORPHANED: u64 = 2;
/// Bits of `job::signal_status`.
const IGNORED: u64 = 1;

impl<K: Kernel> Server<K> {
    /// `setpgid` (POSIX).
    pub(crate) fn set_group_of(
        &mut self,
        caller: u64,
        process: u64,
        group: u64,
    ) -> Result<(), Error> {
        let target = if process == 0 { caller } else { process };
        let group = if group == 0 { target } else { group };
        let session = self.table.get(caller)?.identity.session;
        let process = self.table.get(target)?;
        if target != caller {
            if process.identity.parent != caller {
                return Err(Error::NoProcess);
            }
            if process.executed {
                return Err(Error::AccessDenied);
            }
        }
        if process.identity.session != session || process.identity.session == target {
            return Err(Error::NotPermitted);
        }
        let exists = self
            .table
            .iter()
            .any(|member| member.identity.group == group && member.identity.session == session);
        if group != target && !exists {
            return Err(Error::NotPermitted);
        }
        self.table.get_mut(target)?.identity.group = group;
        self.publish(target)
    }

    /// `setsid` (POSIX).
    pub(crate) fn start_session(&mut self, caller: u64) -> Result<u64, Error> {
        if self
            .table
            .iter()
            .any(|process| process.identity.group == caller)
        {
            return Err(Error::NotPermitted);
        }
        let identity = &mut self.table.get_mut(caller)?.identity;
        identity.session = caller;
        identity.group = caller;
        identity.terminal = 0;
        self.publish(caller)?;
        Ok(caller)
    }

    /// Whether no member of a group has a parent in the same session but another group (POSIX
    /// "orphaned process group").
    pub(crate) fn is_orphaned(&self, group: u64) -> bool {
        !self
            .table
            .iter()
            .filter(|member| member.identity.group == group && !member.is_zombie())
            .any(|member| {
                let parent = self.table.get(member.identity.parent);
                parent.is_ok_and(|parent| {
                    parent.identity.session == member.identity.session
                        && parent.identity.group != group
                        && !parent.is_zombie()
                })
            })
    }
}

impl<K: Kernel, C: Call + ?Sized> job::Job<C> for Server<K> {
    fn signal_group(&mut self, _call: &mut C, group: u64, signal: u32) -> Reply {
        if signal == 0 || signal > signal::LAST {
            return Err(Error::BadArgument);
        }
        for member in self.table.ids(|process| process.identity.group == group) {
            self.send_from_kernel(member, signal);
        }
        Ok(Answer::default().into())
    }

    fn hang_up(&mut self, _call: &mut C, session: u64) -> Reply {
        self.table.get(session)?;
        self.send_from_kernel(session, number::HUP);
        self.send_from_kernel(session, number::CONT);
        Ok(Answer::default().into())
    }

    fn set_terminal(&mut self, _call: &mut C, session: u64, terminal: u64) -> Reply {
        let members = self
            .table
            .ids(|process| process.identity.session == session);
        if members.is_empty() {
            return Err(Error::NoProcess);
        }
        for member in members {
            self.table.get_mut(member)?.identity.terminal = terminal;
            self.publish(member)?;
        }
        Ok(Answer::default().into())
    }

    fn group_status(&mut self, _call: &mut C, group: u64) -> Reply {
        let member = self
            .table
            .iter()
            .find(|process| process.identity.group == group && !process.is_zombie());
        let Some(member) = member else {
            return Ok(Answer::value(0).into());
        };
        let orphaned = if self.is_orphaned(group) { ORPHANED } else { 0 };
        Ok(Answer::value(EXISTS | orphaned)
            .with(1, member.identity.session)
            .into())
    }

    fn signal_status(&mut self, _call: &mut C, process: u64, signal: u32) -> Reply {
        if signal == 0 || signal > signal::LAST {
            return Err(Error::BadArgument);
        }
        let handle = self.table.get(process)?.handle;
        let ignored = self.kernel.information(handle).ignored & bit(signal) != 0;
        // The masks are the threads' own and not known here: bit 1 is never set.
        Ok(Answer::value(if ignored { IGNORED } else { 0 }).into())
    }

    fn leader(&mut self, _call: &mut C, session: u64) -> Reply {
        let leader = self.table.get(session)?;
        if leader.is_zombie() || leader.identity.session != session {
            return Err(Error::NoProcess);
        }
        let handle = leader.handle;
        let shared = self.kernel.share(handle)?;
        Ok(Answer::default().with_handle(shared).into())
    }

    fn release_terminal(&mut self, _call: &mut C, process: u64) -> Reply {
        self.table.get_mut(process)?.identity.terminal = 0;
        self.publish(process)?;
        Ok(Answer::default().into())
    }

    fn notify(
        &mut self,
        _call: &mut C,
        process: u64,
        signal: u32,
        value: u64,
        sender: u64,
        user: u32,
    ) -> Reply {
        if signal == 0 || signal > signal::LAST {
            return Err(Error::BadArgument);
        }
        self.table.get(process)?;
        let information = SignalInformation {
            signal,
            code: signal::code::MESSAGE_QUEUE,
            process: sender,
            user,
            value,
            ..Default::default()
        };
        let _ = self.send(process, information);
        Ok(Answer::default().into())
    }
}
