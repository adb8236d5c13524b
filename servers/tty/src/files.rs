//! The `file` interface of terminals.

use proto::types::{Plain, attribute_mask, file_type};
use proto::{Answer, Attributes, Call, Error, Input, Output, Reply, file};

use crate::kernel::Kernel;
use crate::server::{CONSOLE_INDEX, Server, read_input};

impl<K: Kernel> Server<K> {
    /// `fchmod`, `fchown` and times; the rules are those of files (POSIX).
    fn change_attributes(
        &mut self,
        index: usize,
        mask: u64,
        new: &Attributes,
        user: u32,
    ) -> Result<(), Error> {
        use attribute_mask as m;
        let now = self.kernel.realtime_ns();
        let attributes = &mut self.terminals[index].attributes;
        let owner = user == 0 || user == attributes.user;
        if !owner || (mask & m::USER != 0 && user != 0 && new.user != attributes.user) {
            return Err(Error::NotPermitted);
        }
        if mask & m::MODE != 0 {
            attributes.mode = file_type::CHARACTER | new.mode & 0o777;
        }
        if mask & m::USER != 0 {
            attributes.user = new.user;
        }
        if mask & m::GROUP != 0 {
            attributes.group = new.group;
        }
        if mask & (m::ACCESS | m::ACCESS_NOW) != 0 {
            let set = mask & m::ACCESS != 0;
            attributes.access_ns = if set { new.access_ns } else { now };
        }
        if mask & (m::MODIFY | m::MODIFY_NOW) != 0 {
            let set = mask & m::MODIFY != 0;
            attributes.modify_ns = if set { new.modify_ns } else { now };
        }
        attributes.change_ns = now;
        Ok(())
    }
}

impl<K: Kernel, C: Call + ?Sized> file::File<C> for Server<K> {
    fn status(&mut self, call: &mut C, attributes: Output) -> Reply {
        let index = self.index(call)?;
        let mut bytes = [0; Attributes::SIZE];
        let encoded = self.terminals[index].attributes.encode(&mut bytes);
        encoded.ok_or(Error::BadArgument)?;
        call.write(attributes, 0, &bytes)?;
        Ok(Answer::default().into())
    }

    fn set_attributes(&mut self, call: &mut C, mask: u64, attributes: Input) -> Reply {
        let index = self.index(call)?;
        let bytes = read_input(call, attributes, Attributes::SIZE)?;
        let new = Attributes::decode(&bytes).ok_or(Error::BadArgument)?;
        let user = call.identity()?.credentials.user;
        self.change_attributes(index, mask, &new, user)?;
        Ok(Answer::default().into())
    }

    fn truncate(&mut self, call: &mut C, _length: u64) -> Reply {
        self.index(call)?;
        Err(Error::BadArgument)
    }

    fn sync(&mut self, call: &mut C, _data_only: u32) -> Reply {
        // POSIX: terminals have nothing to synchronise, which is an error to ask for.
        self.index(call)?;
        Err(Error::BadArgument)
    }

    fn path(&mut self, call: &mut C, path: Output) -> Reply {
        let index = self.index(call)?;
        // A terminal is known by the name that everybody can open it by, not by `/dev/tty`.
        let name: &[u8] = if index == CONSOLE_INDEX {
            b"/dev/console"
        } else {
            return Err(Error::NotFound);
        };
        if (name.len() as u64) > path.length {
            return Err(Error::OutOfRange);
        }
        call.write(path, 0, name)?;
        Ok(Answer::value(name.len() as u64).into())
    }

    fn map(&mut self, call: &mut C, _protection: u32) -> Reply {
        self.index(call)?;
        Err(Error::NoDevice)
    }

    fn control(
        &mut self,
        call: &mut C,
        request: u64,
        argument: u64,
        data: Input,
        result: Output,
    ) -> Reply {
        self.control_call(call, request, argument, data, result)
    }
}
