//! Complex arithmetic (C 7.3). A `double _Complex` travels like a structure of two
//! doubles, a `float _Complex` like one of two floats, both in SSE registers; a
//! `long double _Complex` comes on the stack and goes back in st(0) and st(1).

use core::arch::naked_asm;
use libc_algo::complex::{Complex, complex};
use libc_algo::float::Extended;

/// `float _Complex`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Single {
    re: f32,
    im: f32,
}

impl Single {
    fn wide(self) -> Complex {
        complex(self.re.into(), self.im.into())
    }
}

impl From<Complex> for Single {
    fn from(value: Complex) -> Self {
        Single {
            re: value.re as f32,
            im: value.im as f32,
        }
    }
}

/// A `long double` in memory, padding included.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Slot(Extended);

/// Reads the complex number whose parts lie in two slots.
unsafe fn load(parts: *const Slot) -> Complex {
    // SAFETY: the shims pass two slots.
    unsafe { complex((*parts).0.to_f64(), (*parts.add(1)).0.to_f64()) }
}

unsafe fn store(parts: *mut Slot, value: Complex) {
    // SAFETY: the shims pass room for two slots.
    unsafe {
        parts.write(Slot(Extended::from_f64(value.re)));
        parts.add(1).write(Slot(Extended::from_f64(value.im)));
    }
}

/// Functions from complex to complex, in three precisions.
macro_rules! complex_functions {
    ($($method:ident $double:ident $single:ident $long:ident;)*) => {$(
        /// C 7.3.
        #[unsafe(no_mangle)]
        pub extern "C" fn $double(value: Complex) -> Complex {
            value.$method()
        }

        /// C 7.3.
        #[unsafe(no_mangle)]
        pub extern "C" fn $single(value: Single) -> Single {
            value.wide().$method().into()
        }

        /// C 7.3, with 53 good bits.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $long() {
            unsafe extern "C" fn inner(result: *mut Slot, value: *const Slot) {
                // SAFETY: the shim passes its own and its caller's stack.
                unsafe { store(result, load(value).$method()) }
            }
            naked_asm!(
                "sub rsp, 40", "mov rdi, rsp", "lea rsi, [rsp + 48]", "call {inner}",
                "fld tbyte ptr [rsp + 16]", "fld tbyte ptr [rsp]", "add rsp, 40", "ret",
                inner = sym inner,
            )
        }
    )*};
}

complex_functions! {
    acos cacos cacosf cacosl;
    asin casin casinf casinl;
    atan catan catanf catanl;
    acosh cacosh cacoshf cacoshl;
    asinh casinh casinhf casinhl;
    atanh catanh catanhf catanhl;
    cos ccos ccosf ccosl;
    sin csin csinf csinl;
    tan ctan ctanf ctanl;
    cosh ccosh ccoshf ccoshl;
    sinh csinh csinhf csinhl;
    tanh ctanh ctanhf ctanhl;
    exp cexp cexpf cexpl;
    log clog clogf clogl;
    sqrt csqrt csqrtf csqrtl;
}

/// C 7.3.8.2.
#[unsafe(no_mangle)]
pub extern "C" fn cpow(value: Complex, power: Complex) -> Complex {
    value.pow(power)
}

/// C 7.3.8.2.
#[unsafe(no_mangle)]
pub extern "C" fn cpowf(value: Single, power: Single) -> Single {
    value.wide().pow(power.wide()).into()
}

/// C 7.3.8.2, with 53 good bits.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn cpowl() {
    unsafe extern "C" fn inner(result: *mut Slot, operands: *const Slot) {
        // SAFETY: the shim passes its own and its caller's stack.
        unsafe { store(result, load(operands).pow(load(operands.add(2)))) }
    }
    naked_asm!(
        "sub rsp, 40", "mov rdi, rsp", "lea rsi, [rsp + 48]", "call {inner}",
        "fld tbyte ptr [rsp + 16]", "fld tbyte ptr [rsp]", "add rsp, 40", "ret",
        inner = sym inner,
    )
}

/// C 7.3.9.3.
#[unsafe(no_mangle)]
pub extern "C" fn conj(value: Complex) -> Complex {
    value.conj()
}

/// C 7.3.9.3.
#[unsafe(no_mangle)]
pub extern "C" fn conjf(value: Single) -> Single {
    Single {
        re: value.re,
        im: -value.im,
    }
}

/// C 7.3.9.3.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn conjl() {
    naked_asm!(
        "fld tbyte ptr [rsp + 24]",
        "fchs",
        "fld tbyte ptr [rsp + 8]",
        "ret"
    )
}

/// C 7.3.9.5.
#[unsafe(no_mangle)]
pub extern "C" fn cproj(value: Complex) -> Complex {
    value.proj()
}

/// C 7.3.9.5.
#[unsafe(no_mangle)]
pub extern "C" fn cprojf(value: Single) -> Single {
    value.wide().proj().into()
}

/// C 7.3.9.5: only an infinity is changed.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn cprojl() {
    unsafe extern "C" fn inner(result: *mut Slot, value: *const Slot) {
        let is_infinite =
            |part: &Extended| part.sign_exponent & 0x7fff == 0x7fff && part.significand << 1 == 0;
        // SAFETY: the shim passes its own and its caller's stack.
        unsafe {
            let (re, im) = ((*value).0, (*value.add(1)).0);
            if is_infinite(&re) || is_infinite(&im) {
                result.write(Slot(Extended {
                    significand: 1 << 63,
                    sign_exponent: 0x7fff,
                }));
                result.add(1).write(Slot(Extended {
                    significand: 0,
                    sign_exponent: im.sign_exponent & 0x8000,
                }));
            } else {
                result.write(Slot(re));
                result.add(1).write(Slot(im));
            }
        }
    }
    naked_asm!(
        "sub rsp, 40", "mov rdi, rsp", "lea rsi, [rsp + 48]", "call {inner}",
        "fld tbyte ptr [rsp + 16]", "fld tbyte ptr [rsp]", "add rsp, 40", "ret",
        inner = sym inner,
    )
}

/// C 7.3.8.1.
#[unsafe(no_mangle)]
pub extern "C" fn cabs(value: Complex) -> f64 {
    value.abs()
}

/// C 7.3.8.1.
#[unsafe(no_mangle)]
pub extern "C" fn cabsf(value: Single) -> f32 {
    value.wide().abs() as f32
}

/// C 7.3.8.1: the argument lies where `hypotl` wants its two.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn cabsl() {
    naked_asm!("jmp {hypotl}", hypotl = sym super::long_double::hypotl)
}

/// C 7.3.9.1.
#[unsafe(no_mangle)]
pub extern "C" fn carg(value: Complex) -> f64 {
    value.arg()
}

/// C 7.3.9.1.
#[unsafe(no_mangle)]
pub extern "C" fn cargf(value: Single) -> f32 {
    value.wide().arg() as f32
}

/// C 7.3.9.1: atan2l(im, re).
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn cargl() {
    naked_asm!(
        "fld tbyte ptr [rsp + 24]",
        "fld tbyte ptr [rsp + 8]",
        "fpatan",
        "ret"
    )
}

/// C 7.3.9.6.
#[unsafe(no_mangle)]
pub extern "C" fn creal(value: Complex) -> f64 {
    value.re
}

/// C 7.3.9.6.
#[unsafe(no_mangle)]
pub extern "C" fn crealf(value: Single) -> f32 {
    value.re
}

/// C 7.3.9.6.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn creall() {
    naked_asm!("fld tbyte ptr [rsp + 8]", "ret")
}

/// C 7.3.9.2.
#[unsafe(no_mangle)]
pub extern "C" fn cimag(value: Complex) -> f64 {
    value.im
}

/// C 7.3.9.2.
#[unsafe(no_mangle)]
pub extern "C" fn cimagf(value: Single) -> f32 {
    value.im
}

/// C 7.3.9.2.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn cimagl() {
    naked_asm!("fld tbyte ptr [rsp + 24]", "ret")
}
