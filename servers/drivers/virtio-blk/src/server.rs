//! The interface `proto::block`. The session's badge says which disk: 1 is the first.

use alloc::vec::Vec;

use driver_hal::Window;
use kernel_abi::Handle;
use proto::{Answer, Call, Error, Input, Outcome, Reply, block};
use server_rt::{ServerCall, read_input};
use virtio::QueueError;

use crate::disk::{Disk, Kernel, Source};
use crate::registry::Registry;
use crate::request::{MAX_SEGMENTS, Run, SECTOR_SIZE, SEGMENT_SIZE};

/// A call whose handle can be kept.
pub trait TakeHandle: Call {
    /// Takes the only handle that came along.
    fn take_handle(&mut self) -> Handle;
}

impl TakeHandle for ServerCall {
    fn take_handle(&mut self) -> Handle {
        ServerCall::take_handle(self)
    }
}

/// The server of all disks.
pub struct BlockServer<W: Window, K: Kernel> {
    disks: Vec<Disk<W, K>>,
    registry: Registry,
}

impl<W: Window, K: Kernel> BlockServer<W, K> {
    /// A server of these disks. `first_number`: see [`Registry::new`].
    pub fn new(disks: Vec<Disk<W, K>>, first_number: u64) -> BlockServer<W, K> {
        BlockServer {
            disks,
            registry: Registry::new(first_number),
        }
    }

    fn disk(&mut self, badge: u64) -> Result<&mut Disk<W, K>, Error> {
        let index = usize::try_from(badge)
            .ok()
            .and_then(|badge| badge.checked_sub(1));
        let disk = index.and_then(|index| self.disks.get_mut(index));
        disk.ok_or(Error::NoDevice)
    }

    /// A disk's interrupt came.
    ///
    /// # Errors
    /// [`QueueError::BrokenDevice`].
    pub fn interrupted(&mut self, index: usize) -> Result<(), QueueError> {
        self.disks.get_mut(index).map_or(Ok(()), Disk::interrupted)
    }

    /// A session's last handle is gone.
    pub fn closed(&mut self, badge: u64) {
        let Ok(index) = self.disk(badge).map(|_| badge as usize - 1) else {
            return;
        };
        let BlockServer { disks, registry } = self;
        registry.remove_all(badge, |memory| disks[index].kernel().close(memory));
    }
}

fn read_runs<C: Call + ?Sized>(call: &C, segments: Input) -> Result<Vec<u8>, Error> {
    read_input(
        call,
        segments,
        MAX_SEGMENTS * SEGMENT_SIZE,
        Error::OutOfRange,
    )
}

impl<W: Window, K: Kernel, C: TakeHandle> block::Block<C> for BlockServer<W, K> {
    fn geometry(&mut self, call: &mut C) -> Reply {
        let disk = self.disk(call.badge())?;
        let answer = Answer::value(SECTOR_SIZE)
            .with(1, disk.geometry.sectors)
            .with(2, disk.piece_limit() as u64)
            .with(3, disk.geometry.read_only.into());
        Ok(answer.into())
    }

    fn transfer(&mut self, call: &mut C, write: u32, segments: Input) -> Reply {
        let disk = self.disk(call.badge())?;
        let runs = Run::parse_all(&read_runs(call, segments)?, &disk.geometry)?;
        let memory = call.take_handle();
        match disk.transfer(call.token(), write != 0, Source::Sent(memory), &runs) {
            Ok(()) => Ok(Outcome::Later),
            Err(error) => {
                disk.kernel().close(memory);
                Err(error)
            }
        }
    }

    fn flush(&mut self, call: &mut C) -> Reply {
        let kept = self.disk(call.badge())?.flush(call.token());
        Ok(if kept {
            Outcome::Later
        } else {
            Answer::default().into()
        })
    }

    fn transfer_registered(
        &mut self,
        call: &mut C,
        write: u32,
        memory: u64,
        segments: Input,
    ) -> Reply {
        let source = Source::Registered(self.registry.find(call.badge(), memory)?);
        let disk = self.disk(call.badge())?;
        let runs = Run::parse_all(&read_runs(call, segments)?, &disk.geometry)?;
        disk.transfer(call.token(), write != 0, source, &runs)?;
        Ok(Outcome::Later)
    }

    fn register(&mut self, call: &mut C) -> Reply {
        self.disk(call.badge())?;
        let memory = call.handles().first().copied().ok_or(Error::BadMessage)?;
        let number = self.registry.add(call.badge(), memory)?;
        // Taken only now: what is not taken is closed with the call.
        call.take_handle();
        Ok(Answer::value(number).into())
    }
}
