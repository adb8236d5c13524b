//! The interface to the name-space server.

use proto::types::{file_type, open_flags};
use proto::{Answer, Call, Credentials, Error, Input, Output, Reply};
use server_rt::{read_input, write_plain};

use crate::kernel::Kernel;
use crate::open_file::OpenFile;
use crate::permission::{self, EXECUTE, READ, WRITE};
use crate::server::{MAXIMUM_PATH, Server, read_plain};
use crate::volume::Volume;
use crate::walk::reason;

fn done() -> Reply {
    Ok(Answer::default().into())
}

impl<V: Volume, K: Kernel, C: Call + ?Sized> proto::file_system::FileSystem<C> for Server<V, K> {
    fn root(&mut self, _call: &mut C) -> Reply {
        Ok(Answer::value(self.volume.root())
            .with(1, self.volume.device())
            .into())
    }

    fn walk(
        &mut self,
        call: &mut C,
        node: u64,
        flags: u32,
        path: Input,
        credentials: Input,
        attributes: Output,
    ) -> Reply {
        let path = read_input(call, path, MAXIMUM_PATH, Error::NameTooLong)?;
        let credentials = read_plain(call, credentials)?;
        let (walked, found) = self.walk_path(node, flags & 1 != 0, &path, &credentials)?;
        write_plain(call, attributes, &found)?;
        let answer = Answer::value(walked.node)
            .with(1, walked.consumed as u64)
            .with(2, walked.reason);
        debug_assert!(walked.reason <= reason::MISSING);
        Ok(answer.into())
    }

    fn open(&mut self, call: &mut C, node: u64, flags: u32, credentials: Input) -> Reply {
        let credentials: Credentials = read_plain(call, credentials)?;
        let attributes = self.status_of(node)?;
        let kind = attributes.mode & file_type::MASK;
        if flags & open_flags::DIRECTORY != 0 && kind != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        let file = OpenFile::new(node, flags);
        let mut wanted = 0;
        for (asked, bit) in [
            (file.readable, READ),
            (file.writable, WRITE),
            (file.executable, EXECUTE),
        ] {
            wanted |= if asked { bit } else { 0 };
        }
        let path_only = flags & open_flags::PATH != 0 && !file.executable;
        match kind {
            _ if path_only => {}
            file_type::DIRECTORY if file.writable || file.executable => {
                return Err(Error::IsDirectory);
            }
            file_type::SYMLINK => return Err(Error::TooManySymlinks),
            file_type::REGULAR | file_type::DIRECTORY => {}
            // Pipes, sockets and devices are other servers' to open.
            _ => return Err(Error::NotSupported),
        }
        permission::check(&attributes, &credentials, wanted)?;
        if flags & open_flags::TRUNCATE != 0 && kind == file_type::REGULAR && file.writable {
            self.truncate_content(node, 0)?;
        }
        self.open_session(node, flags, kind)
    }

    fn create(
        &mut self,
        call: &mut C,
        directory: u64,
        mode: u32,
        device: u64,
        name: Input,
        credentials: Input,
    ) -> Reply {
        let name = read_input(call, name, MAXIMUM_PATH, Error::NameTooLong)?;
        let credentials: Credentials = read_plain(call, credentials)?;
        if mode & file_type::MASK == file_type::SYMLINK {
            return Err(Error::BadArgument);
        }
        self.create_node(directory, &name, &credentials, mode, device, &[])
    }

    fn status(&mut self, call: &mut C, node: u64, attributes: Output) -> Reply {
        let found = self.status_of(node)?;
        write_plain(call, attributes, &found)?;
        done()
    }

    fn set_attributes(
        &mut self,
        call: &mut C,
        node: u64,
        mask: u64,
        attributes: Input,
        credentials: Input,
    ) -> Reply {
        let values = read_plain(call, attributes)?;
        let credentials = read_plain(call, credentials)?;
        self.change_attributes(node, mask, &values, &credentials)?;
        done()
    }

    fn link(
        &mut self,
        call: &mut C,
        node: u64,
        directory: u64,
        name: Input,
        credentials: Input,
    ) -> Reply {
        let name = read_input(call, name, MAXIMUM_PATH, Error::NameTooLong)?;
        let credentials: Credentials = read_plain(call, credentials)?;
        self.writable_directory(directory, &credentials)?;
        let kind = self.volume.attributes(node)?.mode & file_type::MASK;
        if kind == file_type::DIRECTORY {
            return Err(Error::NotPermitted);
        }
        let now_ns = self.kernel.now_ns();
        self.volume.link(node, directory, &name, now_ns)?;
        done()
    }

    fn unlink(
        &mut self,
        call: &mut C,
        directory: u64,
        is_directory: u32,
        name: Input,
        credentials: Input,
    ) -> Reply {
        let name = read_input(call, name, MAXIMUM_PATH, Error::NameTooLong)?;
        let credentials: Credentials = read_plain(call, credentials)?;
        match (is_directory, &name[..]) {
            (0, b"." | b"..") => return Err(Error::IsDirectory),
            (_, b".") => return Err(Error::BadArgument),
            (_, b"..") => return Err(Error::NotEmpty),
            _ => {}
        }
        let (node, _) = self.check_victim(directory, &name, &credentials)?;
        self.refuse_busy(node)?;
        let now_ns = self.kernel.now_ns();
        let nameless = match is_directory {
            0 => self.volume.unlink(directory, &name, now_ns)?,
            _ => self.volume.remove_directory(directory, &name, now_ns)?,
        };
        self.after_unlink(nameless)?;
        done()
    }

    fn rename(
        &mut self,
        call: &mut C,
        from: u64,
        to: u64,
        flags: u32,
        old: Input,
        new: Input,
        credentials: Input,
    ) -> Reply {
        let old = read_input(call, old, MAXIMUM_PATH, Error::NameTooLong)?;
        let new = read_input(call, new, MAXIMUM_PATH, Error::NameTooLong)?;
        let credentials: Credentials = read_plain(call, credentials)?;
        if flags > 1 {
            // Exchanging two names is not offered.
            return Err(Error::BadArgument);
        }
        let (node, moved) = self.check_victim(from, &old, &credentials)?;
        self.refuse_busy(node)?;
        if moved.mode & file_type::MASK == file_type::DIRECTORY && from != to {
            // Its `..` changes.
            permission::check(&moved, &credentials, WRITE)?;
        }
        match self.check_victim(to, &new, &credentials) {
            Ok((target, _)) if target != node => self.refuse_busy(target)?,
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        let now_ns = self.kernel.now_ns();
        let nameless = self
            .volume
            .rename((from, &old), (to, &new), flags == 1, now_ns)?;
        self.moved(node, to);
        self.after_unlink(nameless)?;
        done()
    }

    fn make_symlink(
        &mut self,
        call: &mut C,
        directory: u64,
        name: Input,
        target: Input,
        credentials: Input,
    ) -> Reply {
        let name = read_input(call, name, MAXIMUM_PATH, Error::NameTooLong)?;
        let target = read_input(call, target, MAXIMUM_PATH, Error::NameTooLong)?;
        let credentials = read_plain(call, credentials)?;
        let mode = file_type::SYMLINK | 0o777;
        self.create_node(directory, &name, &credentials, mode, 0, &target)
    }

    fn read_symlink(&mut self, call: &mut C, node: u64, target: Output) -> Reply {
        let bytes = self.volume.read_symlink(node)?;
        let length = bytes.len().min(target.length as usize);
        call.write(target, 0, &bytes[..length])?;
        Ok(Answer::value(length as u64).into())
    }

    fn read_directory(&mut self, call: &mut C, node: u64, cursor: u64, entries: Output) -> Reply {
        self.list(call, node, cursor, entries)
    }

    fn file_system_status(&mut self, call: &mut C, status: Output) -> Reply {
        let figures = self.volume.status();
        write_plain(call, status, &figures)?;
        done()
    }

    fn sync(&mut self, _call: &mut C) -> Reply {
        self.sync_all()?;
        done()
    }

    fn cover(&mut self, _call: &mut C, node: u64, covered: u32) -> Reply {
        if covered != 0 {
            if self.covered.contains(&node) {
                // The name-space server was restarted and mounts again.
                return done();
            }
            self.change_hold(node, true)?;
            self.covered.insert(node);
            self.volume.note_covered(node, true);
        } else if self.covered.remove(&node) {
            self.volume.note_covered(node, false);
            self.change_hold(node, false)?;
        } else {
            return Err(Error::BadArgument);
        }
        done()
    }

    fn hold(&mut self, _call: &mut C, node: u64, held: u32) -> Reply {
        self.change_hold(node, held != 0)?;
        done()
    }

    fn unmount(&mut self, _call: &mut C) -> Reply {
        self.sync_all()?;
        self.volume.unmount()?;
        self.unmounted = true;
        done()
    }

    fn name(&mut self, call: &mut C, node: u64, name: Output) -> Reply {
        let (bytes, parent) = self.name_of(node)?;
        if (name.length as usize) < bytes.len() {
            return Err(Error::OutOfRange);
        }
        call.write(name, 0, &bytes)?;
        Ok(Answer::value(bytes.len() as u64).with(1, parent).into())
    }
}
