//! The `file` interface of terminals.

use proto::types::{Plain, attribute_mask, file_type};
use proto::{Answer, Attributes, Call, Error, Input, Output, Reply, file};

use crate::control::Argument;
use crate::kernel::Kernel;
use crate::server::{MULTIPLEXER, Server};
use crate::sessions::Side;
use crate::terminal::Terminal;
use server_rt::read_input;

impl<K: Kernel> Server<K> {
    /// `fchmod`, `fchown` and times; the rules are those of files (POSIX).
    pub(crate) fn change_attributes(
        &mut self,
        index: usize,
        mask: u64,
        new: &Attributes,
        user: u32,
    ) -> Result<(), Error> {
        use attribute_mask as m;
        let now = self.kernel.realtime_ns();
        self.touch(index);
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

    /// Writes a terminal's attributes into an output.
    pub(crate) fn give_attributes<C: Call + ?Sized>(
        &self,
        call: &C,
        index: usize,
        output: Output,
    ) -> Reply {
        write_attributes(call, &self.terminals[index].attributes, output)
    }
}

impl<K: Kernel, C: Call + ?Sized> file::File<C> for Server<K> {
    fn status(&mut self, call: &mut C, attributes: Output) -> Reply {
        let place = self.place(call)?;
        if place.side == Side::Terminal {
            return self.give_attributes(call, place.index, attributes);
        }
        // Whoever opened the multiplexer has its attributes.
        let now = self.kernel.realtime_ns();
        let multiplexer = Terminal::new(MULTIPLEXER, 0o666, now).attributes;
        write_attributes(call, &multiplexer, attributes)
    }

    fn set_attributes(&mut self, call: &mut C, mask: u64, attributes: Input) -> Reply {
        let place = self.place(call)?;
        if place.side == Side::Master {
            return Err(Error::NotPermitted);
        }
        let bytes = read_input(call, attributes, Attributes::SIZE, Error::BadArgument)?;
        let new = Attributes::decode(&bytes).ok_or(Error::BadArgument)?;
        let user = call.identity()?.credentials.user;
        self.change_attributes(place.index, mask, &new, user)?;
        Ok(Answer::default().into())
    }

    fn truncate(&mut self, call: &mut C, _length: u64) -> Reply {
        self.place(call)?;
        Err(Error::BadArgument)
    }

    fn sync(&mut self, call: &mut C, _data_only: u32) -> Reply {
        // POSIX: terminals have nothing to synchronise, which is an error to ask for.
        self.place(call)?;
        Err(Error::BadArgument)
    }

    fn path(&mut self, call: &mut C, path: Output) -> Reply {
        // A terminal is known by the name that everybody can open it by, not by `/dev/tty`.
        let name = Self::path_of(self.place(call)?);
        if (name.len() as u64) > path.length {
            return Err(Error::OutOfRange);
        }
        call.write(path, 0, &name)?;
        Ok(Answer::value(name.len() as u64).into())
    }

    fn map(&mut self, call: &mut C, _protection: u32) -> Reply {
        self.place(call)?;
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
        let argument = Argument {
            value: argument,
            data,
            result,
        };
        self.control_call(call, request, argument)
    }
}

fn write_attributes<C: Call + ?Sized>(call: &C, attributes: &Attributes, output: Output) -> Reply {
    let mut bytes = [0; Attributes::SIZE];
    attributes.encode(&mut bytes).ok_or(Error::BadArgument)?;
    call.write(output, 0, &bytes)?;
    Ok(Answer::default().into())
}
