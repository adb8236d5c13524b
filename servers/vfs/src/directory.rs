//! The `directory` interface: one short function an operation.

use alloc::vec::Vec;
use proto::types::{Plain, file_type, open_flags};
use proto::{Answer, Attributes, Call, Error, Input, Output, Reply, directory};

use crate::attributes::write_attributes;
use crate::kernel::Kernel;
use crate::open::Opening;
use crate::permission::{Caller, EXECUTE};
use crate::server::Server;
use crate::walk::{MAX_PATH, View};
use server_rt::read_input;

/// Longest options of a mount.
const MAX_DATA: usize = 4096;

fn done() -> Reply {
    Ok(Answer::default().into())
}

fn path_of<C: Call + ?Sized>(call: &C, input: Input) -> Result<Vec<u8>, Error> {
    read_input(call, input, MAX_PATH, Error::NameTooLong)
}

/// Copies as much of a text as fits. The value is its length.
fn answer_text<C: Call + ?Sized>(call: &C, output: Output, text: &[u8]) -> Reply {
    let length = text
        .len()
        .min(usize::try_from(output.length).unwrap_or(usize::MAX));
    call.write(output, 0, &text[..length])?;
    Ok(Answer::value(length as u64).into())
}

impl<K: Kernel> Server<K> {
    fn view<C: Call + ?Sized>(&self, call: &C) -> Result<View, Error> {
        self.opened.view(call.badge(), self.root)
    }

    /// The directory whose session came along.
    fn sent_view<C: Call + ?Sized>(&self, call: &C) -> Result<View, Error> {
        let handle = *call.handles().first().ok_or(Error::BadMessage)?;
        let object = self.kernel.describe(handle)?.object;
        let badge = self
            .opened
            .badge_of_object(object)
            .ok_or(Error::NotDirectory)?;
        self.opened.view(badge, self.root)
    }
}

impl<K: Kernel, C: Call + ?Sized> directory::Directory<C> for Server<K> {
    fn open(&mut self, call: &mut C, flags: u32, mode: u32, path: Input) -> Reply {
        let caller = Caller::of(call)?;
        // The file may have been created by the instance that had taken the call before.
        let again = if call.redelivered() {
            open_flags::EXCLUSIVE
        } else {
            0
        };
        let opening = Opening {
            view: self.view(call)?,
            flags: flags & !again,
            mode,
            caller: &caller,
            token: call.token(),
        };
        let path = path_of(call, path)?;
        self.open_path(opening, &path)
    }

    fn status(&mut self, call: &mut C, at: u32, path: Input, attributes: Output) -> Reply {
        let path = path_of(call, path)?;
        let caller = Caller::of(call)?;
        let (place, mut found) = self.look_up(self.view(call)?, &path, at, &caller)?;
        if found.mode & file_type::MASK == file_type::SYMLINK {
            found.mode = self.link_mode(place, found.mode);
        }
        write_attributes(call, attributes, &found)?;
        done()
    }

    fn make_directory(&mut self, call: &mut C, mode: u32, path: Input) -> Reply {
        let path = path_of(call, path)?;
        let mode = (mode & 0o1777) | file_type::DIRECTORY;
        self.make(self.view(call)?, &path, mode, 0, &Caller::of(call)?)?;
        done()
    }

    fn make_node(&mut self, call: &mut C, mode: u32, device: u64, path: Input) -> Reply {
        let path = path_of(call, path)?;
        let mode = match mode & file_type::MASK {
            0 => mode | file_type::REGULAR,
            file_type::DIRECTORY => return Err(Error::NotPermitted),
            _ => mode,
        };
        self.make(self.view(call)?, &path, mode, device, &Caller::of(call)?)?;
        done()
    }

    fn unlink(&mut self, call: &mut C, at: u32, path: Input) -> Reply {
        let path = path_of(call, path)?;
        self.remove(self.view(call)?, &path, at, &Caller::of(call)?)?;
        done()
    }

    fn rename(&mut self, call: &mut C, flags: u32, old: Input, new: Input) -> Reply {
        let (old, new) = (path_of(call, old)?, path_of(call, new)?);
        let (from, to) = (self.view(call)?, self.sent_view(call)?);
        self.rename_path((from, &old), (to, &new), flags, &Caller::of(call)?)?;
        done()
    }

    fn link(&mut self, call: &mut C, at: u32, old: Input, new: Input) -> Reply {
        let (old, new) = (path_of(call, old)?, path_of(call, new)?);
        let (from, to) = (self.view(call)?, self.sent_view(call)?);
        self.link_path((from, &old), (to, &new), at, &Caller::of(call)?)?;
        done()
    }

    fn make_symlink(&mut self, call: &mut C, target: Input, path: Input) -> Reply {
        let (target, path) = (path_of(call, target)?, path_of(call, path)?);
        self.make_link_to(self.view(call)?, &target, &path, &Caller::of(call)?)?;
        done()
    }

    fn read_symlink(&mut self, call: &mut C, path: Input, target: Output) -> Reply {
        let path = path_of(call, path)?;
        let caller = Caller::of(call)?;
        let view = self.view(call)?;
        let (place, attributes) = self.resolve(view, &path, false, &caller)?.existing()?;
        if attributes.mode & file_type::MASK != file_type::SYMLINK {
            return Err(Error::BadArgument);
        }
        let text = self.link_text(view, place, &caller)?;
        answer_text(call, target, &text)
    }

    fn set_attributes(
        &mut self,
        call: &mut C,
        at: u32,
        mask: u64,
        path: Input,
        attributes: Input,
    ) -> Reply {
        let path = path_of(call, path)?;
        let bytes = read_input(call, attributes, Attributes::SIZE, Error::BadArgument)?;
        let caller = Caller::of(call)?;
        let (place, _) = self.look_up(self.view(call)?, &path, at, &caller)?;
        self.set_attributes_of(place, mask, &bytes, &caller)?;
        done()
    }

    fn access(&mut self, call: &mut C, mode: u32, at: u32, path: Input) -> Reply {
        let path = path_of(call, path)?;
        self.check_access(self.view(call)?, &path, mode, at, &Caller::of(call)?)?;
        done()
    }

    fn file_system_status(&mut self, call: &mut C, path: Input, status: Output) -> Reply {
        let path = path_of(call, path)?;
        let caller = Caller::of(call)?;
        let (place, _) = self.look_up(self.view(call)?, &path, 0, &caller)?;
        let figures = self.mounted(place.mount)?.backend.figures()?;
        call.write(status, 0, &figures)?;
        done()
    }

    fn mount(
        &mut self,
        call: &mut C,
        flags: u64,
        source: Input,
        target: Input,
        kind: Input,
        data: Input,
    ) -> Reply {
        let (source, target, kind) = (
            path_of(call, source)?,
            path_of(call, target)?,
            path_of(call, kind)?,
        );
        // Options are checked for their length only: no file system here has any.
        read_input(call, data, MAX_DATA, Error::BadArgument)?;
        let caller = Caller::of(call)?;
        let view = self.view(call)?;
        self.mount_kind(view, [&source, &target, &kind], flags, &caller)?;
        done()
    }

    fn unmount(&mut self, call: &mut C, _flags: u32, target: Input) -> Reply {
        let target = path_of(call, target)?;
        self.unmount_path(self.view(call)?, &target, &Caller::of(call)?)?;
        done()
    }

    fn sync_all(&mut self, _call: &mut C) -> Reply {
        for mount in &self.mounts {
            mount.backend.sync()?;
        }
        done()
    }

    fn path(&mut self, call: &mut C, path: Output) -> Reply {
        let view = self.view(call)?;
        let text = self.path_of(view.start, view.root)?;
        if text.len() as u64 > path.length {
            return Err(Error::OutOfRange);
        }
        answer_text(call, path, &text)
    }

    fn change_root(&mut self, call: &mut C, path: Input) -> Reply {
        let path = path_of(call, path)?;
        let caller = Caller::of(call)?;
        caller.require_root()?;
        let (place, attributes) = self
            .resolve(self.view(call)?, &path, true, &caller)?
            .existing()?;
        if attributes.mode & file_type::MASK != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        caller.check(&attributes, EXECUTE)?;
        let session = self.directory_session(View {
            start: place,
            root: place,
        })?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn mounts(&mut self, call: &mut C, offset: u64, text: Output) -> Reply {
        let lines = self.mounts_text.borrow().mounts.clone();
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(lines.len());
        answer_text(call, text, &lines[start..])
    }
}
