//! Fork and exec.

use kernel_abi::Handle;
use proto::{Answer, Call, Error, Input, Outcome, Reply};

use crate::PROCESS_BADGE;
use crate::execute::{self, Program, Source};
use crate::kernel::{Kernel, split_strings};
use crate::limits;
use crate::process::{Answered, State};
use crate::server::Server;
use crate::stack::ARGUMENTS_MAX;
use server_rt::read_input;

/// Longest path (`PATH_MAX` less the NUL).
const PATH_MAX: usize = 4095;

/// Texts of an exec, as they came.
pub(crate) struct Texts {
    pub path: alloc::vec::Vec<u8>,
    pub arguments: alloc::vec::Vec<u8>,
    pub environment: alloc::vec::Vec<u8>,
}

impl Texts {
    /// Copies path, arguments and environment.
    pub fn read<C: Call + ?Sized>(
        call: &C,
        [path, arguments, environment]: [Input; 3],
    ) -> Result<Texts, Error> {
        let long = Error::ArgumentsTooLong;
        Ok(Texts {
            path: read_input(call, path, PATH_MAX, Error::NameTooLong)?,
            arguments: read_input(call, arguments, ARGUMENTS_MAX, long)?,
            environment: read_input(call, environment, ARGUMENTS_MAX, long)?,
        })
    }
}

impl<K: Kernel> Server<K> {
    /// Forks the caller: its own call is answered with the child's id, the child's with 0.
    pub(crate) fn fork_caller<C: Call + ?Sized>(&mut self, call: &C) -> Reply {
        let parent = self.caller(call)?;
        let id = self.free_id_for(parent)?;
        let forked = self.kernel.fork(call.token())?;
        let handle = kernel_abi::Handle(forked.process as u32);
        let now = self.kernel.now_ns();
        let child = self.table.get(parent)?.child(id, handle, now);
        let made = self
            .kernel
            .adopt(handle, PROCESS_BADGE | id)
            .and_then(|()| self.kernel.set_identity(handle, &child.identity));
        if let Err(error) = made {
            // The child has not run: nobody has seen it.
            self.kernel.kill(handle, 0);
            self.kernel.close(handle);
            return Err(error);
        }
        self.table.insert(child);
        self.table.get_mut(parent)?.answered = Answered {
            number: call.number(),
            value: id,
        };
        // Both answers must find the child known, whichever instance gives them.
        self.save();
        self.kernel.reply(forked.token, Ok(Answer::value(0)));
        Ok(Answer::value(id).into())
    }

    /// Gives the caller a new program. The call is answered by the program's start.
    pub(crate) fn execute_caller<C: Call + ?Sized>(
        &mut self,
        call: &C,
        path: Input,
        arguments: Input,
        environment: Input,
    ) -> Reply {
        let caller = self.caller(call)?;
        let texts = Texts::read(call, [path, arguments, environment])?;
        let file = *call.handles().first().ok_or(Error::BadMessage)?;
        let source = self.kernel.open_program(file)?;
        let result = self.replace_program(call.token(), caller, &source, &texts);
        self.kernel.close(source.memory);
        result.map(|()| Outcome::Forwarded)
    }

    fn replace_program(
        &mut self,
        token: u64,
        caller: u64,
        source: &Source,
        texts: &Texts,
    ) -> Result<(), Error> {
        let process = self.table.get(caller)?;
        let before = process.identity;
        execute::check_permission(&before, &source.attributes)?;
        let image = execute::parse(source)?;
        let after = execute::identity_after(&before, &source.attributes);
        let program = Program {
            source,
            image: &image,
            arguments: &split_strings(&texts.arguments)?,
            environment: &split_strings(&texts.environment)?,
            path: &texts.path,
            identity: after,
            stack_bytes: process.limits.get(limits::STACK as u32)?.0,
        };
        let handle = process.handle;
        let new = self.kernel.build(&program)?;
        // The program may read its identity with its first instruction.
        let replaced = self
            .kernel
            .set_identity(handle, &after)
            .and_then(|()| self.kernel.replace(token, new.process));
        if let Err(error) = replaced {
            self.kernel.kill(new.process, 0);
            self.kernel.close(new.process);
            let _ = self.kernel.set_identity(handle, &before);
            return Err(error);
        }
        // It is only shown: a process that has just ended needs none.
        let _ = self.kernel.give(handle, source.file, Handle::EXECUTABLE);
        let process = self.table.get_mut(caller)?;
        process.identity = after;
        process.executed = true;
        process.first_stack = new.first_stack;
        process.set_program(&texts.path, &texts.arguments);
        debug_assert!(!matches!(process.state, State::Zombie { .. }));
        // A process that is just ending needs none.
        let _ = self.privileges_changed(caller, before.credentials.user);
        Ok(())
    }

    /// Writes a process's identity page anew, unless it has ended.
    pub(crate) fn publish(&mut self, id: u64) -> Result<(), Error> {
        let process = self.table.get(id)?;
        if process.is_zombie() {
            return Ok(());
        }
        self.kernel.set_identity(process.handle, &process.identity)
    }
}
