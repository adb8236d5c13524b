//! The page below 1 MiB in which other processors start and wait, and from which the boot
//! processor enters the kernel.
//!
//! One page for both, because both change page tables: the instruction behind the change
//! must be mapped at the same address in the old tables and in the new ones.

use core::arch::global_asm;
use core::mem::offset_of;
use core::ptr;

use loader_core::{HHDM_OFFSET, Handover, Processor};

use crate::apic::LocalApic;
use crate::registers::paging_features;

const PAGE_SIZE: usize = 4096;
const LONG_MODE_ENABLE: u32 = 1 << 8;
const NO_EXECUTE_ENABLE: u32 = 1 << 11;
/// Pauses between reset and start-up. A processor of this century needs none; QEMU's must
/// get a chance to take the reset, because it would take the start-up first.
const PAUSES_AFTER_INIT: u32 = 2000;
/// Pauses until the start-up interrupt is sent again.
const PAUSES_PER_ATTEMPT: u32 = 500_000;
/// Start-up interrupts before a processor is given up.
const MAX_ATTEMPTS: u32 = 20;

/// What the code in the page reads; it lies at the page's end.
#[repr(C)]
struct Parameters {
    /// Stack of the processor that is being started.
    stack_top: u64,
    /// What the protocol keeps about it, in the direct map.
    info: u64,
    /// Address of `started` in the direct map: the page itself is not writable once the
    /// new tables are in force.
    started_address: u64,
    /// Not 0 once the processor runs in long mode.
    started: u32,
    /// Bits to set in EFER.
    efer: u32,
    /// Not 0 when x2APIC mode is to be switched on.
    use_x2apic: u32,
    page_table_root: u32,
    /// Far pointers into the 32-bit and the 64-bit code.
    code32_offset: u32,
    code32_selector: u32,
    code64_offset: u32,
    code64_selector: u32,
    /// Operand of the first LGDT, at the page's own address.
    gdt_padding: u16,
    gdt_limit: u16,
    gdt_base: u32,
    /// Operand of the second LGDT, in the direct map.
    high_gdt_padding: [u16; 3],
    high_gdt_limit: u16,
    high_gdt_base: u64,
    gdt: [u64; 7],
}

/// Selectors and order are the protocol's; the accessed bits are set beforehand because the
/// page is read-only when the processor would set them.
const GDT: [u64; 7] = [
    0,
    0x0000_9b00_0000_ffff, // 0x08: 16-bit code
    0x0000_9300_0000_ffff, // 0x10: 16-bit data
    0x00cf_9b00_0000_ffff, // 0x18: 32-bit code
    0x00cf_9300_0000_ffff, // 0x20: 32-bit data
    0x00af_9b00_0000_ffff, // 0x28: 64-bit code
    0x00cf_9300_0000_ffff, // 0x30: 64-bit data
];

const PARAMETERS_OFFSET: usize = PAGE_SIZE - size_of::<Parameters>();

// PAT: write back, write through, uncached-, uncached, write protect, write combining.
// CR0: paging, write protect, extension type, protection; caches on.
global_asm!(
    ".text",
    ".balign 16",
    ".global loader_trampoline_start",
    "loader_trampoline_start:",
    ".code16",
    "    cli",
    "    cld",
    "    xorl %ebx, %ebx",
    "    movw %cs, %bx",
    "    movw %bx, %ds",
    "    shll $4, %ebx",
    "    lgdtl {gdt_limit}",
    "    movl %cr0, %eax",
    "    orl $1, %eax",
    "    movl %eax, %cr0",
    "    ljmpl *{code32}",
    ".code32",
    ".global loader_trampoline_code32",
    "loader_trampoline_code32:",
    "    movl $0x20, %eax",
    "    movw %ax, %ds",
    "    movw %ax, %es",
    "    movw %ax, %ss",
    "    movl %cr4, %eax",
    "    orl $0x20, %eax",
    "    movl %eax, %cr4",
    "    movl {root}(%ebx), %eax",
    "    movl %eax, %cr3",
    "    movl $0xc0000080, %ecx",
    "    rdmsr",
    "    orl {efer}(%ebx), %eax",
    "    wrmsr",
    "    movl $0x80010011, %eax",
    "    movl %eax, %cr0",
    "    ljmpl *{code64}(%ebx)",
    ".code64",
    ".global loader_trampoline_code64",
    "loader_trampoline_code64:",
    "    movl %ebx, %ebx",
    "    movl $0x277, %ecx",
    "    movl $0x00070406, %eax",
    "    movl $0x00000105, %edx",
    "    wrmsr",
    "    lgdt {high_gdt_limit}(%rbx)",
    "    movl $0x30, %eax",
    "    movw %ax, %ds",
    "    movw %ax, %es",
    "    movw %ax, %ss",
    "    movw %ax, %fs",
    "    movw %ax, %gs",
    "    movq {stack_top}(%rbx), %rsp",
    "    movq {info}(%rbx), %rdi",
    "    cmpl $0, {use_x2apic}(%rbx)",
    "    je 2f",
    "    movl $0x1b, %ecx",
    "    rdmsr",
    "    orl $0x400, %eax",
    "    wrmsr",
    "2:",
    "    movq {started_address}(%rbx), %rax",
    "    movl $1, (%rax)",
    "3:",
    "    pause",
    "    movq 16(%rdi), %rax",
    "    testq %rax, %rax",
    "    jz 3b",
    "    pushq $0",
    "    pushq %rax",
    "    xorl %esi, %esi",
    "    jmp 4f",
    // rdi: address of the page; rsi: the kernel's entry; rdx: its stack.
    ".global loader_trampoline_enter",
    "loader_trampoline_enter:",
    "    cli",
    "    cld",
    "    movq %rdi, %rbx",
    "    movq %rdx, %r8",
    "    movl $0xc0000080, %ecx",
    "    rdmsr",
    "    orl {efer}(%rbx), %eax",
    "    wrmsr",
    // Global pages, process contexts and the supervisor-mode bits would keep or break things
    // that the firmware set up.
    "    movq %cr4, %rax",
    "    andq $0xffffffffffcdff7f, %rax",
    "    movq %rax, %cr4",
    "    movl {root}(%rbx), %eax",
    "    movq %rax, %cr3",
    "    movl $0x277, %ecx",
    "    movl $0x00070406, %eax",
    "    movl $0x00000105, %edx",
    "    wrmsr",
    "    movl $0x80010011, %eax",
    "    movq %rax, %cr0",
    "    lgdt {high_gdt_limit}(%rbx)",
    "    movl $0x30, %eax",
    "    movw %ax, %ds",
    "    movw %ax, %es",
    "    movw %ax, %ss",
    "    movw %ax, %fs",
    "    movw %ax, %gs",
    "    movq %r8, %rsp",
    "    pushq $0x28",
    "    leaq 5f(%rip), %rax",
    "    pushq %rax",
    "    lretq",
    "5:",
    "    pushq $0",
    "    pushq %rsi",
    "    xorl %edi, %edi",
    "    xorl %esi, %esi",
    "4:",
    "    xorl %eax, %eax",
    "    xorl %ebx, %ebx",
    "    xorl %ecx, %ecx",
    "    xorl %edx, %edx",
    "    xorl %ebp, %ebp",
    "    xorl %r8d, %r8d",
    "    xorl %r9d, %r9d",
    "    xorl %r10d, %r10d",
    "    xorl %r11d, %r11d",
    "    xorl %r12d, %r12d",
    "    xorl %r13d, %r13d",
    "    xorl %r14d, %r14d",
    "    xorl %r15d, %r15d",
    "    retq",
    ".global loader_trampoline_end",
    "loader_trampoline_end:",
    gdt_limit = const PARAMETERS_OFFSET + offset_of!(Parameters, gdt_limit),
    high_gdt_limit = const PARAMETERS_OFFSET + offset_of!(Parameters, high_gdt_limit),
    code32 = const PARAMETERS_OFFSET + offset_of!(Parameters, code32_offset),
    code64 = const PARAMETERS_OFFSET + offset_of!(Parameters, code64_offset),
    root = const PARAMETERS_OFFSET + offset_of!(Parameters, page_table_root),
    efer = const PARAMETERS_OFFSET + offset_of!(Parameters, efer),
    stack_top = const PARAMETERS_OFFSET + offset_of!(Parameters, stack_top),
    info = const PARAMETERS_OFFSET + offset_of!(Parameters, info),
    use_x2apic = const PARAMETERS_OFFSET + offset_of!(Parameters, use_x2apic),
    started_address = const PARAMETERS_OFFSET + offset_of!(Parameters, started_address),
    options(att_syntax),
);

unsafe extern "C" {
    static loader_trampoline_start: u8;
    static loader_trampoline_code32: u8;
    static loader_trampoline_code64: u8;
    static loader_trampoline_enter: u8;
    static loader_trampoline_end: u8;
}

/// The installed page.
#[derive(Debug)]
pub struct Trampoline {
    page: u64,
    parameters: *mut Parameters,
}

impl Trampoline {
    /// Copies the code to `page` and fills in what does not depend on the processor.
    ///
    /// # Safety
    ///
    /// `page` is an unused page below 1 MiB in the identity map, and mapped executable at
    /// its own address by the tables of `handover`.
    #[must_use]
    pub unsafe fn install(page: u64, handover: &Handover) -> Self {
        let start = &raw const loader_trampoline_start;
        let offset = |symbol: *const u8| (symbol as usize - start as usize) as u32;
        let page_address = page as u32;
        let parameters = (page as usize + PARAMETERS_OFFSET) as *mut Parameters;
        let direct = |field: usize| HHDM_OFFSET + page + (PARAMETERS_OFFSET + field) as u64;
        let no_execute = if paging_features().no_execute {
            NO_EXECUTE_ENABLE
        } else {
            0
        };
        let gdt_limit = (size_of_val(&GDT) - 1) as u16;
        let gdt_offset = PARAMETERS_OFFSET + offset_of!(Parameters, gdt);
        let contents = Parameters {
            stack_top: 0,
            info: 0,
            started_address: direct(offset_of!(Parameters, started)),
            started: 0,
            efer: LONG_MODE_ENABLE | no_execute,
            use_x2apic: u32::from(handover.use_x2apic),
            page_table_root: handover.page_table_root as u32,
            code32_offset: page_address + offset(&raw const loader_trampoline_code32),
            code32_selector: 0x18,
            code64_offset: page_address + offset(&raw const loader_trampoline_code64),
            code64_selector: 0x28,
            gdt_padding: 0,
            gdt_limit,
            gdt_base: page_address + gdt_offset as u32,
            high_gdt_padding: [0; 3],
            high_gdt_limit: gdt_limit,
            high_gdt_base: direct(offset_of!(Parameters, gdt)),
            gdt: GDT,
        };
        let length = offset(&raw const loader_trampoline_end) as usize;
        assert!(length <= PARAMETERS_OFFSET);
        // SAFETY: the caller hands over the page; code and parameters fit, as checked above.
        unsafe {
            ptr::copy_nonoverlapping(start, page as usize as *mut u8, length);
            parameters.write(contents);
        }
        Self { page, parameters }
    }

    /// Starts one processor and waits until it is in long mode; says whether it got there.
    pub fn start_processor(&mut self, apic: &LocalApic, processor: &Processor) -> bool {
        // SAFETY: the page is ours, and no other processor reads these fields: all that were
        // started before wait for their kernel's word.
        let started = unsafe {
            (&raw mut (*self.parameters).stack_top).write_volatile(processor.stack_top);
            (&raw mut (*self.parameters).info).write_volatile(processor.info);
            let started = &raw mut (*self.parameters).started;
            started.write_volatile(0);
            started
        };
        apic.send_init(processor.lapic_id);
        (0..PAUSES_AFTER_INIT).for_each(|_| core::hint::spin_loop());
        for _ in 0..MAX_ATTEMPTS {
            apic.send_startup(processor.lapic_id, self.page);
            for _ in 0..PAUSES_PER_ATTEMPT {
                // SAFETY: the field is in our page; the other processor writes it once.
                if unsafe { started.read_volatile() } != 0 {
                    return true;
                }
                core::hint::spin_loop();
            }
        }
        // Parked for good, so that it cannot wake up on the next processor's stack.
        apic.send_init(processor.lapic_id);
        false
    }

    /// Changes to the kernel's page tables and stack, and jumps to it.
    ///
    /// # Safety
    ///
    /// The tables that the page was installed with map `entry` and the stack.
    pub unsafe fn enter_kernel(&self, entry: u64, stack_top: u64) -> ! {
        let start = (&raw const loader_trampoline_start) as usize;
        let offset = (&raw const loader_trampoline_enter) as usize - start;
        // SAFETY: the code was copied to the page by `install`, with this signature.
        let enter: extern "sysv64" fn(u64, u64, u64) -> ! =
            unsafe { core::mem::transmute(self.page as usize + offset) };
        enter(self.page, entry, stack_top)
    }
}
