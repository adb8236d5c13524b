//! Complex functions (C 7.3) by their textbook formulas over real functions.

/// A complex number; `f32` and `long double` arguments are computed in `f64`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

/// Builds a number from its parts.
#[must_use]
pub const fn complex(re: f64, im: f64) -> Complex {
    Complex { re, im }
}

impl core::ops::Add for Complex {
    type Output = Complex;
    fn add(self, other: Complex) -> Complex {
        complex(self.re + other.re, self.im + other.im)
    }
}

impl core::ops::Sub for Complex {
    type Output = Complex;
    fn sub(self, other: Complex) -> Complex {
        complex(self.re - other.re, self.im - other.im)
    }
}

impl core::ops::Mul for Complex {
    type Output = Complex;
    fn mul(self, other: Complex) -> Complex {
        complex(
            self.re * other.re - self.im * other.im,
            self.re * other.im + self.im * other.re,
        )
    }
}

impl core::ops::Div for Complex {
    type Output = Complex;
    /// Smith's method: no intermediate result overflows that the quotient does not.
    fn div(self, other: Complex) -> Complex {
        if libm::fabs(other.re) >= libm::fabs(other.im) {
            let ratio = other.im / other.re;
            let scale = other.re + other.im * ratio;
            return complex(
                (self.re + self.im * ratio) / scale,
                (self.im - self.re * ratio) / scale,
            );
        }
        let ratio = other.re / other.im;
        let scale = other.re * ratio + other.im;
        complex(
            (self.re * ratio + self.im) / scale,
            (self.im * ratio - self.re) / scale,
        )
    }
}

impl Complex {
    const ONE: Complex = complex(1.0, 0.0);

    /// Times i.
    #[must_use]
    pub fn times_i(self) -> Complex {
        complex(-self.im, self.re)
    }

    /// Divided by i.
    #[must_use]
    pub fn over_i(self) -> Complex {
        complex(self.im, -self.re)
    }

    /// The modulus (C 7.3.8.1).
    #[must_use]
    pub fn abs(self) -> f64 {
        libm::hypot(self.re, self.im)
    }

    /// The argument (C 7.3.9.1).
    #[must_use]
    pub fn arg(self) -> f64 {
        libm::atan2(self.im, self.re)
    }

    /// C 7.3.9.3.
    #[must_use]
    pub fn conj(self) -> Complex {
        complex(self.re, -self.im)
    }

    /// The projection onto the Riemann sphere (C 7.3.9.4).
    #[must_use]
    pub fn proj(self) -> Complex {
        if self.re.is_infinite() || self.im.is_infinite() {
            complex(f64::INFINITY, libm::copysign(0.0, self.im))
        } else {
            self
        }
    }

    /// C 7.3.7.1.
    #[must_use]
    pub fn exp(self) -> Complex {
        let scale = libm::exp(self.re);
        if self.im == 0.0 {
            return complex(scale, self.im);
        }
        let (sine, cosine) = libm::sincos(self.im);
        complex(scale * cosine, scale * sine)
    }

    /// C 7.3.7.2.
    #[must_use]
    pub fn log(self) -> Complex {
        complex(libm::log(self.abs()), self.arg())
    }

    /// C 7.3.8.3: the half plane with a real part that is not negative.
    #[must_use]
    pub fn sqrt(self) -> Complex {
        if self.re == 0.0 && self.im == 0.0 {
            return complex(0.0, self.im);
        }
        if self.im.is_infinite() {
            return complex(f64::INFINITY, self.im);
        }
        // Halves before adding, so that the sum cannot overflow.
        let root = libm::sqrt((libm::fabs(self.re) / 2.0) + self.abs() / 2.0);
        let other = self.im / (2.0 * root);
        if self.re >= 0.0 {
            complex(root, other)
        } else {
            complex(libm::fabs(other), libm::copysign(root, self.im))
        }
    }

    /// C 7.3.8.2.
    #[must_use]
    pub fn pow(self, power: Complex) -> Complex {
        if self.re == 0.0 && self.im == 0.0 {
            return if power.re == 0.0 && power.im == 0.0 {
                Self::ONE
            } else {
                complex(0.0, 0.0)
            };
        }
        (power * self.log()).exp()
    }

    /// C 7.3.6.5.
    #[must_use]
    pub fn sinh(self) -> Complex {
        let (sine, cosine) = libm::sincos(self.im);
        complex(libm::sinh(self.re) * cosine, libm::cosh(self.re) * sine)
    }

    /// C 7.3.6.4.
    #[must_use]
    pub fn cosh(self) -> Complex {
        let (sine, cosine) = libm::sincos(self.im);
        complex(libm::cosh(self.re) * cosine, libm::sinh(self.re) * sine)
    }

    /// C 7.3.6.6; beyond 20 the hyperbolic functions overflow long before their quotient moves.
    #[must_use]
    pub fn tanh(self) -> Complex {
        if libm::fabs(self.re) > 20.0 {
            return complex(
                libm::copysign(1.0, self.re),
                libm::copysign(0.0, libm::sin(2.0 * self.im)),
            );
        }
        let (sine, cosine) = libm::sincos(2.0 * self.im);
        let scale = libm::cosh(2.0 * self.re) + cosine;
        complex(libm::sinh(2.0 * self.re) / scale, sine / scale)
    }

    /// C 7.3.5.5.
    #[must_use]
    pub fn sin(self) -> Complex {
        self.times_i().sinh().over_i()
    }

    /// C 7.3.5.4.
    #[must_use]
    pub fn cos(self) -> Complex {
        self.times_i().cosh()
    }

    /// C 7.3.5.6.
    #[must_use]
    pub fn tan(self) -> Complex {
        self.times_i().tanh().over_i()
    }

    /// C 7.3.5.2 (Kahan's formula, right on the branch cuts).
    #[must_use]
    pub fn asin(self) -> Complex {
        let (minus, plus) = ((Self::ONE - self).sqrt(), (Self::ONE + self).sqrt());
        complex(
            libm::atan2(self.re, (minus * plus).re),
            libm::asinh((minus.conj() * plus).im),
        )
    }

    /// C 7.3.5.1 (Kahan).
    #[must_use]
    pub fn acos(self) -> Complex {
        let (minus, plus) = ((Self::ONE - self).sqrt(), (Self::ONE + self).sqrt());
        complex(
            2.0 * libm::atan2(minus.re, plus.re),
            libm::asinh((plus.conj() * minus).im),
        )
    }

    /// C 7.3.5.3.
    #[must_use]
    pub fn atan(self) -> Complex {
        self.times_i().atanh().over_i()
    }

    /// C 7.3.6.2.
    #[must_use]
    pub fn asinh(self) -> Complex {
        self.times_i().asin().over_i()
    }

    /// C 7.3.6.1 (Kahan).
    #[must_use]
    pub fn acosh(self) -> Complex {
        let (minus, plus) = ((self - Self::ONE).sqrt(), (self + Self::ONE).sqrt());
        complex(
            libm::asinh((minus.conj() * plus).re),
            2.0 * libm::atan2(minus.im, plus.re),
        )
    }

    /// C 7.3.6.3.
    #[must_use]
    pub fn atanh(self) -> Complex {
        let (x, y) = (self.re, self.im);
        let real = 0.25 * libm::log1p(4.0 * x / ((1.0 - x) * (1.0 - x) + y * y));
        let imaginary = 0.5 * libm::atan2(2.0 * y, (1.0 - x) * (1.0 + x) - y * y);
        complex(real, imaginary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(left: Complex, right: Complex) -> bool {
        (left - right).abs() <= 1e-9 * (1.0 + right.abs())
    }

    proptest! {
        #[test]
        fn inverses_undo(re in -3.0f64..3.0, im in -1.4f64..1.4) {
            let value = complex(re, im);
            prop_assume!(value.abs() > 1e-3 && (value - Complex::ONE).abs() > 1e-3 && (value + Complex::ONE).abs() > 1e-3);
            prop_assert!(near(value.log().exp(), value));
            prop_assert!(near(value.sqrt() * value.sqrt(), value));
            prop_assert!(near(value.asin().sin(), value));
            prop_assert!(near(value.acos().cos(), value));
            prop_assert!(near(value.atan().tan(), value) || value.re.abs() < 1e-3);
            prop_assert!(near(value.asinh().sinh(), value));
            prop_assert!(near(value.acosh().cosh(), value));
            prop_assert!(near(value.atanh().tanh(), value));
            prop_assert!(near(value.pow(complex(2.0, 0.0)), value * value));
            prop_assert!(near(value / value, Complex::ONE));
        }
    }

    #[test]
    fn roots_lie_in_the_right_half_plane() {
        assert_eq!(complex(-4.0, 0.0).sqrt(), complex(0.0, 2.0));
        assert_eq!(complex(-4.0, -0.0).sqrt(), complex(0.0, -2.0));
        assert_eq!(complex(3.0, 4.0).sqrt(), complex(2.0, 1.0));
    }
}
