//! Named pipes: a stream that those who have the node open share.
//!
//! Both ends are kept here while the pipe has an open of that side, because the next open needs
//! them; the end of a side goes with its last open, which is what the other side sees as end of
//! file or a broken pipe.

use alloc::vec::Vec;
use kernel_abi::Handle;
use proto::types::{file_type, open_flags};
use proto::{Error, Outcome, Reply};

use crate::kernel::Kernel;
use crate::open::{Opening, answer};
use crate::opened::Opened;
use crate::server::Server;
use crate::walk::Place;

/// Index of the reading side.
const READER: usize = 0;
/// Index of the writing side.
const WRITER: usize = 1;

/// An open that waits for the other side.
struct Waiting {
    token: u64,
    badge: u64,
    session: Handle,
}

/// One side of a pipe.
#[derive(Default)]
struct Side {
    end: Option<Handle>,
    badges: Vec<u64>,
    waiting: Vec<Waiting>,
}

/// A named pipe that is open.
pub struct Fifo {
    place: Place,
    sides: [Side; 2],
}

impl<K: Kernel> Server<K> {
    pub(crate) fn open_pipe(&mut self, opening: Opening<'_>, place: Place) -> Reply {
        let side = match opening.flags & open_flags::ACCESS_MODE {
            0 => READER,
            open_flags::WRITE_ONLY => WRITER,
            // POSIX leaves it undefined; a stream's end carries one direction.
            _ => return Err(Error::BadArgument),
        };
        let waits = opening.flags & open_flags::NONBLOCK == 0;
        let index = self.fifo(place);
        let alone = self.fifos[index].sides[1 - side].badges.is_empty();
        if side == WRITER && alone && !waits {
            self.forget_unused(index);
            return Err(Error::NoDeviceAddress);
        }
        let made = self.make_end(index, side).and_then(|end| {
            let badge = self.opened.badge();
            let data = self.kernel.duplicate(end)?;
            let session =
                self.kernel
                    .session_create(badge, data, opening.status(), opening.rights())?;
            Ok((badge, session))
        });
        let (badge, session) = match made {
            Ok(made) => made,
            Err(error) => {
                self.forget_unused(index);
                return Err(error);
            }
        };
        self.opened.insert(badge, Opened::Pipe(place));
        let fifo = &mut self.fifos[index];
        fifo.sides[side].badges.push(badge);
        let others = core::mem::take(&mut fifo.sides[1 - side].waiting);
        if waits && alone {
            let token = opening.token;
            fifo.sides[side].waiting.push(Waiting {
                token,
                badge,
                session,
            });
            return Ok(Outcome::Later);
        }
        for waiting in others {
            self.kernel
                .reply(waiting.token, pipe_answer(waiting.session));
        }
        answer(file_type::FIFO, session)
    }

    /// The index of a node's pipe, made if there is none.
    fn fifo(&mut self, place: Place) -> usize {
        let known = self.fifos.iter().position(|fifo| fifo.place == place);
        known.unwrap_or_else(|| {
            self.fifos.push(Fifo {
                place,
                sides: [Side::default(), Side::default()],
            });
            self.fifos.len() - 1
        })
    }

    /// The stream's end for a side that is about to be opened. When the side had been closed, the
    /// stream is over for its other side: a fresh one takes over, with what was not read yet.
    fn make_end(&mut self, index: usize, side: usize) -> Result<Handle, Error> {
        if let Some(end) = self.fifos[index].sides[side].end {
            return Ok(end);
        }
        let ends = self.kernel.pipe()?;
        let other = &mut self.fifos[index].sides[1 - side];
        let old = other.end.replace(ends[1 - side]);
        let badges = other.badges.clone();
        self.fifos[index].sides[side].end = Some(ends[side]);
        if let Some(old) = old {
            if side == WRITER {
                self.kernel.move_queued(old, ends[WRITER]);
            }
            for badge in badges {
                let data = self.kernel.duplicate(ends[1 - side])?;
                self.kernel.session_attach(badge, data)?;
            }
            self.kernel.close(old);
        }
        Ok(ends[side])
    }

    fn forget_unused(&mut self, index: usize) {
        let unused = self.fifos[index]
            .sides
            .iter()
            .all(|side| side.badges.is_empty());
        if unused {
            let fifo = self.fifos.remove(index);
            for end in fifo.sides.into_iter().filter_map(|side| side.end) {
                self.kernel.close(end);
            }
        }
    }

    /// An end of a pipe was closed for good.
    pub(crate) fn close_pipe(&mut self, place: Place, badge: u64) {
        let Some(index) = self.fifos.iter().position(|fifo| fifo.place == place) else {
            return;
        };
        for side in &mut self.fifos[index].sides {
            let before = side.badges.len();
            side.badges.retain(|one| *one != badge);
            if before != side.badges.len()
                && side.badges.is_empty()
                && let Some(end) = side.end.take()
            {
                self.kernel.close(end);
            }
        }
        self.forget_unused(index);
    }

    /// The caller of a waiting open was interrupted.
    pub(crate) fn open_cancelled(&mut self, token: u64) {
        let mut cancelled = None;
        for side in self.fifos.iter_mut().flat_map(|fifo| &mut fifo.sides) {
            let found = side
                .waiting
                .iter()
                .position(|waiting| waiting.token == token);
            if let Some(index) = found {
                cancelled = Some(side.waiting.remove(index));
            }
        }
        if let Some(waiting) = cancelled {
            self.kernel.close(waiting.session);
            if let Some(Opened::Pipe(place)) = self.opened.remove(waiting.badge) {
                self.close_pipe(place, waiting.badge);
            }
            self.kernel.reply(token, Err(Error::Interrupted));
        }
    }
}

fn pipe_answer(session: Handle) -> Result<proto::Answer, Error> {
    Ok(proto::Answer::value(file_type::FIFO.into()).with_handle(session))
}
