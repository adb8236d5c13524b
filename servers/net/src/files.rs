//! `fstat` and `ioctl` of sockets, and the texts of `/proc/net`.

use alloc::string::String;
use proto::types::{Plain, file_type};
use proto::{Answer, Attributes, Call, Error, Input, Output, Reply, file, frames, network};
use socket_server::Kernel;

use crate::nic::Nic;
use crate::server::{NAME_SPACE, Server, done};

impl<K: Kernel, N: Nic, C: Call + ?Sized> file::File<C> for Server<K, N> {
    fn status(&mut self, call: &mut C, attributes: Output) -> Reply {
        let socket = self.table.get(call.badge())?;
        let found = Attributes {
            node: socket.badge,
            mode: file_type::SOCKET | 0o777,
            links: 1,
            user: socket.owner,
            block_size: 4096,
            ..Attributes::default()
        };
        let mut bytes = [0; Attributes::SIZE];
        found.encode(&mut bytes).ok_or(Error::BadArgument)?;
        call.write(attributes, 0, &bytes)?;
        done()
    }

    fn truncate(&mut self, _call: &mut C, _length: u64) -> Reply {
        Err(Error::BadArgument)
    }

    fn sync(&mut self, _call: &mut C, _data_only: u32) -> Reply {
        Err(Error::BadArgument)
    }

    fn read_directory(&mut self, _call: &mut C, _cursor: u64, _entries: Output) -> Reply {
        Err(Error::NotDirectory)
    }

    fn map(&mut self, _call: &mut C, _protection: u32) -> Reply {
        Err(Error::NoDevice)
    }

    fn control(
        &mut self,
        call: &mut C,
        request: u64,
        _argument: u64,
        data: Input,
        result: Output,
    ) -> Reply {
        self.table.get(call.badge())?;
        self.control_interface(call, request, data, result)
    }

    fn allocate(&mut self, _call: &mut C, _mode: u32, _offset: u64, _length: u64) -> Reply {
        Err(Error::NotSeekable)
    }
}

impl<K: Kernel, N: Nic, C: Call + ?Sized> network::Network<C> for Server<K, N> {
    fn describe(&mut self, call: &mut C, what: u32, offset: u64, text: Output) -> Reply {
        if call.badge() != NAME_SPACE {
            return Err(Error::NotPermitted);
        }
        let name = frames::TEXTS.get(what as usize).ok_or(Error::NotFound)?;
        let whole: String = self.text(name);
        let rest = usize::try_from(offset).ok();
        let rest = rest.and_then(|offset| whole.as_bytes().get(offset..));
        let rest = rest.unwrap_or(&[]);
        let room = usize::try_from(text.length).unwrap_or(usize::MAX);
        let part = rest.get(..room.min(rest.len())).unwrap_or(&[]);
        call.write(text, 0, part)?;
        Ok(Answer::value(part.len() as u64).into())
    }
}
