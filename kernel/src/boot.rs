//! From the loader to the first process.

use crate::{panic, requests};
use alloc::boxed::Box;
use alloc::vec::Vec;
use boot_bundle::Bundle;
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel_arch_x86_64::hardware::FRAMES;
use kernel_arch_x86_64::{BootInformation, Hardware, backtrace, cpu, enter, heap, serial};
use kernel_core::machine::MAX_CPUS;
use kernel_core::{FirstProcess, FrameBuffer, Kernel};
use kernel_mem::{DirectMap, FrameAllocator, PageTables};
use limine::mp::MpInfo;

#[global_allocator]
static HEAP: heap::KernelHeap = heap::KernelHeap;

/// Processors that have finished their own set-up.
static READY: AtomicUsize = AtomicUsize::new(0);

/// Word of the command line under which a panic ends QEMU with a failing status.
const TEST_WORD: &str = "test";
/// Word of the command line that makes the kernel panic before it starts the first process, to
/// show what a panic prints.
const PANIC_WORD: &str = "panic-test";

fn has_word(command_line: &str, wanted: &str) -> bool {
    command_line
        .split_ascii_whitespace()
        .any(|word| word == wanted)
}

/// Where the loader enters.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry() -> ! {
    serial::init();
    assert!(
        requests::BASE_REVISION.is_supported() && requests::STACK_SIZE.response().is_some(),
        "the loader does not know revision 3 of the Limine boot protocol"
    );
    let command_line = requests::COMMAND_LINE
        .response()
        .map_or("", |response| response.cmdline());
    if has_word(command_line, TEST_WORD) {
        panic::set_under_test();
    }
    let (map, tables) = take_memory();
    let boot = information(command_line);
    let cpus = boot.cpus;
    let bundle = bundle();
    let Ok(hardware) = Hardware::new(map, tables, boot) else {
        panic!("no memory for the kernel's own tables");
    };
    let mut kernel = Kernel::new(hardware, cpus);
    start_processors(tables.kernel_root(), cpus);
    boot_first_process(&mut kernel, map, bundle, command_line);
    enter::install(kernel);
    READY.fetch_add(1, Ordering::Release);
    enter::run()
}

/// Takes over the RAM: frames, page tables, heap.
fn take_memory() -> (DirectMap, PageTables) {
    let offset = requests::HHDM.response().map(|response| response.offset);
    let Some(offset) = offset else {
        panic!("the loader tells no direct map")
    };
    // SAFETY: the loader maps all usable RAM there; the frames are managed by `FRAMES` alone.
    let map = unsafe { DirectMap::new(offset) };
    let mut frames = FrameAllocator::new(map);
    for region in requests::regions() {
        match region.usable {
            true => frames.add(region.base, region.length),
            false => frames.note_used(region.base, region.length),
        }
    }
    let Some(root) = frames.allocate() else {
        panic!("the loader tells of no usable memory")
    };
    map.zero(root);
    let loader_root = kernel_core::machine::Frame((cpu::loaded_root() >> 12) as u32);
    map.copy((loader_root, 2048), (root, 2048), 2048);
    FRAMES.set(frames);
    let tables = PageTables::new(map, root.address());
    // The heap's and the devices' top-level entries must be there before any space copies them.
    cpu::switch_to_root(root.address());
    heap::init(tables);
    drop(Box::new(0u64));
    (map, tables)
}

fn information(command_line: &'static str) -> BootInformation {
    let rsdp = requests::RSDP
        .response()
        .map_or(0, |response| response.address as u64);
    let date = requests::DATE
        .response()
        .map_or(0, |response| response.timestamp);
    let cpus = requests::PROCESSORS
        .response()
        .map_or(1, |response| response.cpus().len());
    BootInformation {
        rsdp,
        date_s: u64::try_from(date).unwrap_or(0),
        command_line,
        ram: requests::regions()
            .map(|region| (region.base, region.length))
            .collect(),
        cpus: cpus.clamp(1, MAX_CPUS),
    }
}

fn bundle() -> &'static [u8] {
    let modules = requests::MODULES
        .response()
        .map_or(&[][..], |response| response.modules());
    match modules.first() {
        Some(module) => module.data(),
        None => panic!("the loader passed no boot bundle (module 0)"),
    }
}

fn boot_first_process(
    kernel: &mut Kernel<Hardware>,
    map: DirectMap,
    bytes: &'static [u8],
    command_line: &str,
) {
    let bundle = match Bundle::parse(bytes) {
        Ok(bundle) => bundle,
        Err(error) => panic!("the boot bundle is not valid: {error}"),
    };
    let table = |name| bundle.find(name).unwrap_or_default();
    backtrace::set_tables(table("kernel-symbols"), table("kernel-frames"));
    if has_word(command_line, PANIC_WORD) {
        panic!("asked for by the command line");
    }
    let Some(image) = bundle.find("svc") else {
        panic!("the boot bundle has no entry svc")
    };
    let physical = bytes.as_ptr() as u64 - map.address(0);
    let first = FirstProcess {
        image,
        bundle: (physical, bytes.len() as u64),
        rsdp: requests::RSDP
            .response()
            .map_or(0, |response| response.address as u64),
        command_line: command_line.as_bytes(),
        frame_buffer: frame_buffer(map),
    };
    if let Err(error) = kernel.boot_first_process(&first) {
        panic!("the first process cannot be started: {}", error.name());
    }
}

fn frame_buffer(map: DirectMap) -> Option<FrameBuffer> {
    let found = *requests::FRAMEBUFFER.response()?.framebuffers().first()?;
    Some(FrameBuffer {
        address: (found.address() as u64).checked_sub(map.address(0))?,
        width: u32::try_from(found.width).ok()?,
        height: u32::try_from(found.height).ok()?,
        pitch: u32::try_from(found.pitch).ok()?,
    })
}

/// Prepares this processor and starts the others, one after the other: each waits, after its own
/// set-up, for the kernel to be installed.
fn start_processors(root: u64, cpus: usize) {
    ROOT.store(root as usize, Ordering::Release);
    let stacks: Vec<u64> = (0..cpus).map(|_| new_stack()).collect();
    // SAFETY: first processor, own stack, the kernel's root.
    unsafe { cpu::init(0, stacks[0], root) };
    let Some(response) = requests::PROCESSORS.response() else {
        return;
    };
    let others = response
        .cpus()
        .iter()
        .filter(|info| info.lapic_id != response.bsp_lapic_id);
    for (index, info) in (1..cpus).zip(others) {
        let parameters = Box::leak(Box::new(Parameters {
            index,
            stack: stacks[index],
            root,
        }));
        info.bootstrap(processor_entry, core::ptr::from_ref(parameters) as u64);
        while !cpu::is_online(index) {
            core::hint::spin_loop();
        }
    }
}

struct Parameters {
    index: usize,
    stack: u64,
    root: u64,
}

fn new_stack() -> u64 {
    let stack = alloc::vec![0u128; cpu::STACK_SIZE / 16].leak();
    stack.as_ptr_range().end as u64
}

/// Where the loader sends the other processors.
unsafe extern "C" fn processor_entry(info: &MpInfo) -> ! {
    let parameters = info.extra_argument() as *const Parameters;
    // The parameters are in the kernel's heap, which the loader's tables do not map.
    let root = ROOT.load(Ordering::Acquire) as u64;
    cpu::switch_to_root(root);
    // SAFETY: leaked by `start_processors` for this processor.
    let parameters = unsafe { &*parameters };
    // SAFETY: once, with this processor's own index and stack.
    unsafe { cpu::init(parameters.index, parameters.stack, parameters.root) };
    while READY.load(Ordering::Acquire) == 0 {
        core::hint::spin_loop();
    }
    enter::run()
}

/// The kernel's root, for processors that still run on the loader's tables.
static ROOT: AtomicUsize = AtomicUsize::new(0);
