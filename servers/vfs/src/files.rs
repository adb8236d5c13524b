//! The `file` interface on this server's own open files, and the kernel's READ, WRITE and SEEK.

use kernel_abi::message::operation;
use proto::types::Plain;
use proto::{Answer, Attributes, Call, Error, Input, Output, Reply, file};

use crate::attributes::write_attributes;
use crate::kernel::Kernel;
use crate::opened::{MemoryDevice, Opened};
use crate::permission::Caller;
use crate::server::Server;
use crate::walk::View;
use server_rt::read_input;

/// Most bytes that one read of a memory device gives, so that no caller holds the server long;
/// programs such as `dd bs=1M` count on whole blocks below it.
const MAX_TRANSFER: usize = 16 << 20;
/// Most bytes of directory entries a call.
const MAX_ENTRIES: usize = 32768;

fn done() -> Reply {
    Ok(Answer::default().into())
}

impl<K: Kernel> Server<K> {
    /// The open file of a session; the root's session is a directory too.
    fn opened<C: Call + ?Sized>(&self, call: &C) -> Result<Opened, Error> {
        if call.badge() == crate::ROOT_BADGE {
            let (start, root) = (self.root, self.root);
            return Ok(Opened::Directory(View { start, root }));
        }
        self.opened.get(call.badge())
    }

    fn directory<C: Call + ?Sized>(&self, call: &C) -> Result<View, Error> {
        match self.opened(call)? {
            Opened::Directory(view) => Ok(view),
            _ => Err(Error::NotDirectory),
        }
    }

    fn attributes_of(&self, opened: &Opened) -> Result<Attributes, Error> {
        match opened {
            Opened::Directory(View { start: place, .. }) | Opened::Pipe(place, _) => {
                self.mounted(place.mount)?.backend.status(place.node)
            }
            Opened::Memory(_, found) => {
                let changed = self.devices.changed_attributes(found.special_device);
                let same = changed.filter(|changed| changed.device == found.device);
                Ok(same.unwrap_or(*found))
            }
            Opened::Text(attributes) => Ok(*attributes),
        }
    }

    /// What the kernel sends of `read`, `write` and `lseek` on sessions without a data object.
    pub(crate) fn transfer<C: Call + ?Sized>(&mut self, call: &C) -> Reply {
        let device = match self.opened(call)? {
            Opened::Memory(device, _) => device,
            Opened::Directory(_) => return Err(Error::IsDirectory),
            Opened::Text(_) => return Err(Error::BadHandle),
            Opened::Pipe(..) => return Err(Error::NotSeekable),
        };
        match call.words()[0] {
            operation::READ => self.read_memory(call, device),
            operation::WRITE if device == MemoryDevice::Full => Err(Error::NoSpace),
            operation::WRITE => {
                let length = call.words()[2];
                Ok(Answer::value(length).into())
            }
            // These have no position: every seek succeeds and says so.
            _ => Ok(Answer::value(0).into()),
        }
    }

    fn read_memory<C: Call + ?Sized>(&mut self, call: &C, device: MemoryDevice) -> Reply {
        let length = match call.buffer(0) {
            Some((length, true)) => length,
            Some(_) => return Err(Error::BadMessage),
            // The kernel lends nothing for a read of no bytes.
            None => return Ok(Answer::value(0).into()),
        };
        let output = Output { index: 0, length };
        let mut piece = [0; 4096];
        let length = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(MAX_TRANSFER);
        let mut count = 0;
        while count < length {
            let piece_length = piece.len().min(length - count);
            let piece = &mut piece[..piece_length];
            if device == MemoryDevice::Random {
                self.kernel.random(piece)?;
            }
            match call.write(output, count as u64, piece)? {
                0 => break,
                written => count += written,
            }
        }
        Ok(Answer::value(count as u64).into())
    }
}

impl<K: Kernel, C: Call + ?Sized> file::File<C> for Server<K> {
    fn status(&mut self, call: &mut C, attributes: Output) -> Reply {
        let found = self.attributes_of(&self.opened(call)?)?;
        write_attributes(call, attributes, &found)?;
        done()
    }

    fn set_attributes(&mut self, call: &mut C, mask: u64, attributes: Input) -> Reply {
        let bytes = read_input(call, attributes, Attributes::SIZE, Error::BadArgument)?;
        let place = match self.opened(call)? {
            Opened::Directory(View { start: place, .. }) | Opened::Pipe(place, _) => place,
            Opened::Memory(_, found) => {
                let place = self.place_on(found.device, found.node);
                place.ok_or(Error::ReadOnly)?
            }
            Opened::Text(_) => return Err(Error::ReadOnly),
        };
        self.set_attributes_of(place, mask, &bytes, &Caller::of(call)?)?;
        done()
    }

    fn truncate(&mut self, call: &mut C, _length: u64) -> Reply {
        match self.opened(call)? {
            Opened::Directory(_) => Err(Error::IsDirectory),
            _ => Err(Error::BadArgument),
        }
    }

    fn sync(&mut self, call: &mut C, _data_only: u32) -> Reply {
        match self.opened(call)? {
            Opened::Directory(view) => {
                self.mounted(view.start.mount)?.backend.sync()?;
                done()
            }
            _ => Err(Error::BadArgument),
        }
    }

    fn read_directory(&mut self, call: &mut C, cursor: u64, entries: Output) -> Reply {
        let view = self.directory(call)?;
        let length = usize::try_from(entries.length)
            .unwrap_or(usize::MAX)
            .min(MAX_ENTRIES);
        let mut bytes = alloc::vec![0; length];
        let backend = &self.mounted(view.start.mount)?.backend;
        let count = backend.read_directory(view.start.node, cursor, &mut bytes)?;
        call.write(entries, 0, &bytes[..count])?;
        Ok(Answer::value(count as u64).into())
    }

    fn map(&mut self, _call: &mut C, _protection: u32) -> Reply {
        Err(Error::NoDevice)
    }

    fn control(
        &mut self,
        _call: &mut C,
        _request: u64,
        _argument: u64,
        _data: Input,
        _result: Output,
    ) -> Reply {
        Err(Error::NotTerminal)
    }

    fn file_system_status(&mut self, call: &mut C, status: Output) -> Reply {
        let mount = match self.opened(call)? {
            Opened::Directory(View { start: place, .. }) | Opened::Pipe(place, _) => place.mount,
            _ => return Err(Error::Unsupported),
        };
        let figures = self.mounted(mount)?.backend.figures()?;
        call.write(status, 0, &figures)?;
        done()
    }

    fn path(&mut self, call: &mut C, path: Output) -> Reply {
        let view = self.directory(call)?;
        let text = self.path_of(view.start, view.root)?;
        if text.len() as u64 > path.length {
            return Err(Error::OutOfRange);
        }
        call.write(path, 0, &text)?;
        Ok(Answer::value(text.len() as u64).into())
    }
}
