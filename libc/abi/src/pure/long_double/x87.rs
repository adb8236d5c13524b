//! Arithmetic on [`Extended`] numbers as the x87 does it.

use core::arch::asm;
use core::ffi::c_int;
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

pub(super) fn through(value: &Extended, function: fn(f64) -> f64) -> Extended {
    Extended::from_f64(function(value.to_f64()))
}

pub(super) fn through2(
    left: &Extended,
    right: &Extended,
    function: fn(f64, f64) -> f64,
) -> Extended {
    Extended::from_f64(function(left.to_f64(), right.to_f64()))
}

pub(super) const SIGN: u16 = 0x8000;

pub(super) fn is_nan(value: &Extended) -> bool {
    value.sign_exponent & 0x7fff == 0x7fff && value.significand << 1 != 0
}

pub(super) fn is_zero(value: &Extended) -> bool {
    value.significand == 0
}

pub(super) fn is_finite(value: &Extended) -> bool {
    value.sign_exponent & 0x7fff != 0x7fff
}

pub(super) fn less(left: &Extended, right: &Extended) -> bool {
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
pub(super) fn round_with(value: &Extended, mode: u16) -> Extended {
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

pub(super) const DOWN: u16 = 0x400;
pub(super) const UP: u16 = 0x800;
pub(super) const TO_ZERO: u16 = 0xc00;

pub(super) fn add(left: &Extended, right: &Extended) -> Extended {
    x87!(left, right; "faddp st(1), st")
}

pub(super) fn subtract(left: &Extended, right: &Extended) -> Extended {
    // st(0) = left, st(1) = right.
    x87!(left, right; "fsubrp st(1), st")
}

/// Half away from zero: truncate, then go one further where half or more was cut off.
pub(super) fn round_away(value: &Extended) -> Extended {
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

pub(super) fn absolute(value: &Extended) -> Extended {
    Extended {
        sign_exponent: value.sign_exponent & !SIGN,
        ..*value
    }
}

pub(super) fn to_integer(value: &Extended) -> i64 {
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

pub(super) fn scale(value: &Extended, exponent: i64) -> Extended {
    let power = Extended::from_f64(exponent.clamp(-70_000, 70_000) as f64);
    x87!(value, &power; "fscale", "fstp st(1)")
}

/// Splits into a fraction in [0.5, 1) and a power of two.
pub(super) fn split(value: &Extended) -> (Extended, c_int) {
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

pub(super) const ILOGB_NONE: c_int = c_int::MIN;

pub(super) fn exponent_of(value: &Extended) -> c_int {
    match (is_nan(value), is_finite(value), is_zero(value)) {
        (true, ..) | (_, true, true) => ILOGB_NONE,
        (_, false, _) => c_int::MAX,
        _ => split(value).1 - 1,
    }
}

pub(super) fn infinity(negative: bool) -> Extended {
    Extended {
        significand: 1 << 63,
        sign_exponent: 0x7fff | if negative { SIGN } else { 0 },
    }
}

/// The next number towards `to`.
pub(super) fn next_after(from: &Extended, to: &Extended) -> Extended {
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

pub(super) fn raise(left: &Extended, right: &Extended) -> Extended {
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
pub(super) fn exponential2(value: &Extended) -> Extended {
    if !is_finite(value) {
        return through(value, libm::exp2);
    }
    x87!(value; "fld st(0)", "frndint", "fsub st(1), st", "fxch st(1)", "f2xm1", "fld1", "faddp st(1), st", "fscale", "fstp st(1)")
}

pub(super) fn maximum(left: &Extended, right: &Extended) -> Extended {
    if is_nan(left) || less(left, right) {
        *right
    } else {
        *left
    }
}

pub(super) fn minimum(left: &Extended, right: &Extended) -> Extended {
    if is_nan(left) || less(right, left) {
        *right
    } else {
        *left
    }
}

pub(super) fn positive_difference(left: &Extended, right: &Extended) -> Extended {
    if is_nan(left) || is_nan(right) || less(right, left) {
        subtract(left, right)
    } else {
        Extended::default()
    }
}

pub(super) fn square_root_of_squares(left: &Extended, right: &Extended) -> Extended {
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

pub(super) fn multiply(left: &Extended, right: &Extended) -> Extended {
    x87!(left, right; "fmulp st(1), st")
}

pub(super) fn multiply_add(left: &Extended, right: &Extended, addend: &Extended) -> Extended {
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
