//! Job control: controlling terminals, foreground groups, and what background processes may do.

use proto::{Error, Identity};

use crate::kernel::Kernel;
use crate::server::Server;

/// Signals that job control sends.
pub(crate) mod signal {
    pub const HUP: u32 = 1;
    pub const CONT: u32 = 18;
    pub const TTIN: u32 = 21;
    pub const TTOU: u32 = 22;
    pub const WINCH: u32 = 28;
}

const EXISTS: u64 = 1;
const ORPHANED: u64 = 2;
const IGNORED: u64 = 1;

impl<K: Kernel> Server<K> {
    /// Makes a terminal the controlling one of the caller's session (`TIOCSCTTY`).
    pub(crate) fn take_control(&mut self, index: usize, identity: &Identity) -> Result<(), Error> {
        let terminal = &self.terminals[index];
        if terminal.controls(identity) && identity.terminal == terminal.device {
            return Ok(());
        }
        if identity.process != identity.session || identity.terminal != 0 {
            return Err(Error::NotPermitted);
        }
        let (device, holder) = (terminal.device, terminal.session);
        if holder != 0 && holder != identity.session {
            // A session whose leader's group is gone holds it no more.
            let (status, _) = self.kernel.group_status(holder)?;
            if status & EXISTS != 0 {
                return Err(Error::NotPermitted);
            }
        }
        self.kernel.set_terminal(identity.session, device)?;
        let terminal = &mut self.terminals[index];
        terminal.session = identity.session;
        terminal.foreground = identity.group;
        Ok(())
    }

    /// Gives a terminal up (`TIOCNOTTY`); the leader's doing so hangs its session up.
    pub(crate) fn give_up(&mut self, index: usize, identity: &Identity) -> Result<(), Error> {
        let terminal = &mut self.terminals[index];
        if !terminal.controls(identity) {
            return Err(Error::NotTerminal);
        }
        if identity.process != identity.session {
            // Only the whole session's terminal is known to the process server.
            return Err(Error::NotPermitted);
        }
        let foreground = core::mem::take(&mut terminal.foreground);
        terminal.session = 0;
        self.kernel.set_terminal(identity.session, 0)?;
        for signal in [signal::HUP, signal::CONT] {
            self.signal(foreground, signal);
        }
        Ok(())
    }

    /// Sets the foreground group (`TIOCSPGRP`). A background process may do so too: whether it
    /// blocks SIGTTOU, which decides in POSIX, is not known here.
    pub(crate) fn set_foreground(
        &mut self,
        index: usize,
        identity: &Identity,
        group: u64,
    ) -> Result<(), Error> {
        if !self.terminals[index].controls(identity) {
            return Err(Error::NotTerminal);
        }
        let (status, session) = self.kernel.group_status(group)?;
        if status & EXISTS == 0 || session != identity.session {
            return Err(Error::NotPermitted);
        }
        self.terminals[index].foreground = group;
        self.serve_readers(index);
        Ok(())
    }

    /// Signals a group; one that is gone is no error.
    pub(crate) fn signal(&mut self, group: u64, signal: u32) {
        if group != 0 {
            let _ = self.kernel.signal_group(group, signal);
        }
    }

    /// A background process touches the terminal: stops its group, or fails with `Io` where that
    /// would stop it for ever or is not wanted (POSIX "Terminal Access Control").
    pub(crate) fn stop_background(
        &mut self,
        identity: &Identity,
        signal: u32,
    ) -> Result<(), Error> {
        let ignored = self.kernel.signal_status(identity.process, signal)? & IGNORED != 0;
        let (status, _) = self.kernel.group_status(identity.group)?;
        if ignored || status & ORPHANED != 0 {
            return Err(Error::Io);
        }
        self.signal(identity.group, signal);
        Ok(())
    }
}
