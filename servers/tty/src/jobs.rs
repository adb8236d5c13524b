//! Job control: controlling terminals, foreground groups, and what background processes may do.

use proto::{Answer, Call, Error, Identity};

use crate::kernel::Kernel;
use crate::server::Server;
use crate::sessions::Place;

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
    /// Makes a terminal the controlling one of the caller's session (`TIOCSCTTY`). With `steals`,
    /// root takes it from another session.
    pub(crate) fn take_control(
        &mut self,
        index: usize,
        identity: &Identity,
        steals: bool,
    ) -> Result<(), Error> {
        let terminal = &self.terminals[index];
        if terminal.controls(identity) {
            return Ok(());
        }
        if identity.process != identity.session || identity.terminal != 0 {
            return Err(Error::NotPermitted);
        }
        if terminal.session != 0 && terminal.session != identity.session {
            if !steals || identity.credentials.user != 0 {
                return Err(Error::NotPermitted);
            }
            self.release_control(index);
        }
        self.kernel
            .set_terminal(identity.session, self.terminals[index].device)?;
        let terminal = &mut self.terminals[index];
        terminal.session = identity.session;
        terminal.foreground = identity.group;
        self.touch(index);
        self.leader_changed(index);
        Ok(())
    }

    /// A terminal controls its session no more.
    pub(crate) fn release_control(&mut self, index: usize) {
        let terminal = &mut self.terminals[index];
        terminal.foreground = 0;
        let session = core::mem::take(&mut terminal.session);
        if session != 0 {
            self.kernel.forget_leader(index);
            // A session whose last process is gone has no terminal any more.
            let _ = self.kernel.set_terminal(session, 0);
            self.touch(index);
        }
    }

    /// The leader of a terminal's session may have ended. If so, the foreground group is hung up
    /// (POSIX `_exit`), and whoever has a pseudo terminal open finds its end.
    pub(crate) fn leader_changed(&mut self, index: usize) {
        let terminal = &self.terminals[index];
        let (session, foreground) = (terminal.session, terminal.foreground);
        if session == 0 || self.kernel.watch_leader(index, session).is_ok() {
            return;
        }
        self.signal(foreground, signal::HUP);
        if self.terminals[index].pty.is_some() {
            self.hang_up(index, false);
        } else {
            self.release_control(index);
        }
    }

    /// Gives a terminal up (`TIOCNOTTY`); the leader's doing so hangs its session up.
    pub(crate) fn give_up(&mut self, index: usize, identity: &Identity) -> Result<(), Error> {
        let terminal = &self.terminals[index];
        if !terminal.controls(identity) {
            return Err(Error::NotTerminal);
        }
        if identity.process != identity.session {
            return self.kernel.release_terminal(identity.process);
        }
        let foreground = terminal.foreground;
        self.release_control(index);
        for signal in [signal::HUP, signal::CONT] {
            self.signal(foreground, signal);
        }
        Ok(())
    }

    /// Sets the foreground group (POSIX `tcsetpgrp`).
    pub(crate) fn set_foreground<C: Call + ?Sized>(
        &mut self,
        call: &C,
        place: Place,
        group: u32,
    ) -> Result<Answer, Error> {
        let identity = call.identity()?;
        if !self.terminals[place.index].controls(&identity) {
            return Err(Error::NotTerminal);
        }
        if group == 0 || group > i32::MAX as u32 {
            return Err(Error::BadArgument);
        }
        self.check_background(call, place)?;
        let (status, session) = self.kernel.group_status(group.into())?;
        if status & EXISTS == 0 || session != identity.session {
            return Err(Error::NotPermitted);
        }
        self.terminals[place.index].foreground = group.into();
        self.touch(place.index);
        Ok(Answer::default())
    }

    /// Signals a group; one that is gone is no error.
    pub(crate) fn signal(&mut self, group: u64, signal: u32) {
        if group != 0 {
            let _ = self.kernel.signal_group(group, signal);
        }
    }

    /// Whether the caller's thread blocks a signal, or its process ignores it.
    pub(crate) fn refuses(
        &mut self,
        token: u64,
        identity: &Identity,
        signal: u32,
    ) -> Result<bool, Error> {
        if self.kernel.blocked(token)? & 1 << (signal - 1) != 0 {
            return Ok(true);
        }
        Ok(self.kernel.signal_status(identity.process, signal)? & IGNORED != 0)
    }

    /// What a background read ends with: `Io` for a process that would not be stopped by SIGTTIN.
    pub(crate) fn stop_reader(&mut self, token: u64, identity: &Identity) -> Result<Error, Error> {
        if self.refuses(token, identity, signal::TTIN)? {
            return Ok(Error::Io);
        }
        self.stop_group(identity, signal::TTIN)
    }

    /// Stops a group that touches its terminal from the background, and tells what the call ends
    /// with: it is to be sent again when the group goes on. A group that nobody could wake again
    /// is not stopped (POSIX "Terminal Access Control").
    pub(crate) fn stop_group(&mut self, identity: &Identity, signal: u32) -> Result<Error, Error> {
        let (status, _) = self.kernel.group_status(identity.group)?;
        if status & ORPHANED != 0 {
            return Ok(Error::Io);
        }
        self.signal(identity.group, signal);
        Ok(Error::Restart)
    }
}
