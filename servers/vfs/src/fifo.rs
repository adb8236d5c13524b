//! Named pipes: a stream that those who have the node open share.
//!
//! No end is kept here, because an end that somebody keeps is open. The next open takes an end
//! through the session of somebody who has the pipe open; that also works for an instance of this
//! server that comes after another one.

use alloc::vec::Vec;
use kernel_abi::Handle;
use proto::types::{file_type, open_flags};
use proto::{Error, Outcome, Reply};

use crate::kernel::Kernel;
use crate::open::{Opening, answer};
use crate::opened::{Opened, Sides};
use crate::server::Server;
use crate::walk::Place;

/// An open that waits for the other side.
struct Waiting {
    token: u64,
    badge: u64,
    sides: Sides,
    session: Handle,
}

/// A named pipe that is open.
pub struct Fifo {
    place: Place,
    /// Who has it open, and how.
    badges: Vec<(u64, Sides)>,
    waiting: Vec<Waiting>,
}

impl Fifo {
    fn is_open(&self, side: fn(&Sides) -> bool) -> bool {
        self.badges.iter().any(|(_, sides)| side(sides))
    }
}

fn reads(sides: &Sides) -> bool {
    sides.reads
}

fn writes(sides: &Sides) -> bool {
    sides.writes
}

impl<K: Kernel> Server<K> {
    pub(crate) fn open_pipe(&mut self, opening: Opening<'_>, place: Place) -> Reply {
        let sides = match opening.flags & open_flags::ACCESS_MODE {
            0 => Sides {
                reads: true,
                writes: false,
            },
            open_flags::WRITE_ONLY => Sides {
                reads: false,
                writes: true,
            },
            // POSIX leaves it undefined; here it never waits, and is a reader and a writer (Linux).
            open_flags::READ_WRITE => Sides {
                reads: true,
                writes: true,
            },
            _ => return Err(Error::BadArgument),
        };
        let waits = opening.flags & open_flags::NONBLOCK == 0;
        let index = self.fifo(place);
        let fifo = &self.fifos[index];
        let both = sides.reads && sides.writes;
        let other = if sides.writes { reads } else { writes };
        let alone = !both && !fifo.is_open(other);
        if sides.writes && alone && !waits {
            self.forget_unused(index);
            return Err(Error::NoDeviceAddress);
        }
        let badge = self.opened.badge();
        let session = match self.pipe_session(&opening, index, badge, sides) {
            Ok(session) => session,
            Err(error) => {
                self.forget_unused(index);
                return Err(error);
            }
        };
        self.opened.insert(badge, Opened::Pipe(place, sides));
        let fifo = &mut self.fifos[index];
        fifo.badges.push((badge, sides));
        let joins = |waiting: &Waiting| {
            sides.reads && waiting.sides.writes || sides.writes && waiting.sides.reads
        };
        let (joined, rest): (Vec<_>, Vec<_>) = fifo.waiting.drain(..).partition(joins);
        fifo.waiting = rest;
        if waits && alone {
            fifo.waiting.push(Waiting {
                token: opening.token,
                badge,
                sides,
                session,
            });
            return Ok(Outcome::Later);
        }
        for waiting in joined {
            self.kernel
                .reply(waiting.token, pipe_answer(waiting.session));
        }
        answer(file_type::FIFO, session)
    }

    /// A session over the ends that an open takes.
    fn pipe_session(
        &mut self,
        opening: &Opening<'_>,
        index: usize,
        badge: u64,
        sides: Sides,
    ) -> Result<Handle, Error> {
        let [read, write] = self.ends(index)?;
        let (data, other) = if sides.reads {
            (read, write)
        } else {
            (write, read)
        };
        let (status, rights) = (opening.status(), opening.rights());
        let made = self.kernel.session_create(badge, data, status, rights);
        if made.is_err() {
            self.kernel.close(data);
        }
        if made.is_ok() && sides.writes && sides.reads {
            self.kernel.set_outlet(badge, other)?;
        } else {
            self.kernel.close(other);
        }
        made
    }

    /// Handles to both ends of a pipe, for the caller to close the one that is not wanted.
    fn ends(&mut self, index: usize) -> Result<[Handle; 2], Error> {
        let Some(&(badge, sides)) = self.fifos[index].badges.first() else {
            return self.kernel.pipe();
        };
        let one = self.kernel.session_data(badge)?;
        match self.kernel.other_end(one) {
            Ok(other) if sides.reads => Ok([one, other]),
            Ok(other) => Ok([other, one]),
            Err(error) => {
                self.kernel.close(one);
                Err(error)
            }
        }
    }

    /// The index of a node's pipe, made if there is none.
    fn fifo(&mut self, place: Place) -> usize {
        let known = self.fifos.iter().position(|fifo| fifo.place == place);
        known.unwrap_or_else(|| {
            self.fifos.push(Fifo {
                place,
                badges: Vec::new(),
                waiting: Vec::new(),
            });
            self.fifos.len() - 1
        })
    }

    /// A pipe that was open when an instance before this one served.
    pub(crate) fn adopt_pipe(&mut self, place: Place, badge: u64, sides: Sides) {
        let index = self.fifo(place);
        self.fifos[index].badges.push((badge, sides));
    }

    fn forget_unused(&mut self, index: usize) {
        if self.fifos[index].badges.is_empty() {
            self.fifos.remove(index);
        }
    }

    /// A pipe's session was closed for good.
    pub(crate) fn close_pipe(&mut self, place: Place, badge: u64) {
        let Some(index) = self.fifos.iter().position(|fifo| fifo.place == place) else {
            return;
        };
        self.fifos[index].badges.retain(|(one, _)| *one != badge);
        self.forget_unused(index);
    }

    /// The caller of a waiting open was interrupted.
    pub(crate) fn open_cancelled(&mut self, token: u64) {
        let mut cancelled = None;
        for fifo in &mut self.fifos {
            let found = fifo
                .waiting
                .iter()
                .position(|waiting| waiting.token == token);
            if let Some(index) = found {
                cancelled = Some(fifo.waiting.remove(index));
            }
        }
        if let Some(waiting) = cancelled {
            self.kernel.close(waiting.session);
            if let Some(Opened::Pipe(place, _)) = self.opened.remove(waiting.badge) {
                self.close_pipe(place, waiting.badge);
            }
            self.kernel.reply(token, Err(Error::Interrupted));
        }
    }
}

fn pipe_answer(session: Handle) -> Result<proto::Answer, Error> {
    Ok(proto::Answer::value(file_type::FIFO.into()).with_handle(session))
}
