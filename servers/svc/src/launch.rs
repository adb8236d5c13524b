//! Making a process out of a program in the boot bundle and the handles it may have.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::object::handle_flags;
use kernel_abi::process::{priority, process_property};
use kernel_abi::system::{START_MAGIC, StartBlock, StartEntry};
use kernel_abi::{Error, Handle, PAGE_SIZE, Rights};
use server_rt::elf::{self, ElfError, Image};
use server_rt::stubs::safe;

use crate::registry::Given;

/// Bytes of a server's stack; pages are there only once touched.
const STACK_BYTES: u64 = 256 * 1024;
/// Where stacks go, before a random number of pages is taken away.
const STACK_TOP: u64 = 0x0000_7f00_0000_0000;

/// A program in the boot bundle.
pub struct Program<'a> {
    /// The bundle.
    pub memory: Handle,
    /// Where the program starts in it (page aligned).
    pub offset: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Everything an instance is started with.
pub struct Launch<'a> {
    /// The program.
    pub program: Program<'a>,
    /// Name first.
    pub arguments: Vec<&'a str>,
    /// Declared handles.
    pub given: &'a [Given],
    /// Real-time level, 0 = fair class.
    pub priority: u32,
    /// Earlier instances.
    pub restarts: u64,
    /// Who gets its exceptions, with which badge.
    pub supervisor: (Handle, u64),
}

fn describe(error: ElfError) -> String {
    match error {
        ElfError::NotElf => "the program is no ELF file".into(),
        ElfError::OtherMachine => "the program is for another machine".into(),
        ElfError::NotExecutable => "the file is not an executable program".into(),
        ElfError::Malformed => {
            "the program is truncated or its headers contradict each other".into()
        }
        ElfError::NeedsInterpreter => "the program wants a dynamic loader".into(),
        ElfError::WritableText => "the program has a segment both writable and executable".into(),
        ElfError::Kernel(error) => format!("its memory cannot be mapped: {}", error.name()),
    }
}

fn because(what: &str) -> impl Fn(Error) -> String {
    move |error| format!("{what}: {}", error.name())
}

/// Starts an instance and returns its process.
pub fn launch(launch: &Launch<'_>) -> Result<Handle, String> {
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

fn prepare(process: Handle, launch: &Launch<'_>) -> Result<(), String> {
    let program = &launch.program;
    let image = Image::parse(program.bytes, program.bytes.len() as u64).map_err(describe)?;
    let base = elf::DEFAULT_BASE + random_pages() * PAGE_SIZE;
    let loaded =
        elf::load(process, &image, program.memory, program.offset, base).map_err(describe)?;
    let top = STACK_TOP - random_pages() * PAGE_SIZE;
    let bottom = top - STACK_BYTES;
    let stack = protection::READ | protection::WRITE;
    elf::map_anonymous(process, bottom, STACK_BYTES, stack).map_err(because("no stack"))?;
    let entries = install(process, launch.given).map_err(because("a handle cannot be given"))?;
    let block = start_block(launch, &entries);
    let address = map_block(process, &block, top).map_err(because("no start block"))?;
    if launch.priority > 0 {
        let level = priority::ROUND_ROBIN | u64::from(launch.priority);
        let property = process_property::PRIORITY;
        safe::process_set(process, property, level).map_err(because("no priority"))?;
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

fn install(process: Handle, given: &[Given]) -> Result<Vec<StartEntry>, Error> {
    given
        .iter()
        .map(|given| install_one(process, given))
        .collect()
}

fn install_one(process: Handle, given: &Given) -> Result<StartEntry, Error> {
    let mut name = [0; 32];
    let length = given.name.len().min(name.len() - 1);
    name[..length].copy_from_slice(&given.name.as_bytes()[..length]);
    if given.handle == Handle::NONE {
        return Ok(StartEntry {
            name,
            handle: Handle::NONE.0,
            kind: 0,
            value: given.value,
        });
    }
    let (first, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
    let slot = safe::handle_install(process, given.handle, first, Rights::ALL, flags)?;
    let kind = safe::handle_info(given.handle)?.kind;
    Ok(StartEntry {
        name,
        handle: slot.0,
        kind,
        value: given.value,
    })
}

fn start_block(launch: &Launch<'_>, entries: &[StartEntry]) -> Vec<u8> {
    let mut arguments = Vec::new();
    for argument in &launch.arguments {
        arguments.extend_from_slice(argument.as_bytes());
        arguments.push(0);
    }
    let header = StartBlock {
        magic: START_MAGIC,
        entry_count: entries.len() as u64,
        argument_bytes: arguments.len() as u64,
        restarts: launch.restarts,
    };
    let mut block = Vec::new();
    let words = [
        header.magic,
        header.entry_count,
        header.argument_bytes,
        header.restarts,
    ];
    words
        .iter()
        .for_each(|word| block.extend_from_slice(&word.to_le_bytes()));
    for entry in entries {
        block.extend_from_slice(&entry.name);
        block.extend_from_slice(&entry.handle.to_le_bytes());
        block.extend_from_slice(&entry.kind.to_le_bytes());
        block.extend_from_slice(&entry.value.to_le_bytes());
    }
    block.extend_from_slice(&arguments);
    block
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
