//! The interface to those who have a file open.

use kernel_abi::Handle;
use kernel_abi::message::operation;
use proto::types::{attribute_mask, file_type};
use proto::{Answer, Attributes, Call, Error, Input, Output, Reply};
use server_rt::write_plain;

use crate::kernel::Kernel;
use crate::open_file::OpenFile;
use crate::server::{Server, read_plain};
use crate::volume::Volume;

impl<V: Volume, K: Kernel> Server<V, K> {
    /// A read without a Cursor: not a regular file, or not opened for reading.
    pub(crate) fn read(&mut self, file: OpenFile) -> Reply {
        if !file.readable {
            return Err(Error::BadHandle);
        }
        match self.volume.attributes(file.node)?.mode & file_type::MASK {
            file_type::DIRECTORY => Err(Error::IsDirectory),
            _ => Err(Error::BadArgument),
        }
    }

    /// A write that reaches beyond the end of the file.
    pub(crate) fn write<C: Call + ?Sized>(&mut self, call: &mut C, file: OpenFile) -> Reply {
        if !file.writable {
            return Err(Error::BadHandle);
        }
        let attributes = self.volume.attributes(file.node)?;
        self.check_regular(&attributes)?;
        let length = match call.buffer(0) {
            Some((length, false)) => length,
            Some(_) => return Err(Error::BadMessage),
            // The kernel lends nothing for a write of no bytes.
            None => return Ok(Answer::value(0).into()),
        };
        let words = call.words();
        debug_assert!(words[0] == operation::WRITE);
        let offset = (words[1] != u64::MAX).then_some(words[1]);
        let data = Input { index: 0, length };
        let (count, position) = self.grow_write(call, file.node, offset, data)?;
        Ok(Answer::value(count).with(1, position).into())
    }

    /// A seek without a Cursor: of a directory, whose position is the client's cursor.
    pub(crate) fn seek<C: Call + ?Sized>(&mut self, call: &mut C, file: OpenFile) -> Reply {
        let [_, offset, whence, ..] = call.words();
        match self.volume.attributes(file.node)?.mode & file_type::MASK {
            file_type::DIRECTORY if whence == 0 && (offset as i64) >= 0 => {
                Ok(Answer::value(offset).into())
            }
            file_type::DIRECTORY => Err(Error::BadArgument),
            _ => Err(Error::BadHandle),
        }
    }
}

/// The open file of a call; the dispatcher has checked that it is one.
fn opened<C: Call + ?Sized>(call: &C) -> Result<OpenFile, Error> {
    OpenFile::from_badge(call.badge()).ok_or(Error::BadMessage)
}

impl<V: Volume, K: Kernel, C: Call + ?Sized> proto::file::File<C> for Server<V, K> {
    fn status(&mut self, call: &mut C, attributes: Output) -> Reply {
        let found = self.status_of(opened(call)?.node)?;
        write_plain(call, attributes, &found)?;
        Ok(Answer::default().into())
    }

    fn set_attributes(&mut self, call: &mut C, mask: u64, attributes: Input) -> Reply {
        let file = opened(call)?;
        let values: Attributes = read_plain(call, attributes)?;
        let credentials = call.identity()?.credentials;
        if mask & attribute_mask::SIZE != 0 {
            // The length goes by how the file was opened: `truncate` below.
            return Err(Error::BadArgument);
        }
        self.change_attributes(file.node, mask, &values, &credentials)?;
        Ok(Answer::default().into())
    }

    fn truncate(&mut self, call: &mut C, length: u64) -> Reply {
        let file = opened(call)?;
        if !file.writable {
            return Err(Error::BadArgument);
        }
        let attributes = self.volume.attributes(file.node)?;
        self.check_regular(&attributes)?;
        self.truncate_content(file.node, length)?;
        Ok(Answer::default().into())
    }

    fn sync(&mut self, call: &mut C, _data_only: u32) -> Reply {
        let file = opened(call)?;
        self.write_back(file.node)?;
        // All metadata: the file is not found again without its directories.
        self.volume.sync()?;
        Ok(Answer::default().into())
    }

    fn read_directory(&mut self, call: &mut C, cursor: u64, entries: Output) -> Reply {
        let file = opened(call)?;
        self.list(call, file.node, cursor, entries)
    }

    fn map(&mut self, call: &mut C, _protection: u32) -> Reply {
        let file = opened(call)?;
        if !file.readable && !file.executable {
            return Err(Error::AccessDenied);
        }
        let attributes = self.volume.attributes(file.node)?;
        if attributes.mode & file_type::MASK != file_type::REGULAR {
            return Err(Error::NoDevice);
        }
        // A file that is used as it may be is not refused because its time cannot be noted.
        let _ = self.mark_access(file.node, &attributes);
        let content = self.content(file.node)?;
        let (memory, length) = (content.memory, content.length);
        let handle: Handle = self.kernel.duplicate(memory, file.map_rights())?;
        Ok(Answer::value(length).with_handle(handle).into())
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

    fn allocate(&mut self, _call: &mut C, _mode: u32, _offset: u64, _length: u64) -> Reply {
        Err(Error::NotSupported)
    }

    fn file_system_status(&mut self, call: &mut C, status: Output) -> Reply {
        let figures = self.volume.status();
        write_plain(call, status, &figures)?;
        Ok(Answer::default().into())
    }

    fn lock(&mut self, call: &mut C, kind: u32, mode: u32, start: u64, length: u64) -> Reply {
        let file = opened(call)?;
        self.lock_file(call, file, kind, mode, start, length)
    }

    fn own_locks(&mut self, call: &mut C) -> Reply {
        self.make_lock_owner(call.label())
    }
}
