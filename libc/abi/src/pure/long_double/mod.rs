//! Mathematics for `long double` (C 7.12), the x87's 80-bit format.
//!
//! Rust has no such type, so each C name is a short naked function: it stores its
//! arguments from the stack to memory, calls an ordinary function over [`Extended`]
//! operands, and loads the result into st(0), where the ABI wants it. What the x87 does
//! exactly (rounding, remainder, square root, scaling) is in `x87`; the rest is computed in
//! double precision, so those results carry 53 good bits.

#[macro_use]
mod x87;

use self::x87::*;
use core::arch::{asm, naked_asm};
use core::ffi::{c_char, c_int};
use libc_algo::float::Extended;

/// `long double name(long double)` from a Rust function over `&Extended`.
macro_rules! unary {
    ($($name:ident = $body:expr;)*) => {$(
        /// C 7.12, the function of this name.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            unsafe extern "C" fn inner(result: *mut Extended, value: *const Extended) {
                let body: fn(&Extended) -> Extended = $body;
                // SAFETY: the shim passes its own stack.
                unsafe { result.write(body(&*value)) }
            }
            naked_asm!(
                "sub rsp, 24",
                "mov rdi, rsp",
                "lea rsi, [rsp + 32]",
                "call {inner}",
                "fld tbyte ptr [rsp]",
                "add rsp, 24",
                "ret",
                inner = sym inner,
            )
        }
    )*};
}

/// `long double name(long double, long double)`.
macro_rules! binary {
    ($($name:ident = $body:expr;)*) => {$(
        /// C 7.12, the function of this name.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            unsafe extern "C" fn inner(result: *mut Extended, left: *const Extended, right: *const Extended) {
                let body: fn(&Extended, &Extended) -> Extended = $body;
                // SAFETY: the shim passes its own stack.
                unsafe { result.write(body(&*left, &*right)) }
            }
            naked_asm!(
                "sub rsp, 24",
                "mov rdi, rsp",
                "lea rsi, [rsp + 32]",
                "lea rdx, [rsp + 48]",
                "call {inner}",
                "fld tbyte ptr [rsp]",
                "add rsp, 24",
                "ret",
                inner = sym inner,
            )
        }
    )*};
}

/// `long double name(long double, T)` where T is an integer or a pointer (in rdi).
macro_rules! with_word {
    ($($name:ident($type:ty) = $body:expr;)*) => {$(
        /// C 7.12, the function of this name.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            unsafe extern "C" fn inner(result: *mut Extended, value: *const Extended, word: $type) {
                let body: fn(&Extended, $type) -> Extended = $body;
                // SAFETY: the shim passes its own stack and the caller's argument.
                unsafe { result.write(body(&*value, word)) }
            }
            naked_asm!(
                "sub rsp, 24",
                "mov rdx, rdi",
                "mov rdi, rsp",
                "lea rsi, [rsp + 32]",
                "call {inner}",
                "fld tbyte ptr [rsp]",
                "add rsp, 24",
                "ret",
                inner = sym inner,
            )
        }
    )*};
}

/// `T name(long double)` where T travels in rax.
macro_rules! to_word {
    ($($name:ident -> $type:ty = $body:expr;)*) => {$(
        /// C 7.12, the function of this name.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            unsafe extern "C" fn inner(value: *const Extended) -> $type {
                let body: fn(&Extended) -> $type = $body;
                // SAFETY: the shim passes its caller's stack.
                unsafe { body(&*value) }
            }
            naked_asm!("sub rsp, 8", "lea rdi, [rsp + 16]", "call {inner}", "add rsp, 8", "ret", inner = sym inner)
        }
    )*};
}

unary! {
    fabsl = absolute;
    sqrtl = |value| x87!(value; "fsqrt");
    rintl = |value| x87!(value; "frndint");
    nearbyintl = |value| x87!(value; "frndint");
    floorl = |value| round_with(value, DOWN);
    ceill = |value| round_with(value, UP);
    truncl = |value| round_with(value, TO_ZERO);
    roundl = round_away;
    roundevenl = |value| round_with(value, 0);
    logl = |value| x87!(value; "fldln2", "fxch st(1)", "fyl2x");
    log2l = |value| x87!(value; "fld1", "fxch st(1)", "fyl2x");
    log10l = |value| x87!(value; "fldlg2", "fxch st(1)", "fyl2x");
    exp2l = exponential2;
    expl = |value| if is_finite(value) { exponential2(&x87!(value; "fldl2e", "fmulp st(1), st")) } else { through(value, libm::exp) };
    exp10l = |value| if is_finite(value) { exponential2(&x87!(value; "fldl2t", "fmulp st(1), st")) } else { through(value, libm::exp10) };
    pow10l = |value| if is_finite(value) { exponential2(&x87!(value; "fldl2t", "fmulp st(1), st")) } else { through(value, libm::exp10) };
    atanl = |value| x87!(value; "fld1", "fpatan");
    logbl = |value| match exponent_of(value) {
        ILOGB_NONE if is_nan(value) => *value,
        ILOGB_NONE => infinity(true),
        c_int::MAX => infinity(false),
        power => Extended::from_f64(f64::from(power)),
    };
    acosl = |value| through(value, libm::acos);
    acoshl = |value| through(value, libm::acosh);
    asinl = |value| through(value, libm::asin);
    asinhl = |value| through(value, libm::asinh);
    atanhl = |value| through(value, libm::atanh);
    cbrtl = |value| through(value, libm::cbrt);
    cosl = |value| through(value, libm::cos);
    coshl = |value| through(value, libm::cosh);
    erfl = |value| through(value, libm::erf);
    erfcl = |value| through(value, libm::erfc);
    expm1l = |value| through(value, libm::expm1);
    lgammal = |value| through(value, libm::lgamma);
    log1pl = |value| through(value, libm::log1p);
    sinl = |value| through(value, libm::sin);
    sinhl = |value| through(value, libm::sinh);
    tanl = |value| through(value, libm::tan);
    tanhl = |value| through(value, libm::tanh);
    tgammal = |value| through(value, libm::tgamma);
}

binary! {
    copysignl = |left, right| Extended { sign_exponent: left.sign_exponent & !SIGN | right.sign_exponent & SIGN, ..*left };
    fmodl = |left, right| x87!(left, right; "2:", "fprem", "fnstsw ax", "test ah, 4", "jnz 2b", "fstp st(1)");
    remainderl = |left, right| x87!(left, right; "2:", "fprem1", "fnstsw ax", "test ah, 4", "jnz 2b", "fstp st(1)");
    // FPATAN divides st(1) by st(0): exchange the operands.
    atan2l = |left, right| x87!(right, left; "fpatan");
    fmaxl = |left, right| if is_nan(right) { *left } else { maximum(left, right) };
    fminl = |left, right| if is_nan(right) { *left } else { minimum(left, right) };
    fdiml = positive_difference;
    hypotl = square_root_of_squares;
    nextafterl = next_after;
    nexttowardl = next_after;
    powl = raise;
}

with_word! {
    ldexpl(c_int) = |value, exponent| scale(value, i64::from(exponent));
    scalbnl(c_int) = |value, exponent| scale(value, i64::from(exponent));
    scalblnl(i64) = scale;
    frexpl(*mut c_int) = |value, exponent| {
        let (fraction, power) = split(value);
        // SAFETY: the caller's place for an `int`.
        unsafe { *exponent = power };
        fraction
    };
    modfl(*mut Extended) = |value, integer| {
        let whole = round_with(value, TO_ZERO);
        // SAFETY: the caller's place for a `long double`; only its ten bytes are written.
        unsafe {
            (&raw mut (*integer).significand).write(whole.significand);
            (&raw mut (*integer).sign_exponent).write(whole.sign_exponent);
        }
        let rest = if is_finite(value) { subtract(value, &whole) } else { Extended::default() };
        if is_nan(value) { *value } else { Extended { sign_exponent: rest.sign_exponent & !SIGN | value.sign_exponent & SIGN, ..rest } }
    };
    lgammal_r(*mut c_int) = |value, sign| {
        let (result, negative) = libm::lgamma_r(value.to_f64());
        // SAFETY: the caller's place for an `int`.
        unsafe { *sign = negative };
        Extended::from_f64(result)
    };
}

to_word! {
    ilogbl -> c_int = exponent_of;
    lrintl -> i64 = to_integer;
    llrintl -> i64 = to_integer;
    lroundl -> i64 = |value| to_integer(&round_away(value));
    llroundl -> i64 = |value| to_integer(&round_away(value));
    __signbitl -> c_int = |value| c_int::from(value.sign_exponent >> 15);
    __isnanl -> c_int = |value| c_int::from(is_nan(value));
    __isinfl -> c_int = |value| c_int::from(!is_finite(value) && !is_nan(value));
    __fpclassifyl -> c_int = |value| match (is_nan(value), is_finite(value), is_zero(value)) {
        (true, ..) => 0,
        (_, false, _) => 1,
        (_, _, true) => 2,
        _ if value.sign_exponent & 0x7fff == 0 => 3,
        _ => 4,
    };
}

/// C 7.12.11.2.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn nanl(_: *const c_char) {
    naked_asm!("fldz", "fldz", "fdivp st(1), st", "fabs", "ret")
}

/// C 7.12.13.1: a product of 64 by 64 bits has no home on the x87, so its low half is
/// computed apart (Dekker) and added last.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn fmal() {
    unsafe extern "C" fn inner(result: *mut Extended, operands: *const [u8; 16]) {
        // SAFETY: the shim passes three operands, 16 bytes apart.
        unsafe {
            let operand = |index: usize| &*operands.add(index).cast::<Extended>();
            result.write(multiply_add(operand(0), operand(1), operand(2)));
        }
    }
    naked_asm!(
        "sub rsp, 24", "mov rdi, rsp", "lea rsi, [rsp + 32]", "call {inner}", "fld tbyte ptr [rsp]", "add rsp, 24", "ret",
        inner = sym inner,
    )
}

/// C 7.12.10.3: the remainder as by `remainderl`, and the quotient's low bits.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn remquol() {
    unsafe extern "C" fn inner(
        result: *mut Extended,
        operands: *const [u8; 16],
        quotient: *mut c_int,
    ) {
        // SAFETY: the shim passes two operands, 16 bytes apart, and the caller's place.
        unsafe {
            let (left, right) = (
                &*operands.cast::<Extended>(),
                &*operands.add(1).cast::<Extended>(),
            );
            let mut status = 0u16;
            let mut remainder = Extended::default();
            asm!(
                "fld tbyte ptr [{right}]", "fld tbyte ptr [{left}]", "2:", "fprem1", "fnstsw ax", "test ah, 4", "jnz 2b",
                "fstp tbyte ptr [{remainder}]", "fstp st(0)",
                left = in(reg) left, right = in(reg) right, remainder = in(reg) &raw mut remainder, inout("ax") status,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _, options(nostack)
            );
            // The three low quotient bits are condition codes 0, 3 and 1, high to low.
            let status = c_int::from(status);
            let bits = (status >> 8 & 1) << 2 | (status >> 14 & 1) << 1 | status >> 9 & 1;
            let negative = (left.sign_exponent ^ right.sign_exponent) & SIGN != 0;
            *quotient = if negative { -bits } else { bits };
            result.write(remainder);
        }
    }
    naked_asm!(
        "sub rsp, 24", "mov rdx, rdi", "mov rdi, rsp", "lea rsi, [rsp + 32]", "call {inner}", "fld tbyte ptr [rsp]", "add rsp, 24", "ret",
        inner = sym inner,
    )
}

/// GNU.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn sincosl() {
    unsafe extern "C" fn inner(value: *const Extended, sine: *mut Extended, cosine: *mut Extended) {
        // SAFETY: the shim passes its caller's operand and places; ten bytes of each are written.
        unsafe {
            for (place, function) in [(sine, libm::sin as fn(f64) -> f64), (cosine, libm::cos)] {
                let result = through(&*value, function);
                (&raw mut (*place).significand).write(result.significand);
                (&raw mut (*place).sign_exponent).write(result.sign_exponent);
            }
        }
    }
    naked_asm!("sub rsp, 8", "mov rdx, rsi", "mov rsi, rdi", "lea rdi, [rsp + 16]", "call {inner}", "add rsp, 8", "ret", inner = sym inner)
}

/// `nexttoward` and `nexttowardf`: the first operand and the result are in xmm0.
macro_rules! next_toward {
    ($($name:ident $float:ty, $store:literal, $load:literal, $next:expr;)*) => {$(
        /// C 7.12.11.4.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            unsafe extern "C" fn inner(place: *mut $float, to: *const Extended) {
                // SAFETY: the shim passes its own and its caller's stack.
                unsafe {
                    let from = *place;
                    let wide = Extended::from_f64(from.into());
                    let target = &*to;
                    let next: fn($float, $float) -> $float = $next;
                    *place = if is_nan(target) {
                        <$float>::NAN
                    } else if less(&wide, target) {
                        next(from, <$float>::INFINITY)
                    } else if less(target, &wide) {
                        next(from, <$float>::NEG_INFINITY)
                    } else {
                        from
                    };
                }
            }
            naked_asm!("sub rsp, 24", $store, "mov rdi, rsp", "lea rsi, [rsp + 32]", "call {inner}", $load, "add rsp, 24", "ret", inner = sym inner)
        }
    )*};
}

next_toward! {
    nexttoward f64, "movsd [rsp], xmm0", "movsd xmm0, [rsp]", libm::nextafter;
    nexttowardf f32, "movss [rsp], xmm0", "movss xmm0, [rsp]", libm::nextafterf;
}
