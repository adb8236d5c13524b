//! The start of the first process, by which this server calls the name space: before it serves, and only
//! then.

use alloc::vec;
use alloc::vec::Vec;
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Rights};
use kernel_stubs::safe;
use proto::types::open_flags;
use proto::{Error, directory};
use server_rt::Session;

use crate::execute::{self, Program, Source};
use crate::guest::{CORE_WRITER_SLOT, Guest, install};
use crate::kernel::Kernel;
use crate::process::Process;

/// Opened to execute only (`O_EXEC`).
const EXECUTE: u32 = open_flags::PATH | open_flags::ACCESS_MODE;

impl Guest {
    /// Opens `path` from the root directory's session and makes it the first process, with the
    /// console as its descriptors 0 to 2.
    pub fn start_first(&mut self, root: Handle, path: &[u8]) -> Result<Process, Error> {
        let mut source = self.open_path(root, path)?;
        let mut arguments: Vec<Vec<u8>> = vec![path.to_vec()];
        if let Some((interpreter, argument)) = execute::interpreter(&source.header.clone()) {
            self.close(source.memory);
            self.close(source.file);
            source = self.open_path(root, interpreter)?;
            arguments.splice(0..0, argument.map(<[u8]>::to_vec));
            arguments.insert(0, interpreter.to_vec());
        }
        let image = execute::parse(&source)?;
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let mut process = Process::first(Handle::NONE, self.now_ns());
        process.limits.fit_processes(self.memory().1);
        let program = Program {
            source: &source,
            image: &image,
            arguments: &arguments,
            environment: &[
                b"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                b"HOME=/",
                b"TERM=linux",
            ],
            path,
            identity: process.identity,
            stack_bytes: process.limits.get(crate::limits::STACK as u32)?.0,
        };
        let built = self.build(&program)?;
        process.handle = built.process;
        process.first_stack = built.first_stack;
        self.give(built.process, source.file, Handle::EXECUTABLE)?;
        self.keep_core_writer(root);
        self.close(source.memory);
        self.close(source.file);
        process.set_program(path, b"init\0");
        self.adopt(process.handle, crate::PROCESS_BADGE | crate::INIT)?;
        self.set_identity(process.handle, &process.identity)?;
        for slot in [Handle::ROOT_DIRECTORY, Handle::WORKING_DIRECTORY] {
            install(process.handle, root, slot)?;
        }
        self.install_console(process.handle, root);
        self.resume(process.handle);
        Ok(process)
    }

    /// Opens the program that writes core files, while the name space may still be called. Without it
    /// there are none.
    fn keep_core_writer(&mut self, root: Handle) {
        let Ok(file) = open(root, crate::core_dump::WRITER, EXECUTE) else {
            server_rt::log!("no program to write core files");
            return;
        };
        let (slot, flags) = (CORE_WRITER_SLOT, handle_flags::EXACT);
        if let Err(error) = safe::handle_install(self.vault, file, slot, Rights::ALL, flags) {
            server_rt::log!("core files will not be written: {}", error.name());
        }
        self.close(file);
    }

    fn open_path(&mut self, root: Handle, path: &[u8]) -> Result<Source, Error> {
        let file = open(root, path, EXECUTE)?;
        let source = self.open_program(file);
        if source.is_err() {
            self.close(file);
        }
        source
    }

    fn install_console(&mut self, process: Handle, root: Handle) {
        let flags = open_flags::READ_WRITE | open_flags::NO_CONTROLLING_TERMINAL;
        match open(root, b"/dev/console", flags) {
            Ok(console) => {
                for slot in 0..3 {
                    if let Err(error) = install(process, console, Handle(slot)) {
                        server_rt::log!("cannot give the console to init: {error:?}");
                    }
                }
                self.close(console);
            }
            Err(error) => server_rt::log!("cannot open /dev/console: {error:?}"),
        }
    }
}

fn open(root: Handle, path: &[u8], flags: u32) -> Result<Handle, Error> {
    let answer = directory::open(&Session(root), flags, 0, path, &[])?;
    Ok(answer.handles[0])
}
