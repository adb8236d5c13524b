use core::arch::asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, Ordering};

use limine::BaseRevision;
use limine::memmap::{MEMMAP_EXECUTABLE_AND_MODULES, MEMMAP_USABLE};
use limine::mp::MpInfo;
use limine::request::{
    BootloaderInfoRequest, DateAtBootRequest, ExecutableAddressRequest, ExecutableCmdlineRequest,
    FirmwareTypeRequest, FramebufferRequest, HhdmRequest, MemmapRequest, ModulesRequest, MpRequest,
    RsdpRequest, StackSizeRequest,
};

static BASE_REVISION: BaseRevision = BaseRevision::new();
static BOOTLOADER: BootloaderInfoRequest = BootloaderInfoRequest::new();
static COMMAND_LINE: ExecutableCmdlineRequest = ExecutableCmdlineRequest::new();
static FIRMWARE: FirmwareTypeRequest = FirmwareTypeRequest::new();
static HHDM: HhdmRequest = HhdmRequest::new();
static MEMORY_MAP: MemmapRequest = MemmapRequest::new();
static MODULES: ModulesRequest = ModulesRequest::new();
static FRAMEBUFFER: FramebufferRequest = FramebufferRequest::new();
static RSDP: RsdpRequest = RsdpRequest::new();
static DATE: DateAtBootRequest = DateAtBootRequest::new();
static ADDRESS: ExecutableAddressRequest = ExecutableAddressRequest::new();
static STACK: StackSizeRequest = StackSizeRequest::new(256 * 1024);
static PROCESSORS: MpRequest = MpRequest::new(1);

/// Large enough to span pages of the segment that have no contents in the file.
static ZEROES: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];
static STARTED: AtomicU64 = AtomicU64::new(0);
static READ_ONLY: [u64; 4] = [1, 2, 3, 4];

struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: QEMU's serial port takes a byte at any time.
            unsafe { asm!("out dx, al", in("dx") 0x3f8_u16, in("al") byte) };
        }
        Ok(())
    }
}

macro_rules! print {
    ($($argument:tt)*) => { let _ = writeln!(Serial, $($argument)*); };
}

/// The kernel's entry.
#[unsafe(no_mangle)]
pub extern "C" fn kernel_main() -> ! {
    print!("supported={}", BASE_REVISION.is_supported());
    print!("revision={:?}", BASE_REVISION.actual_revision());
    if let Some(response) = BOOTLOADER.response() {
        print!("loader={} {}", response.name(), response.version());
    }
    if let Some(response) = COMMAND_LINE.response() {
        print!("command_line={}", response.cmdline());
    }
    if let Some(response) = FIRMWARE.response() {
        print!("firmware={}", response.firmware_type);
    }
    if let Some(response) = DATE.response() {
        print!("date={}", response.timestamp);
    }
    print!("stack={}", STACK.response().is_some());
    // Written once, so that the compiler cannot know what the rest holds.
    ZEROES[READ_ONLY.len()].fetch_add(0, Ordering::Relaxed);
    let zero = ZEROES.iter().all(|word| word.load(Ordering::Relaxed) == 0);
    print!("zeroes={zero}");
    let offset = HHDM.response().map_or(0, |response| response.offset);
    print!("hhdm={offset:#x}");
    print_memory(offset);
    print_modules();
    print_framebuffer();
    print_rsdp();
    print_mappings(offset);
    print_processors();
    exit(0x10)
}

fn print_memory(offset: u64) {
    let Some(response) = MEMORY_MAP.response() else {
        return;
    };
    let entries = response.entries();
    let sorted = entries
        .windows(2)
        .all(|pair| pair[0].base + pair[0].length <= pair[1].base);
    let usable = entries.iter().filter(|entry| entry.type_ == MEMMAP_USABLE);
    let total: u64 = usable.clone().map(|entry| entry.length).sum();
    let aligned = usable
        .clone()
        .all(|entry| (entry.base | entry.length) % 4096 == 0);
    // The kernel may write to every usable page: try the last word of each region.
    let writable = usable.clone().all(|entry| {
        let last = (offset + entry.base + entry.length - 8) as *mut u64;
        // SAFETY: usable memory, in the direct map.
        unsafe {
            last.write_volatile(0x0123_4567_89ab_cdef);
            last.read_volatile() == 0x0123_4567_89ab_cdef
        }
    });
    print!("memory_sorted={sorted}");
    print!("memory_aligned={aligned}");
    print!("memory_writable={writable}");
    print!("memory_mib={}", total >> 20);
    let kernel = entries
        .iter()
        .filter(|entry| entry.type_ == MEMMAP_EXECUTABLE_AND_MODULES);
    print!("memory_kernel={}", kernel.count() > 0);
    for entry in entries {
        print!(
            "region {:#x} {:#x} {}",
            entry.base,
            entry.base + entry.length,
            entry.type_
        );
    }
}

fn print_modules() {
    let Some(response) = MODULES.response() else {
        return;
    };
    for module in response.modules() {
        let data = module.data();
        let sum = data.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        print!("module={} {} {sum}", module.path(), data.len());
    }
}

fn print_framebuffer() {
    let Some(response) = FRAMEBUFFER.response() else {
        return;
    };
    for screen in response.framebuffers() {
        print!(
            "framebuffer={}x{}x{}",
            screen.width, screen.height, screen.bpp
        );
        // SAFETY: the framebuffer's last word, which the loader maps writable.
        unsafe {
            screen
                .address()
                .cast::<u8>()
                .add(screen.size() - 4)
                .cast::<u32>()
                .write_volatile(!0)
        };
    }
}

fn print_rsdp() {
    let Some(response) = RSDP.response() else {
        return;
    };
    // SAFETY: from base revision 4 on the address is in the direct map.
    let signature = unsafe { response.address.cast::<[u8; 8]>().read_volatile() };
    print!("rsdp={}", core::str::from_utf8(&signature).unwrap_or("?"));
}

/// Prints how addresses are mapped, as `rwx` letters.
fn print_mappings(offset: u64) {
    let stack = 0_u64;
    print!(
        "map_text={}",
        mapping(kernel_main as *const () as u64, offset)
    );
    print!("map_rodata={}", mapping(READ_ONLY.as_ptr() as u64, offset));
    print!("map_data={}", mapping((&raw const STARTED) as u64, offset));
    print!("map_stack={}", mapping((&raw const stack) as u64, offset));
    if let Some(response) = ADDRESS.response() {
        let text = kernel_main as *const () as u64;
        let physical = text - response.virtual_base + response.physical_base;
        // SAFETY: the kernel's first instruction, seen through both mappings.
        let same = unsafe {
            (text as *const u64).read_volatile()
                == ((physical + offset) as *const u64).read_volatile()
        };
        print!("address={same}");
        print!("map_alias={}", mapping(physical + offset, offset));
    }
}

fn mapping(address: u64, offset: u64) -> &'static str {
    let root: u64;
    // SAFETY: reading CR3 changes nothing.
    unsafe { asm!("mov {}, cr3", out(reg) root) };
    let mut entry = root;
    for level in (0..4).rev() {
        let table = (entry & 0x000f_ffff_ffff_f000) + offset;
        let index = (address >> (12 + 9 * level)) & 511;
        // SAFETY: page tables are reclaimable memory, in the direct map.
        entry = unsafe { ((table + 8 * index) as *const u64).read_volatile() };
        if entry & 1 == 0 {
            return "absent";
        }
        if level > 0 && entry & 0x80 != 0 {
            break;
        }
    }
    match (entry & 2 != 0, entry >> 63 == 0) {
        (false, false) => "r",
        (true, false) => "rw",
        (false, true) => "rx",
        (true, true) => "rwx",
    }
}

fn print_processors() {
    let Some(response) = PROCESSORS.response() else {
        return;
    };
    let mut expected = 0;
    for processor in response.cpus() {
        if processor.lapic_id != response.bsp_lapic_id {
            expected += 1;
            processor.bootstrap(processor_main, 0x1000 + u64::from(processor.lapic_id));
        }
    }
    while STARTED.load(Ordering::Acquire) < expected {
        core::hint::spin_loop();
    }
    print!("processors={}", response.cpus().len());
}

/// Where the other processors arrive.
unsafe extern "C" fn processor_main(info: &MpInfo) -> ! {
    if info.extra_argument() == 0x1000 + u64::from(info.lapic_id) {
        STARTED.fetch_add(1, Ordering::AcqRel);
    }
    loop {
        // SAFETY: interrupts are off; the processor has nothing left to do.
        unsafe { asm!("hlt") };
    }
}

fn exit(value: u32) -> ! {
    // SAFETY: QEMU's debug exit device.
    unsafe { asm!("out dx, eax", in("dx") 0xf4_u16, in("eax") value) };
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(information: &PanicInfo<'_>) -> ! {
    print!("panic={information}");
    exit(0x11)
}
