//! The `process` interface: one short function an operation.

use alloc::vec::Vec;
use proto::{Answer, Call, Error, Identity, Input, Output, Reply, process};

use crate::credentials;
use crate::describe::describe;
use crate::kernel::Kernel;
use crate::limits;
use crate::process::{Process, Usage};
use crate::server::Server;
use crate::signal::may_signal;
use crate::{INIT, PROCESS_BADGE};
use server_rt::read_input;

/// Longest host name (`HOST_NAME_MAX`).
const HOST_NAME_MAX: usize = 64;
/// Bits of a umask.
const UMASK: u32 = 0o777;
impl<K: Kernel> Server<K> {
    fn change_identity<C: Call + ?Sized>(
        &mut self,
        call: &C,
        change: impl FnOnce(&mut Identity) -> Result<(), Error>,
    ) -> Reply {
        let caller = self.caller(call)?;
        let before = self.table.get(caller)?.identity;
        let mut identity = before;
        change(&mut identity)?;
        self.table.get_mut(caller)?.identity = identity;
        self.publish(caller)?;
        self.privileges_changed(caller, before.credentials.user)?;
        Ok(Answer::default().into())
    }

    fn target(&self, caller: u64, process: u64) -> Result<u64, Error> {
        let id = if process == 0 { caller } else { process };
        self.table.get(id).map(|process| process.id())
    }

    /// What a process that lives has used up to now.
    fn live_usage(&self, process: &Process) -> Usage {
        let information = self.kernel.information(process.handle);
        Usage {
            user_ns: information.user_ns,
            kernel_ns: information.kernel_ns,
            minor_faults: information.minor_faults,
            major_faults: information.major_faults,
        }
    }
}

/// Copies the part of a text from `offset` on into an output. The value is its length.
pub(crate) fn answer_text<C: Call + ?Sized>(
    call: &C,
    output: Output,
    text: &[u8],
    offset: u64,
) -> Reply {
    let start = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(text.len());
    let length = (text.len() - start).min(usize::try_from(output.length).unwrap_or(usize::MAX));
    let written = call.write(output, 0, &text[start..start + length])?;
    Ok(Answer::value(written as u64).into())
}

impl<K: Kernel, C: Call + ?Sized> process::Process<C> for Server<K> {
    fn fork(&mut self, call: &mut C) -> Reply {
        self.fork_caller(call)
    }

    fn execute(
        &mut self,
        call: &mut C,
        directory_flags: u32,
        path: Input,
        arguments: Input,
        environment: Input,
    ) -> Reply {
        if directory_flags != 0 {
            return Err(Error::BadArgument);
        }
        self.execute_caller(call, path, arguments, environment)
    }

    fn spawn(
        &mut self,
        call: &mut C,
        flags: u32,
        path: Input,
        arguments: Input,
        environment: Input,
        actions: Input,
    ) -> Reply {
        self.spawn_by_caller(call, flags, [path, arguments, environment], actions)
    }

    fn wait(&mut self, call: &mut C, which: u32, id: u64, options: u32, status: Output) -> Reply {
        self.wait_by_caller(call, which, id, options, status)
    }

    fn kill(&mut self, call: &mut C, process: i64, signal: u32, code: i64, value: u64) -> Reply {
        self.kill_by_caller(call, process, signal, code, value)
    }

    fn kill_thread(&mut self, call: &mut C, process: u64, thread: u64, signal: u32) -> Reply {
        self.kill_thread_by_caller(call, process, thread, signal)
    }

    fn set_ids(&mut self, call: &mut C, kind: u32, a: u32, b: u32, c: u32) -> Reply {
        self.change_identity(call, |identity| {
            credentials::set_ids(identity, kind, a, b, c)
        })
    }

    fn set_groups(&mut self, call: &mut C, groups: Input) -> Reply {
        let bytes = read_input(call, groups, 4 * 65536, Error::BadArgument)?;
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(Error::BadArgument);
        }
        let groups: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        self.change_identity(call, |identity| credentials::set_groups(identity, &groups))
    }

    fn set_group(&mut self, call: &mut C, process: u64, group: u64) -> Reply {
        let caller = self.caller(call)?;
        self.set_group_of(caller, process, group)?;
        Ok(Answer::default().into())
    }

    fn new_session(&mut self, call: &mut C) -> Reply {
        let caller = self.caller(call)?;
        Ok(Answer::value(self.start_session(caller)?).into())
    }

    fn group(&mut self, call: &mut C, process: u64) -> Reply {
        let target = self.target(self.caller(call)?, process)?;
        let identity = &self.table.get(target)?.identity;
        Ok(Answer::value(identity.group)
            .with(1, identity.session)
            .into())
    }

    fn set_umask(&mut self, call: &mut C, mask: u32) -> Reply {
        let caller = self.caller(call)?;
        let credentials = &mut self.table.get_mut(caller)?.identity.credentials;
        let old = core::mem::replace(&mut credentials.umask, mask & UMASK);
        self.publish(caller)?;
        Ok(Answer::value(old.into()).into())
    }

    fn limit(
        &mut self,
        call: &mut C,
        process: u64,
        resource: u32,
        set: u32,
        new: Input,
        old: Output,
    ) -> Reply {
        let caller = self.caller(call)?;
        let target = self.target(caller, process)?;
        let sender = self.table.get(caller)?.identity;
        let process = self.table.get_mut(target)?;
        if !may_signal(&sender, &process.identity, 0) {
            return Err(Error::NotPermitted);
        }
        let (current, maximum) = process.limits.get(resource)?;
        if set != 0 {
            let bytes = read_input(call, new, 16, Error::BadArgument)?;
            let ([current, maximum], []) = bytes.as_chunks::<8>() else {
                return Err(Error::BadArgument);
            };
            let (current, maximum) = (u64::from_le_bytes(*current), u64::from_le_bytes(*maximum));
            let root = sender.credentials.user == 0;
            process.limits.set(resource, current, maximum, root)?;
            let (handle, limits) = (process.handle, process.limits);
            for (property, value) in limits.enforced(resource) {
                self.kernel.set_property(handle, property, value)?;
            }
            if resource == limits::REAL_TIME as u32 {
                self.set_real_time(target)?;
            }
        }
        if old.length > 0 {
            let words = [current.to_le_bytes(), maximum.to_le_bytes()].concat();
            call.write(old, 0, &words)?;
        }
        Ok(Answer::default().into())
    }

    fn usage(&mut self, call: &mut C, who: u32) -> Reply {
        let caller = self.caller(call)?;
        let process = self.table.get(caller)?;
        let usage = match who {
            0 => self.live_usage(process),
            1 => process.children_usage,
            _ => return Err(Error::BadArgument),
        };
        Ok(Answer::value(usage.user_ns)
            .with(1, usage.kernel_ns)
            .with(2, usage.minor_faults)
            .with(3, usage.major_faults)
            .into())
    }

    fn processor_time(&mut self, call: &mut C, process: u64) -> Reply {
        self.caller(call)?;
        let process = self.table.get(process)?;
        let usage = match process.is_zombie() {
            true => process.usage,
            false => self.live_usage(process),
        };
        Ok(Answer::value(usage.user_ns + usage.kernel_ns).into())
    }

    fn priority(
        &mut self,
        call: &mut C,
        which: u32,
        who: u64,
        set: u32,
        nice_plus_20: u32,
    ) -> Reply {
        let nice = (set != 0).then_some(nice_plus_20);
        self.nice_by_caller(call, which, who, nice)
    }

    fn scheduling(&mut self, call: &mut C, process: u64, set: u32, priority: u64) -> Reply {
        let priority = (set != 0).then_some(priority);
        self.scheduling_by_caller(call, process, priority)
    }

    fn list(&mut self, call: &mut C, after: u64, processes: Output) -> Reply {
        let mut bytes = Vec::new();
        for id in self.table.ids(|process| process.id() > after) {
            if bytes.len() as u64 + 8 > processes.length {
                break;
            }
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        answer_text(call, processes, &bytes, 0)
    }

    fn describe(
        &mut self,
        call: &mut C,
        process: u64,
        what: u32,
        offset: u64,
        text: Output,
    ) -> Reply {
        let process = self.table.get(process)?;
        let description = describe(&self.kernel, process, None, what)?;
        answer_text(call, text, &description, offset)
    }

    fn set_reaper(&mut self, call: &mut C, on: u32) -> Reply {
        let caller = self.caller(call)?;
        self.table.get_mut(caller)?.reaper = on != 0 || caller == INIT;
        Ok(Answer::default().into())
    }

    fn host_name(&mut self, call: &mut C, new: Input, name: Output) -> Reply {
        if new.length > 0 {
            let caller = call.badge() & PROCESS_BADGE != 0;
            let root = caller
                && self
                    .table
                    .get(self.caller(call)?)?
                    .identity
                    .credentials
                    .user
                    == 0;
            if !root {
                return Err(Error::NotPermitted);
            }
            self.host_name = read_input(call, new, HOST_NAME_MAX, Error::BadArgument)?;
        }
        answer_text(call, name, &self.host_name.clone(), 0)
    }
}
