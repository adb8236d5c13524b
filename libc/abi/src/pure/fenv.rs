//! The floating-point environment (C 7.6). There are two units, x87 and SSE, each with
//! its own control and status; C sees the union of their exceptions and one rounding mode.

use core::arch::asm;
use core::ffi::c_int;

const ALL: c_int = 0x3f;
const ROUNDING: c_int = 0xc00;
/// `FE_DFL_ENV`.
const DEFAULT: usize = usize::MAX;

/// `fenv_t`: what FNSTENV stores, then MXCSR.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Environment {
    control: u32,
    status: u32,
    tags: u32,
    rest: [u32; 4],
    mxcsr: u32,
}

fn mxcsr() -> u32 {
    let mut value = 0u32;
    // SAFETY: stores the register.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack)) };
    value
}

fn set_mxcsr(value: u32) {
    // SAFETY: loads the register; the callers keep its reserved bits.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack)) };
}

fn x87_status() -> c_int {
    let status: u16;
    // SAFETY: reads the status word.
    unsafe { asm!("fnstsw ax", out("ax") status, options(nostack, nomem)) };
    c_int::from(status)
}

fn x87_environment() -> Environment {
    let mut environment = Environment {
        control: 0,
        status: 0,
        tags: 0,
        rest: [0; 4],
        mxcsr: 0,
    };
    // SAFETY: FNSTENV writes 28 bytes and masks exceptions, which FLDENV undoes.
    unsafe {
        asm!("fnstenv [{0}]", "fldenv [{0}]", in(reg) &raw mut environment, options(nostack))
    };
    environment
}

fn load_x87(environment: &Environment) {
    // SAFETY: reads 28 bytes that FNSTENV once wrote.
    unsafe { asm!("fldenv [{}]", in(reg) environment, options(nostack)) };
}

/// C 7.6.2.1.
#[unsafe(no_mangle)]
pub extern "C" fn feclearexcept(mask: c_int) -> c_int {
    let mask = mask & ALL;
    if x87_status() & mask != 0 {
        let mut environment = x87_environment();
        environment.status &= !(mask as u32);
        load_x87(&environment);
    }
    set_mxcsr(mxcsr() & !(mask as u32));
    0
}

/// C 7.6.2.5.
#[unsafe(no_mangle)]
pub extern "C" fn fetestexcept(mask: c_int) -> c_int {
    (x87_status() | mxcsr() as c_int) & mask & ALL
}

/// C 7.6.2.3.
#[unsafe(no_mangle)]
pub extern "C" fn feraiseexcept(mask: c_int) -> c_int {
    set_mxcsr(mxcsr() | (mask & ALL) as u32);
    0
}

/// C 7.6.2.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fegetexceptflag(flags: *mut u16, mask: c_int) -> c_int {
    // SAFETY: the caller's place.
    unsafe { *flags = fetestexcept(mask) as u16 };
    0
}

/// C 7.6.2.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fesetexceptflag(flags: *const u16, mask: c_int) -> c_int {
    // SAFETY: the caller's place.
    let flags = c_int::from(unsafe { *flags });
    feclearexcept(!flags & mask);
    feraiseexcept(flags & mask)
}

/// C 7.6.3.1.
#[unsafe(no_mangle)]
pub extern "C" fn fegetround() -> c_int {
    (mxcsr() >> 3) as c_int & ROUNDING
}

/// C 7.6.3.2.
#[unsafe(no_mangle)]
pub extern "C" fn fesetround(mode: c_int) -> c_int {
    if mode & !ROUNDING != 0 {
        return -1;
    }
    let mut control = 0u16;
    // SAFETY: changes the rounding field only.
    unsafe {
        asm!("fnstcw [{}]", in(reg) &raw mut control, options(nostack));
        control = control & !(ROUNDING as u16) | mode as u16;
        asm!("fldcw [{}]", in(reg) &raw const control, options(nostack));
    }
    set_mxcsr(mxcsr() & !((ROUNDING as u32) << 3) | (mode as u32) << 3);
    0
}

/// What FLT_ROUNDS is (C 5.2.4.2.2): 0 to zero, 1 nearest, 2 up, 3 down.
#[unsafe(no_mangle)]
pub extern "C" fn __flt_rounds() -> c_int {
    match fegetround() {
        0x400 => 3,
        0x800 => 2,
        0xc00 => 0,
        _ => 1,
    }
}

/// C 7.6.4.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fegetenv(environment: *mut Environment) -> c_int {
    // SAFETY: the caller's place.
    unsafe {
        *environment = Environment {
            mxcsr: mxcsr(),
            ..x87_environment()
        }
    };
    0
}

/// C 7.6.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn feholdexcept(environment: *mut Environment) -> c_int {
    // SAFETY: the caller's place.
    unsafe { fegetenv(environment) };
    feclearexcept(ALL);
    set_mxcsr(mxcsr() | 0x1f80);
    0
}

/// C 7.6.4.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fesetenv(environment: *const Environment) -> c_int {
    if environment.addr() == DEFAULT {
        load_x87(&Environment {
            control: 0x37f,
            status: 0,
            tags: 0xffff,
            rest: [0; 4],
            mxcsr: 0,
        });
        set_mxcsr(0x1f80);
        return 0;
    }
    // SAFETY: the caller's environment, as `fegetenv` wrote it.
    unsafe {
        load_x87(&*environment);
        set_mxcsr((*environment).mxcsr);
    }
    0
}

/// C 7.6.4.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn feupdateenv(environment: *const Environment) -> c_int {
    let raised = fetestexcept(ALL);
    // SAFETY: as for `fesetenv`.
    unsafe { fesetenv(environment) };
    feraiseexcept(raised)
}
