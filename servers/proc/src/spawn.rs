//! `posix_spawn`: a child that begins with its program. No address space is copied: the child is
//! built, then gets what a fork would have left it, then the changes that its parent asks for.

use alloc::vec::Vec;
use kernel_abi::Handle;
use kernel_abi::process::process_property;
use proto::types::{Plain, SpawnAction, SpawnAttributes, spawn_flags};
use proto::{Answer, Call, Error, Identity, Input, Reply};

use crate::PROCESS_BADGE;
use crate::execute::{self, Program, Source};
use crate::kernel::{Kernel, split_strings};
use crate::lifecycle::Texts;
use crate::limits;
use crate::process::{Answered, Process};
use crate::server::Server;
use server_rt::read_input;

/// Most changes to a child's handles.
const MAX_ACTIONS: usize = 1024;
/// Free memory that only root may fork into.
const ROOT_RESERVE_BYTES: u64 = 4 << 20;

/// What a parent asks for.
struct Request {
    flags: u32,
    attributes: SpawnAttributes,
    actions: Vec<SpawnAction>,
    texts: Texts,
}

impl Request {
    fn read<C: Call + ?Sized>(
        call: &C,
        flags: u32,
        texts: [Input; 3],
        actions: Input,
    ) -> Result<Request, Error> {
        let known = spawn_flags::RESET_IDS
            | spawn_flags::SET_GROUP
            | spawn_flags::SET_SESSION
            | spawn_flags::SET_PRIORITY;
        let most = SpawnAttributes::SIZE + MAX_ACTIONS * SpawnAction::SIZE;
        let bytes = read_input(call, actions, most, Error::BadArgument)?;
        let (first, rest) = bytes
            .split_at_checked(SpawnAttributes::SIZE)
            .ok_or(Error::BadArgument)?;
        let whole = rest.len().is_multiple_of(SpawnAction::SIZE);
        if flags & !known != 0 || !whole {
            return Err(Error::BadArgument);
        }
        let actions: Option<Vec<SpawnAction>> = rest
            .chunks(SpawnAction::SIZE)
            .map(SpawnAction::decode)
            .collect();
        let actions = actions.ok_or(Error::BadArgument)?;
        // Nothing else of the upper half is the parent's to give.
        let allowed = |action: &SpawnAction| {
            action.target < Handle::HIGH_BASE || action.target == Handle::WORKING_DIRECTORY.0
        };
        if !actions.iter().all(allowed) {
            return Err(Error::BadHandle);
        }
        Ok(Request {
            flags,
            attributes: SpawnAttributes::decode(first).ok_or(Error::BadArgument)?,
            actions,
            texts: Texts::read(call, texts)?,
        })
    }
}

impl<K: Kernel> Server<K> {
    /// A free id for a child of a process, if it may have one more (`RLIMIT_NPROC`, and a reserve
    /// of memory for root): `WouldBlock` if not (POSIX `fork`, `EAGAIN`).
    pub(crate) fn free_id_for(&mut self, parent: u64) -> Result<u64, Error> {
        let process = self.table.get(parent)?;
        let user = process.identity.real_user;
        if user != 0 && process.identity.credentials.user != 0 {
            let (most, _) = process.limits.get(limits::PROCESSES as u32)?;
            let own = |other: &&Process| other.identity.real_user == user;
            let (free_bytes, _) = self.kernel.memory();
            if self.table.iter().filter(own).count() as u64 >= most
                || free_bytes < ROOT_RESERVE_BYTES
                || self.table.is_reserved_for_root()
            {
                return Err(Error::WouldBlock);
            }
        }
        self.table.free_id()
    }

    pub(crate) fn spawn_by_caller<C: Call + ?Sized>(
        &mut self,
        call: &C,
        flags: u32,
        texts: [Input; 3],
        actions: Input,
    ) -> Reply {
        let parent = self.caller(call)?;
        let request = Request::read(call, flags, texts, actions)?;
        let id = self.free_id_for(parent)?;
        let file = *call.handles().first().ok_or(Error::BadMessage)?;
        let source = self.kernel.open_program(file)?;
        let child = self.build_child(call.token(), parent, id, &source, &request);
        self.kernel.close(source.memory);
        let child = child?;
        let handle = child.handle;
        self.table.insert(child);
        let user = self.table.get(parent)?.identity.credentials.user;
        self.privileges_changed(id, user)?;
        self.table.get_mut(parent)?.answered = Answered {
            number: call.number(),
            value: id,
        };
        // The child must be known before it can be seen, whichever instance gives the answer.
        self.save();
        self.kernel.resume(handle);
        Ok(Answer::value(id).into())
    }

    /// Makes the child, which does not run yet.
    fn build_child(
        &mut self,
        token: u64,
        parent: u64,
        id: u64,
        source: &Source,
        request: &Request,
    ) -> Result<Process, Error> {
        let process = self.table.get(parent)?;
        let parent_handle = process.handle;
        let mut child = process.child(id, Handle::NONE, self.kernel.now_ns());
        self.set_child_identity(&mut child.identity, request)?;
        execute::check_permission(&child.identity, &source.attributes)?;
        let image = execute::parse(source)?;
        child.identity = execute::identity_after(&child.identity, &source.attributes);
        let built = self.kernel.build(&Program {
            source,
            image: &image,
            arguments: &split_strings(&request.texts.arguments)?,
            environment: &split_strings(&request.texts.environment)?,
            path: &request.texts.path,
            identity: child.identity,
            stack_bytes: child.limits.get(limits::STACK as u32)?.0,
        })?;
        (child.handle, child.first_stack) = (built.process, built.first_stack);
        child.executed = true;
        child.set_program(&request.texts.path, &request.texts.arguments);
        if let Err(error) = self.furnish(token, (parent_handle, source.file), &child, request) {
            // It has not run: nobody has seen it.
            self.kernel.kill(child.handle, 0);
            self.kernel.close(child.handle);
            return Err(error);
        }
        Ok(child)
    }

    /// Gives the child its handles and properties.
    fn furnish(
        &mut self,
        token: u64,
        (parent, file): (Handle, Handle),
        child: &Process,
        request: &Request,
    ) -> Result<(), Error> {
        let handle = child.handle;
        let attributes = &request.attributes;
        self.kernel
            .inherit(token, handle, attributes.mask, attributes.defaults)?;
        for action in &request.actions {
            let target = action.target;
            match action.source {
                SpawnAction::CLOSE => self.kernel.close_handles(handle, target, target),
                SpawnAction::CLOSE_FROM => {
                    let last = Handle::HIGH_BASE - 1;
                    self.kernel.close_handles(handle, target, last);
                }
                source => self.kernel.copy_handle(parent, source, handle, target)?,
            }
        }
        if request.flags & spawn_flags::SET_PRIORITY != 0 {
            self.may_have_priority(child, attributes.priority)?;
            let property = process_property::PRIORITY;
            self.kernel
                .set_property(handle, property, attributes.priority)?;
        }
        self.kernel.give(handle, file, Handle::EXECUTABLE)?;
        self.kernel.adopt(handle, PROCESS_BADGE | child.id())?;
        self.kernel.set_identity(handle, &child.identity)
    }

    /// Session, group and ids, in the order that POSIX gives.
    fn set_child_identity(&self, identity: &mut Identity, request: &Request) -> Result<(), Error> {
        let id = identity.process;
        if request.flags & spawn_flags::SET_SESSION != 0 {
            (identity.session, identity.group, identity.terminal) = (id, id, 0);
        }
        if request.flags & spawn_flags::SET_GROUP != 0 {
            let group = match request.attributes.group {
                0 => id,
                group => group,
            };
            let exists = self.table.iter().any(|member| {
                member.identity.group == group && member.identity.session == identity.session
            });
            let leads = identity.session == id;
            if group != id && (leads || !exists) {
                return Err(Error::NotPermitted);
            }
            identity.group = group;
        }
        if request.flags & spawn_flags::RESET_IDS != 0 {
            identity.credentials.user = identity.real_user;
            identity.credentials.group = identity.real_group;
        }
        Ok(())
    }
}
