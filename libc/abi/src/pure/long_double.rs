//! Mathematics for `long double` (C 7.12), the x87's 80-bit format.
//!
//! Rust has no such type, so each C name is a short naked function: it stores its
//! arguments from the stack to memory, calls an ordinary function over [`Extended`]
//! operands, and loads the result into st(0), where the ABI wants it. What the x87 does
//! exactly (rounding, remainder, square root, scaling) it does here; the rest is computed in
//! double precision, so those results carry 53 good bits.

use core::arch::{asm, naked_asm};
use core::ffi::{c_char, c_int};
use libc_algo::float::Extended;

/// Runs x87 instructions between loading `right` and `left` (so that left is st(0)) and
/// storing st(0).
macro_rules! x87 {
    ($left:expr; $($instruction:literal),*) => {{
        let mut result = Extended::default();
        // SAFETY: reads one operand, writes one result; the stack is empty before and after.
        unsafe {
            asm!(
                "fld tbyte ptr [{left}]", $($instruction,)* "fstp tbyte ptr [{result}]",
                left = in(reg) &raw const *$left, result = in(reg) &raw mut result,
                out("ax") _, out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _, options(nostack)
            );
        }
        result
    }};
    ($left:expr, $right:expr; $($instruction:literal),*) => {{
        let mut result = Extended::default();
        // SAFETY: reads two operands, writes one result; the stack is empty before and after.
        unsafe {
            asm!(
                "fld tbyte ptr [{right}]", "fld tbyte ptr [{left}]", $($instruction,)* "fstp tbyte ptr [{result}]",
                left = in(reg) &raw const *$left, right = in(reg) &raw const *$right, result = in(reg) &raw mut result,
                out("ax") _, out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _, options(nostack)
            );
        }
        result
    }};
}

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

fn through(value: &Extended, function: fn(f64) -> f64) -> Extended {
    Extended::from_f64(function(value.to_f64()))
}

fn through2(left: &Extended, right: &Extended, function: fn(f64, f64) -> f64) -> Extended {
    Extended::from_f64(function(left.to_f64(), right.to_f64()))
}

const SIGN: u16 = 0x8000;

fn is_nan(value: &Extended) -> bool {
    value.sign_exponent & 0x7fff == 0x7fff && value.significand << 1 != 0
}

fn is_zero(value: &Extended) -> bool {
    value.significand == 0
}

fn is_finite(value: &Extended) -> bool {
    value.sign_exponent & 0x7fff != 0x7fff
}

fn less(left: &Extended, right: &Extended) -> bool {
    let flag: u8;
    // SAFETY: loads two operands, compares and empties the stack.
    unsafe {
        asm!(
            "fld tbyte ptr [{right}]", "fld tbyte ptr [{left}]", "fcomip st, st(1)", "setb {flag}", "fstp st(0)",
            left = in(reg) left, right = in(reg) right, flag = out(reg_byte) flag,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _, options(nostack)
        );
    }
    flag != 0 && !is_nan(left) && !is_nan(right)
}

/// Rounds to an integer with the x87's rounding field set to `mode`.
fn round_with(value: &Extended, mode: u16) -> Extended {
    let (mut control, mut result) = (0u16, Extended::default());
    // SAFETY: changes the control word and puts it back.
    unsafe {
        asm!("fnstcw [{}]", in(reg) &raw mut control, options(nostack));
        let changed = control & !0xc00 | mode;
        asm!(
            "fldcw [{changed}]", "fld tbyte ptr [{value}]", "frndint", "fstp tbyte ptr [{result}]", "fldcw [{control}]",
            changed = in(reg) &raw const changed, control = in(reg) &raw const control,
            value = in(reg) value, result = in(reg) &raw mut result,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _, options(nostack)
        );
    }
    result
}

const DOWN: u16 = 0x400;
const UP: u16 = 0x800;
const TO_ZERO: u16 = 0xc00;

fn add(left: &Extended, right: &Extended) -> Extended {
    x87!(left, right; "faddp st(1), st")
}

fn subtract(left: &Extended, right: &Extended) -> Extended {
    // st(0) = left, st(1) = right.
    x87!(left, right; "fsubrp st(1), st")
}

/// Half away from zero: truncate, then go one further where half or more was cut off.
fn round_away(value: &Extended) -> Extended {
    if !is_finite(value) {
        return *value;
    }
    let whole = round_with(value, TO_ZERO);
    let rest = absolute(&subtract(value, &whole));
    let half = Extended {
        significand: 1 << 63,
        sign_exponent: 16382,
    };
    if less(&rest, &half) {
        return whole;
    }
    let one = Extended {
        significand: 1 << 63,
        sign_exponent: 16383 | value.sign_exponent & SIGN,
    };
    add(&whole, &one)
}

fn absolute(value: &Extended) -> Extended {
    Extended {
        sign_exponent: value.sign_exponent & !SIGN,
        ..*value
    }
}

fn to_integer(value: &Extended) -> i64 {
    let mut result = 0i64;
    // SAFETY: loads one operand, stores one integer.
    unsafe {
        asm!(
            "fld tbyte ptr [{value}]", "fistp qword ptr [{result}]",
            value = in(reg) value, result = in(reg) &raw mut result,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _, options(nostack)
        );
    }
    result
}

fn scale(value: &Extended, exponent: i64) -> Extended {
    let power = Extended::from_f64(exponent.clamp(-70_000, 70_000) as f64);
    x87!(value, &power; "fscale", "fstp st(1)")
}

/// Splits into a fraction in [0.5, 1) and a power of two.
fn split(value: &Extended) -> (Extended, c_int) {
    if is_zero(value) || !is_finite(value) {
        return (*value, 0);
    }
    let leading = value.significand.leading_zeros();
    let biased = c_int::from(value.sign_exponent & 0x7fff).max(1);
    let fraction = Extended {
        significand: value.significand << leading,
        sign_exponent: value.sign_exponent & SIGN | 16382,
    };
    (fraction, biased - leading as c_int - 16382)
}

const ILOGB_NONE: c_int = c_int::MIN;

fn exponent_of(value: &Extended) -> c_int {
    match (is_nan(value), is_finite(value), is_zero(value)) {
        (true, ..) | (_, true, true) => ILOGB_NONE,
        (_, false, _) => c_int::MAX,
        _ => split(value).1 - 1,
    }
}

fn infinity(negative: bool) -> Extended {
    Extended {
        significand: 1 << 63,
        sign_exponent: 0x7fff | if negative { SIGN } else { 0 },
    }
}

/// The next number towards `to`.
fn next_after(from: &Extended, to: &Extended) -> Extended {
    if is_nan(from) || is_nan(to) {
        return add(from, to);
    }
    if !less(from, to) && !less(to, from) {
        return *to;
    }
    if is_zero(from) {
        return Extended {
            significand: 1,
            sign_exponent: to.sign_exponent & SIGN,
        };
    }
    let away = less(from, to) == (from.sign_exponent & SIGN == 0);
    let mut next = *from;
    if away {
        next.significand = next.significand.wrapping_add(1);
        if next.significand << 1 == 0 {
            next.significand = 1 << 63;
            next.sign_exponent += 1;
        }
    } else {
        if next.significand << 1 == 0 && next.sign_exponent & 0x7fff > 1 {
            next.sign_exponent -= 1;
            next.significand = 0;
        }
        next.significand = next.significand.wrapping_sub(1);
        if next.significand >> 63 == 0 && next.sign_exponent & 0x7fff == 1 {
            next.sign_exponent &= SIGN;
        }
    }
    next
}

fn raise(left: &Extended, right: &Extended) -> Extended {
    // An integral power in double range keeps all 64 bits by repeated multiplication.
    let power = right.to_f64();
    if power == libm::rint(power) && power.abs() <= 64.0 && is_finite(left) {
        let (mut result, mut factor, mut rest) =
            (Extended::from_f64(1.0), *left, power.abs() as u32);
        while rest > 0 {
            if rest & 1 != 0 {
                result = x87!(&result, &factor; "fmulp st(1), st");
            }
            factor = x87!(&factor, &factor; "fmulp st(1), st");
            rest >>= 1;
        }
        let one = Extended::from_f64(1.0);
        return if power < 0.0 {
            x87!(&one, &result; "fdivrp st(1), st")
        } else {
            result
        };
    }
    if left.sign_exponent & SIGN == 0 && is_finite(left) && !is_zero(left) && is_finite(right) {
        // 2^(y log2 x).
        let logarithm = x87!(left; "fld1", "fxch st(1)", "fyl2x");
        return exponential2(&x87!(&logarithm, right; "fmulp st(1), st"));
    }
    through2(left, right, libm::pow)
}

/// 2 to a power: the whole part by scaling, the rest by F2XM1.
fn exponential2(value: &Extended) -> Extended {
    if !is_finite(value) {
        return through(value, libm::exp2);
    }
    x87!(value; "fld st(0)", "frndint", "fsub st(1), st", "fxch st(1)", "f2xm1", "fld1", "faddp st(1), st", "fscale", "fstp st(1)")
}

fn maximum(left: &Extended, right: &Extended) -> Extended {
    if is_nan(left) || less(left, right) {
        *right
    } else {
        *left
    }
}

fn minimum(left: &Extended, right: &Extended) -> Extended {
    if is_nan(left) || less(right, left) {
        *right
    } else {
        *left
    }
}

fn positive_difference(left: &Extended, right: &Extended) -> Extended {
    if is_nan(left) || is_nan(right) || less(right, left) {
        subtract(left, right)
    } else {
        Extended::default()
    }
}

fn square_root_of_squares(left: &Extended, right: &Extended) -> Extended {
    if [left, right]
        .into_iter()
        .any(|value| !is_finite(value) && !is_nan(value))
    {
        return infinity(false);
    }
    // Scaled so that no square overflows or vanishes.
    let power = exponent_of(left).max(exponent_of(right));
    if power == ILOGB_NONE {
        return add(&absolute(left), &absolute(right));
    }
    let (a, b) = (
        scale(left, -i64::from(power)),
        scale(right, -i64::from(power)),
    );
    scale(
        &x87!(&a, &b; "fmul st, st(0)", "fxch st(1)", "fmul st, st(0)", "faddp st(1), st", "fsqrt"),
        i64::from(power),
    )
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

fn multiply(left: &Extended, right: &Extended) -> Extended {
    x87!(left, right; "fmulp st(1), st")
}

fn multiply_add(left: &Extended, right: &Extended, addend: &Extended) -> Extended {
    let product = multiply(left, right);
    if !is_finite(&product) || !is_finite(addend) {
        return add(&product, addend);
    }
    let halves = |value: &Extended| {
        let high = Extended {
            significand: value.significand & !0xffff_ffff,
            ..*value
        };
        (high, subtract(value, &high))
    };
    let ((a, b), (c, d)) = (halves(left), halves(right));
    let mut low = subtract(&multiply(&a, &c), &product);
    for part in [multiply(&a, &d), multiply(&b, &c), multiply(&b, &d)] {
        low = add(&low, &part);
    }
    let sum = add(&product, addend);
    let back = subtract(&sum, &product);
    let lost = add(
        &subtract(&product, &subtract(&sum, &back)),
        &subtract(addend, &back),
    );
    add(&sum, &add(&lost, &low))
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
