//! Mathematics for `double` and `float` (C 7.12, XSI), from the `libm` crate.
//!
//! `math_errhandling` is MATH_ERREXCEPT: `errno` is never set.

use core::ffi::{c_char, c_int};

/// Defines functions of one shape as calls of `libm`'s functions of the same name.
macro_rules! delegate {
    ($($shape:tt { $($name:ident)* })*) => { $($(delegate!(@ $shape $name);)*)* };
    (@ d1 $name:ident) => { delegate!(= $name(value: f64) -> f64); };
    (@ f1 $name:ident) => { delegate!(= $name(value: f32) -> f32); };
    (@ d2 $name:ident) => { delegate!(= $name(left: f64, right: f64) -> f64); };
    (@ f2 $name:ident) => { delegate!(= $name(left: f32, right: f32) -> f32); };
    (@ d3 $name:ident) => { delegate!(= $name(first: f64, second: f64, third: f64) -> f64); };
    (@ f3 $name:ident) => { delegate!(= $name(first: f32, second: f32, third: f32) -> f32); };
    (@ di $name:ident) => { delegate!(= $name(value: f64, exponent: c_int) -> f64); };
    (@ fi $name:ident) => { delegate!(= $name(value: f32, exponent: c_int) -> f32); };
    (@ id $name:ident) => { delegate!(= $name(order: c_int, value: f64) -> f64); };
    (@ if $name:ident) => { delegate!(= $name(order: c_int, value: f32) -> f32); };
    (@ dn $name:ident) => { delegate!(= $name(value: f64) -> c_int); };
    (@ fn $name:ident) => { delegate!(= $name(value: f32) -> c_int); };
    (= $name:ident($($argument:ident: $type:ty),*) -> $result:ty) => {
        /// C 7.12 or XSI, the function of this name.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type),*) -> $result {
            libm::$name($($argument),*)
        }
    };
}

delegate! {
    d1 {
        acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc exp exp2 exp10 expm1 fabs floor lgamma
        log log10 log1p log2 rint round roundeven sin sinh sqrt tan tanh tgamma trunc j0 j1 y0 y1
    }
    f1 {
        acosf acoshf asinf asinhf atanf atanhf cbrtf ceilf cosf coshf erff erfcf expf exp2f exp10f expm1f fabsf floorf lgammaf
        logf log10f log1pf log2f rintf roundf roundevenf sinf sinhf sqrtf tanf tanhf tgammaf truncf j0f j1f y0f y1f
    }
    d2 { atan2 copysign fdim fmax fmin fmod hypot nextafter pow remainder fmaximum fminimum fmaximum_num fminimum_num }
    f2 {
        atan2f copysignf fdimf fmaxf fminf fmodf hypotf nextafterf powf remainderf
        fmaximumf fminimumf fmaximum_numf fminimum_numf
    }
    d3 { fma }
    f3 { fmaf }
    di { ldexp scalbn }
    fi { ldexpf scalbnf }
    id { jn yn }
    if { jnf ynf }
    dn { ilogb }
    fn { ilogbf }
}

/// XSI: the sign of the gamma function at the last argument of `lgamma`.
#[unsafe(no_mangle)]
pub static mut signgam: c_int = 0;

/// Defines the functions whose `float` and `double` forms differ only in the type.
macro_rules! both {
    ($float:ty;
     $nearbyint:ident $lrint:ident $llrint:ident $lround:ident $llround:ident $logb:ident $frexp:ident $frexp_lib:ident $modf:ident $modf_lib:ident
     $remquo:ident $remquo_lib:ident $scalbln:ident $scalbn_lib:ident $nan:ident $rint_lib:ident $round_lib:ident $ilogb_lib:ident
     $lgamma_r:ident $sincos:ident $sincos_lib:ident $pow10:ident $exp10_lib:ident $finite:ident $drem:ident $remainder_lib:ident
     $scalb:ident $significand:ident $classify:ident $signbit:ident $isnan:ident $isinf:ident) => {
        /// C 7.12.9.3.
        #[unsafe(no_mangle)]
        pub extern "C" fn $nearbyint(value: $float) -> $float {
            libm::$rint_lib(value)
        }

        /// C 7.12.9.5.
        #[unsafe(no_mangle)]
        pub extern "C" fn $lrint(value: $float) -> i64 {
            libm::$rint_lib(value) as i64
        }

        /// C 7.12.9.5.
        #[unsafe(no_mangle)]
        pub extern "C" fn $llrint(value: $float) -> i64 {
            libm::$rint_lib(value) as i64
        }

        /// C 7.12.9.7.
        #[unsafe(no_mangle)]
        pub extern "C" fn $lround(value: $float) -> i64 {
            libm::$round_lib(value) as i64
        }

        /// C 7.12.9.7.
        #[unsafe(no_mangle)]
        pub extern "C" fn $llround(value: $float) -> i64 {
            libm::$round_lib(value) as i64
        }

        /// C 7.12.6.11.
        #[unsafe(no_mangle)]
        pub extern "C" fn $logb(value: $float) -> $float {
            if !value.is_finite() {
                return value * value;
            }
            if value == 0.0 {
                return -1.0 / (value * value);
            }
            libm::$ilogb_lib(value) as $float
        }

        /// C 7.12.6.4.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $frexp(value: $float, exponent: *mut c_int) -> $float {
            let (fraction, power) = libm::$frexp_lib(value);
            // SAFETY: the caller's place for an `int`.
            unsafe { *exponent = power };
            fraction
        }

        /// C 7.12.6.12.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $modf(value: $float, integer: *mut $float) -> $float {
            let (fraction, whole) = libm::$modf_lib(value);
            // SAFETY: the caller's place for a number.
            unsafe { *integer = whole };
            if value.is_infinite() {
                (0.0 as $float).copysign(value)
            } else {
                fraction.copysign(value)
            }
        }

        /// C 7.12.10.3.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $remquo(
            left: $float,
            right: $float,
            quotient: *mut c_int,
        ) -> $float {
            let (remainder, bits) = libm::$remquo_lib(left, right);
            // SAFETY: the caller's place for an `int`.
            unsafe { *quotient = bits };
            remainder
        }

        /// C 7.12.6.13.
        #[unsafe(no_mangle)]
        pub extern "C" fn $scalbln(value: $float, exponent: i64) -> $float {
            libm::$scalbn_lib(value, exponent.clamp(-100_000, 100_000) as c_int)
        }

        /// C 7.12.11.2: the payload is not used.
        #[unsafe(no_mangle)]
        pub extern "C" fn $nan(_: *const c_char) -> $float {
            <$float>::NAN
        }

        /// BSD: `lgamma` with its sign.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $lgamma_r(value: $float, sign: *mut c_int) -> $float {
            let (result, negative) = libm::$lgamma_r(value);
            // SAFETY: the caller's place for an `int`.
            unsafe { *sign = negative };
            result
        }

        /// GNU.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $sincos(value: $float, sine: *mut $float, cosine: *mut $float) {
            let (s, c) = libm::$sincos_lib(value);
            // SAFETY: the caller's places for two numbers.
            unsafe {
                *sine = s;
                *cosine = c;
            }
        }

        /// GNU: the old `exp10`.
        #[unsafe(no_mangle)]
        pub extern "C" fn $pow10(value: $float) -> $float {
            libm::$exp10_lib(value)
        }

        /// BSD.
        #[unsafe(no_mangle)]
        pub extern "C" fn $finite(value: $float) -> c_int {
            c_int::from(value.is_finite())
        }

        /// BSD: the old `remainder`.
        #[unsafe(no_mangle)]
        pub extern "C" fn $drem(left: $float, right: $float) -> $float {
            libm::$remainder_lib(left, right)
        }

        /// BSD: `scalbn` with an exponent that is a floating-point number.
        #[unsafe(no_mangle)]
        pub extern "C" fn $scalb(value: $float, exponent: $float) -> $float {
            if value.is_nan() || exponent.is_nan() {
                return value * exponent;
            }
            if exponent.is_infinite() {
                return if exponent > 0.0 {
                    value * exponent
                } else {
                    value / -exponent
                };
            }
            if libm::$rint_lib(exponent) != exponent {
                return <$float>::NAN;
            }
            libm::$scalbn_lib(value, exponent.clamp(-65000.0, 65000.0) as c_int)
        }

        /// BSD: the number scaled to between 1 and 2.
        #[unsafe(no_mangle)]
        pub extern "C" fn $significand(value: $float) -> $float {
            if !value.is_finite() || value == 0.0 {
                return value;
            }
            libm::$scalbn_lib(value, -libm::$ilogb_lib(value))
        }

        /// What `fpclassify` calls where the compiler does not do it itself.
        #[unsafe(no_mangle)]
        pub extern "C" fn $classify(value: $float) -> c_int {
            use core::num::FpCategory;
            match value.classify() {
                FpCategory::Nan => 0,
                FpCategory::Infinite => 1,
                FpCategory::Zero => 2,
                FpCategory::Subnormal => 3,
                FpCategory::Normal => 4,
            }
        }

        /// As `signbit`.
        #[unsafe(no_mangle)]
        pub extern "C" fn $signbit(value: $float) -> c_int {
            c_int::from(value.is_sign_negative())
        }

        /// As `isnan`, under the name that compiled code may carry.
        #[unsafe(no_mangle)]
        pub extern "C" fn $isnan(value: $float) -> c_int {
            c_int::from(value.is_nan())
        }

        /// As `isinf`.
        #[unsafe(no_mangle)]
        pub extern "C" fn $isinf(value: $float) -> c_int {
            c_int::from(value.is_infinite())
        }
    };
}

both! {
    f64;
    nearbyint lrint llrint lround llround logb frexp frexp modf modf remquo remquo scalbln scalbn nan rint round ilogb
    lgamma_r sincos sincos pow10 exp10 finite drem remainder scalb significand __fpclassify __signbit __isnan __isinf
}

both! {
    f32;
    nearbyintf lrintf llrintf lroundf llroundf logbf frexpf frexpf modff modff remquof remquof scalblnf scalbnf nanf rintf roundf ilogbf
    lgammaf_r sincosf sincosf pow10f exp10f finitef dremf remainderf scalbf significandf __fpclassifyf __signbitf __isnanf __isinff
}
