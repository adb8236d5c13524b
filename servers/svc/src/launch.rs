//! Making a process out of a program and the handles it may have, without an allocation: a server
//! is started again also where memory is short.

use alloc::string::String;
use core::fmt;

use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::object::handle_flags;
use kernel_abi::process::{priority, process_property};
use kernel_abi::system::{START_MAGIC, StartEntry};
use kernel_abi::{Error, Handle, PAGE_SIZE, Rights};
use server_rt::elf::{self, ElfError, Image};
use server_rt::stubs::safe;

use crate::registry::Given;

/// Bytes of a server's stack; pages are there only once touched.
const STACK_BYTES: u64 = 256 * 1024;
/// Where stacks go, before a random number of pages is taken away.
const STACK_TOP: u64 = 0x0000_7f00_0000_0000;
/// Most bytes of a start block.
const BLOCK_BYTES: usize = PAGE_SIZE as usize;

/// A program that was checked.
pub struct Program {
    /// What holds it.
    pub memory: Handle,
    /// Where it starts there (page aligned).
    pub offset: u64,
    /// Its headers.
    pub image: Image,
}

/// Everything an instance is started with.
pub struct Launch<'a> {
    /// The program.
    pub program: &'a Program,
    /// First argument.
    pub name: &'a str,
    /// The others.
    pub arguments: &'a [String],
    /// Declared handles.
    pub given: &'a [Given],
    /// Real-time level, 0 = fair class.
    pub priority: u32,
    /// Most bytes of heap.
    pub heap_bytes: u64,
    /// It may make processes.
    pub processes: bool,
    /// Earlier instances.
    pub restarts: u64,
    /// Who gets its exceptions, with which badge.
    pub supervisor: (Handle, u64),
}

/// Why an instance could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchError {
    /// There is none of that name.
    NoProgram,
    /// It is none that can be run.
    Program(ElfError),
    /// Arguments and handles need more than [`BLOCK_BYTES`].
    TooMuchGiven,
    /// The kernel refused a step.
    Kernel(&'static str, Error),
}

impl fmt::Display for LaunchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            LaunchError::NoProgram => "no such program in the boot bundle",
            LaunchError::TooMuchGiven => "its arguments and handles do not fit a page",
            LaunchError::Program(ElfError::NotElf) => "the program is no ELF file",
            LaunchError::Program(ElfError::OtherMachine) => "the program is for another machine",
            LaunchError::Program(ElfError::NotExecutable) => {
                "the file is not an executable program"
            }
            LaunchError::Program(ElfError::Malformed) => {
                "the program is truncated or its headers contradict each other"
            }
            LaunchError::Program(ElfError::NeedsInterpreter) => {
                "the program wants a dynamic loader"
            }
            LaunchError::Program(ElfError::WritableText) => {
                "the program has a segment both writable and executable"
            }
            LaunchError::Program(ElfError::Kernel(error)) => {
                return write!(out, "its memory cannot be mapped: {}", error.name());
            }
            LaunchError::Kernel(what, error) => return write!(out, "{what}: {}", error.name()),
        };
        out.write_str(text)
    }
}

impl From<ElfError> for LaunchError {
    fn from(error: ElfError) -> LaunchError {
        LaunchError::Program(error)
    }
}

fn because(what: &'static str) -> impl Fn(Error) -> LaunchError {
    move |error| LaunchError::Kernel(what, error)
}

/// Starts an instance and returns its process.
pub fn launch(launch: &Launch<'_>) -> Result<Handle, LaunchError> {
    let process = safe::process_create().map_err(because("no process"))?;
    match prepare(process, launch) {
        Ok(()) => Ok(process),
        Err(reason) => {
            // The half-made process goes with its only handle.
            let _ = safe::process_kill(process, 0);
            let _ = safe::handle_close(process);
            Err(reason)
        }
    }
}

fn prepare(process: Handle, launch: &Launch<'_>) -> Result<(), LaunchError> {
    let program = launch.program;
    let base = elf::DEFAULT_BASE + random_pages() * PAGE_SIZE;
    let loaded = elf::load(
        process,
        &program.image,
        program.memory,
        program.offset,
        base,
    )?;
    let top = STACK_TOP - random_pages() * PAGE_SIZE;
    let bottom = top - STACK_BYTES;
    let stack = protection::READ | protection::WRITE;
    elf::map_anonymous(process, bottom, STACK_BYTES, stack).map_err(because("no stack"))?;
    let mut block = Block::new();
    start_block(process, launch, &mut block)?;
    let address = map_block(process, block.bytes(), top).map_err(because("no start block"))?;
    let property = process_property::LIMIT_DATA;
    safe::process_set(process, property, launch.heap_bytes).map_err(because("no limit"))?;
    if launch.priority > 0 {
        let level = priority::ROUND_ROBIN | u64::from(launch.priority);
        let property = process_property::PRIORITY;
        safe::process_set(process, property, level).map_err(because("no priority"))?;
    }
    if launch.processes {
        let property = process_property::MAY_MAKE_PROCESSES;
        safe::process_set(process, property, 1).map_err(because("it may make no processes"))?;
    }
    let (endpoint, badge) = launch.supervisor;
    safe::process_supervise(process, endpoint, badge).map_err(because("no supervision"))?;
    // As after a call: the stack is 8 below a multiple of 16 at the first instruction.
    safe::process_start(process, loaded.entry, top - 8, address).map_err(because("not started"))
}

fn random_pages() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness the layout is fixed, which is no reason not to start.
    let _ = safe::random(&mut bytes);
    u64::from_le_bytes(bytes) & 0xf_ffff
}

/// A start block that is being written.
struct Block {
    bytes: [u8; BLOCK_BYTES],
    length: usize,
}

impl Block {
    fn new() -> Block {
        Block {
            bytes: [0; BLOCK_BYTES],
            length: 0,
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), LaunchError> {
        let room = self.bytes[self.length..].get_mut(..bytes.len());
        room.ok_or(LaunchError::TooMuchGiven)?
            .copy_from_slice(bytes);
        self.length += bytes.len();
        Ok(())
    }

    fn push_entry(&mut self, entry: &StartEntry) -> Result<(), LaunchError> {
        self.push(&entry.name)?;
        self.push(&entry.handle.to_le_bytes())?;
        self.push(&entry.kind.to_le_bytes())?;
        self.push(&entry.value.to_le_bytes())
    }
}

fn start_block(process: Handle, launch: &Launch<'_>, block: &mut Block) -> Result<(), LaunchError> {
    let arguments = launch.arguments.iter().map(String::as_str);
    let arguments = core::iter::once(launch.name).chain(arguments);
    let argument_bytes: usize = arguments.clone().map(|argument| argument.len() + 1).sum();
    let words = [
        START_MAGIC,
        launch.given.len() as u64,
        argument_bytes as u64,
        launch.restarts,
    ];
    for word in words {
        block.push(&word.to_le_bytes())?;
    }
    for given in launch.given {
        let entry = install(process, given).map_err(because("a handle cannot be given"))?;
        block.push_entry(&entry)?;
    }
    for argument in arguments {
        block.push(argument.as_bytes())?;
        block.push(&[0])?;
    }
    Ok(())
}

fn install(process: Handle, given: &Given) -> Result<StartEntry, Error> {
    let mut name = [0; 32];
    let length = given.name.len().min(name.len() - 1);
    name[..length].copy_from_slice(&given.name.as_bytes()[..length]);
    let (mut handle, mut kind) = (Handle::NONE.0, 0);
    if given.handle != Handle::NONE {
        let (first, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
        handle = safe::handle_install(process, given.handle, first, Rights::ALL, flags)?.0;
        kind = safe::handle_info(given.handle)?.kind;
    }
    Ok(StartEntry {
        name,
        handle,
        kind,
        value: given.value,
    })
}

/// Puts the block into memory of its own above the stack, with a page between.
fn map_block(process: Handle, block: &[u8], stack_top: u64) -> Result<u64, Error> {
    let length = (block.len() as u64).next_multiple_of(PAGE_SIZE);
    let memory = safe::memory_create(length, 0)?;
    let mapped = safe::write_at(memory, block, 0).and_then(|_| {
        safe::memory_map_into(
            process,
            &MapArguments {
                address: stack_top + PAGE_SIZE,
                length,
                memory: memory.0,
                protection: protection::READ,
                flags: map_flags::FIXED | map_flags::NO_REPLACE | map_flags::SHARED,
                ..Default::default()
            },
        )
    });
    let _ = safe::handle_close(memory);
    mapped
}
