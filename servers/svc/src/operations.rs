//! What servers and operators ask of the supervisor.

use alloc::string::String;

use kernel_abi::system::control;
use kernel_abi::{Handle, Rights, Signals};
use proto::request::Crash;
use proto::supervisor;
use proto::{Answer, Call, Error, Input, Output, Reply};
use server_rt::ServerCall;
use server_rt::stubs::safe;

use crate::registry::{KILLED, Reason, State};
use crate::service::{CONTROL_BADGE, Supervisor};
use crate::store::StoreError;

/// Longest reason that a server can give, in bytes.
const REASON_BYTES: usize = 200;

impl Supervisor {
    fn server_of(&self, call: &ServerCall) -> Result<usize, Error> {
        let index = usize::try_from(call.badge()).map_err(|_| Error::NotPermitted)?;
        if index < self.entries.len() {
            Ok(index)
        } else {
            Err(Error::NotPermitted)
        }
    }

    fn require_control(&self, call: &ServerCall) -> Result<(), Error> {
        if call.badge() & CONTROL_BADGE != 0 {
            Ok(())
        } else {
            Err(Error::NotPermitted)
        }
    }

    fn find(&self, name: &[u8]) -> Result<usize, Error> {
        let mut servers = self.system.servers.iter();
        servers
            .position(|server| server.name.as_bytes() == name)
            .ok_or(Error::NotFound)
    }
}

/// Reads a short text out of a call.
fn text<const N: usize>(call: &ServerCall, input: Input) -> Result<([u8; N], usize), Error> {
    let mut bytes = [0; N];
    if input.length > N as u64 {
        return Err(Error::NameTooLong);
    }
    let count = call.read(input, 0, &mut bytes[..input.length as usize])?;
    Ok((bytes, count))
}

/// Writes the part of `text` from `offset` on that fits.
fn answer_text(call: &ServerCall, output: Output, text: &str, offset: u64) -> Reply {
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|at| text.as_bytes().get(at..))
        .unwrap_or(&[]);
    let length = rest.len().min(output.length as usize);
    call.write(output, 0, &rest[..length])?;
    Ok(Answer::value(length as u64).into())
}

/// A server's words as one line.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.replace(|letter: char| letter.is_control(), "?")
}

fn store_error(error: StoreError) -> Error {
    match error {
        StoreError::BadName => Error::BadArgument,
        StoreError::Full => Error::NoSpace,
        StoreError::NotFound => Error::NotFound,
    }
}

impl supervisor::Supervisor<ServerCall> for Supervisor {
    fn ready(&mut self, call: &mut ServerCall) -> Reply {
        let index = self.server_of(call)?;
        self.heard(index);
        Ok(Answer::default().into())
    }

    fn park(&mut self, call: &mut ServerCall, name: Input) -> Reply {
        let index = self.server_of(call)?;
        let (bytes, length) = text::<64>(call, name)?;
        let handle = call.take_handle();
        match self.store.park(index, &bytes[..length], handle) {
            Ok(replaced) => {
                if let Some(old) = replaced {
                    let _ = safe::handle_close(old);
                }
                Ok(Answer::default().into())
            }
            Err(error) => {
                let _ = safe::handle_close(handle);
                Err(store_error(error))
            }
        }
    }

    fn unpark(&mut self, call: &mut ServerCall, name: Input) -> Reply {
        let index = self.server_of(call)?;
        let (bytes, length) = text::<64>(call, name)?;
        let handle = self
            .store
            .find(index, &bytes[..length])
            .map_err(store_error)?;
        let flags = kernel_abi::object::handle_flags::HIGH;
        let copy = safe::handle_duplicate(handle, Handle::HIGH_FREE, Rights::ALL, flags)?;
        Ok(Answer::default().with_handle(copy).into())
    }

    fn forget(&mut self, call: &mut ServerCall, name: Input) -> Reply {
        let index = self.server_of(call)?;
        let (bytes, length) = text::<64>(call, name)?;
        let handle = self
            .store
            .forget(index, &bytes[..length])
            .map_err(store_error)?;
        let _ = safe::handle_close(handle);
        Ok(Answer::default().into())
    }

    fn status(&mut self, call: &mut ServerCall, offset: u64, output: Output) -> Reply {
        let mut lines = String::new();
        let now_ns = safe::monotonic_ns();
        for (server, entry) in self.system.servers.iter().zip(&self.entries) {
            entry.line(&server.name, now_ns, &mut lines);
        }
        answer_text(call, output, &lines, offset)
    }

    fn log(&mut self, call: &mut ServerCall, offset: u64, output: Output) -> Reply {
        answer_text(call, output, &self.recent, offset)
    }

    fn kill(&mut self, call: &mut ServerCall, name: Input) -> Reply {
        self.require_control(call)?;
        let (bytes, length) = text::<32>(call, name)?;
        let index = self.find(&bytes[..length])?;
        if self.entries[index].state != State::Running {
            return Err(Error::BadState);
        }
        let entry = &mut self.entries[index];
        entry.died_ns = Some(safe::monotonic_ns());
        entry.ended_by_operator = true;
        safe::process_kill(entry.process, KILLED | 9)?;
        Ok(Answer::default().into())
    }

    fn update(&mut self, call: &mut ServerCall, name: Input, program: Input) -> Reply {
        self.require_control(call)?;
        let (bytes, length) = text::<32>(call, name)?;
        let index = self.find(&bytes[..length])?;
        self.begin_update(call, index, program)
    }

    fn crash(&mut self, call: &mut ServerCall, name: Input, kind: Input) -> Reply {
        self.require_control(call)?;
        let (bytes, length) = text::<32>(call, name)?;
        let index = self.find(&bytes[..length])?;
        let (bytes, length) = text::<32>(call, kind)?;
        let kind = Crash::of_name(&bytes[..length]).ok_or(Error::BadArgument)?;
        if self.entries[index].state != State::Running {
            return Err(Error::BadState);
        }
        self.entries[index].ended_by_operator = true;
        self.ask(index, Signals::NONE, kind.signal());
        Ok(Answer::default().into())
    }

    fn events(&mut self, call: &mut ServerCall) -> Reply {
        self.require_control(call)?;
        let pipe = self.events.listen()?;
        Ok(Answer::default().with_handle(pipe).into())
    }

    fn shut_down(&mut self, call: &mut ServerCall, how: u32, status: u32) -> Reply {
        self.require_control(call)?;
        let command = match how {
            1 => control::POWER_OFF,
            2 => control::REBOOT,
            3 => control::TEST_EXIT,
            _ => return Err(Error::BadArgument),
        };
        self.unmount_all();
        safe::system_control(self.resource, command, status.into())?;
        Err(Error::NotSupported)
    }

    fn cannot_start(&mut self, call: &mut ServerCall, reason: Input) -> Reply {
        let index = self.server_of(call)?;
        let mut bytes = [0; REASON_BYTES];
        let length = (reason.length as usize).min(REASON_BYTES);
        let count = call.read(reason, 0, &mut bytes[..length])?;
        self.entries[index].reason = Reason::Start(printable(&bytes[..count]));
        Ok(Answer::default().into())
    }

    fn set_clock(&mut self, call: &mut ServerCall, realtime_offset_ns: u64) -> Reply {
        self.require_control(call)?;
        let command = control::SET_REALTIME_OFFSET_NS;
        safe::system_control(self.resource, command, realtime_offset_ns)?;
        Ok(Answer::default().into())
    }

    fn option(&mut self, call: &mut ServerCall, name: Input, output: Output) -> Reply {
        let (bytes, length) = text::<64>(call, name)?;
        if length == 0 {
            let line = self.command_line.as_bytes();
            let count = line.len().min(output.length as usize);
            call.write(output, 0, &line[..count])?;
            return Ok(Answer::value(1).with(1, count as u64).into());
        }
        let words = self.command_line.split_ascii_whitespace();
        let mut found = words.filter_map(|word| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            (key.as_bytes() == &bytes[..length]).then_some(value)
        });
        let Some(value) = found.next() else {
            return Ok(Answer::value(0).into());
        };
        let count = value.len().min(output.length as usize);
        call.write(output, 0, &value.as_bytes()[..count])?;
        Ok(Answer::value(1).with(1, count as u64).into())
    }
}
