/* <tgmath.h>: type-generic mathematics (C 7.27) */
#ifndef _TGMATH_H
#define _TGMATH_H

#include <features.h>
#include <math.h>
#include <complex.h>

#ifndef __cplusplus
/* Real arguments only decide between float, double and long double; integers count as double. */
#define __TG_REAL(value, name) _Generic((value), float: name##f, long double: name##l, default: name)
#define __TG_REAL2(left, right, name) _Generic((left) + (right), long double: name##l, float: name##f, default: name)
#define __TG_BOTH(value, name) _Generic((value), \
	float: name##f, long double: name##l, \
	float _Complex: c##name##f, double _Complex: c##name, long double _Complex: c##name##l, default: name)
#define __TG_COMPLEX(value, name) _Generic((value), \
	float: name##f, float _Complex: name##f, long double: name##l, long double _Complex: name##l, default: name)
#define acos(value) __TG_BOTH(value, acos)(value)
#define asin(value) __TG_BOTH(value, asin)(value)
#define atan(value) __TG_BOTH(value, atan)(value)
#define acosh(value) __TG_BOTH(value, acosh)(value)
#define asinh(value) __TG_BOTH(value, asinh)(value)
#define atanh(value) __TG_BOTH(value, atanh)(value)
#define cos(value) __TG_BOTH(value, cos)(value)
#define sin(value) __TG_BOTH(value, sin)(value)
#define tan(value) __TG_BOTH(value, tan)(value)
#define cosh(value) __TG_BOTH(value, cosh)(value)
#define sinh(value) __TG_BOTH(value, sinh)(value)
#define tanh(value) __TG_BOTH(value, tanh)(value)
#define exp(value) __TG_BOTH(value, exp)(value)
#define log(value) __TG_BOTH(value, log)(value)
#define sqrt(value) __TG_BOTH(value, sqrt)(value)
#define fabs(value) _Generic((value), float: fabsf, long double: fabsl, \
	float _Complex: cabsf, double _Complex: cabs, long double _Complex: cabsl, default: fabs)(value)
#define pow(left, right) _Generic((left) + (right), float: powf, long double: powl, \
	float _Complex: cpowf, double _Complex: cpow, long double _Complex: cpowl, default: pow)(left, right)
#define carg(value) __TG_COMPLEX(value, carg)(value)
#define cimag(value) __TG_COMPLEX(value, cimag)(value)
#define conj(value) __TG_COMPLEX(value, conj)(value)
#define cproj(value) __TG_COMPLEX(value, cproj)(value)
#define creal(value) __TG_COMPLEX(value, creal)(value)
#define cbrt(value) __TG_REAL(value, cbrt)(value)
#define ceil(value) __TG_REAL(value, ceil)(value)
#define erf(value) __TG_REAL(value, erf)(value)
#define erfc(value) __TG_REAL(value, erfc)(value)
#define exp2(value) __TG_REAL(value, exp2)(value)
#define expm1(value) __TG_REAL(value, expm1)(value)
#define floor(value) __TG_REAL(value, floor)(value)
#define ilogb(value) __TG_REAL(value, ilogb)(value)
#define lgamma(value) __TG_REAL(value, lgamma)(value)
#define llrint(value) __TG_REAL(value, llrint)(value)
#define llround(value) __TG_REAL(value, llround)(value)
#define log10(value) __TG_REAL(value, log10)(value)
#define log1p(value) __TG_REAL(value, log1p)(value)
#define log2(value) __TG_REAL(value, log2)(value)
#define logb(value) __TG_REAL(value, logb)(value)
#define lrint(value) __TG_REAL(value, lrint)(value)
#define lround(value) __TG_REAL(value, lround)(value)
#define nearbyint(value) __TG_REAL(value, nearbyint)(value)
#define rint(value) __TG_REAL(value, rint)(value)
#define round(value) __TG_REAL(value, round)(value)
#define tgamma(value) __TG_REAL(value, tgamma)(value)
#define trunc(value) __TG_REAL(value, trunc)(value)
#define atan2(left, right) __TG_REAL2(left, right, atan2)(left, right)
#define copysign(left, right) __TG_REAL2(left, right, copysign)(left, right)
#define fdim(left, right) __TG_REAL2(left, right, fdim)(left, right)
#define fmax(left, right) __TG_REAL2(left, right, fmax)(left, right)
#define fmin(left, right) __TG_REAL2(left, right, fmin)(left, right)
#define fmod(left, right) __TG_REAL2(left, right, fmod)(left, right)
#define hypot(left, right) __TG_REAL2(left, right, hypot)(left, right)
#define nextafter(left, right) __TG_REAL2(left, right, nextafter)(left, right)
#define remainder(left, right) __TG_REAL2(left, right, remainder)(left, right)
#define fma(a, b, c) _Generic((a) + (b) + (c), float: fmaf, long double: fmal, default: fma)(a, b, c)
#define frexp(value, exponent) __TG_REAL(value, frexp)(value, exponent)
#define ldexp(value, exponent) __TG_REAL(value, ldexp)(value, exponent)
#define nexttoward(value, towards) __TG_REAL(value, nexttoward)(value, towards)
#define remquo(left, right, quotient) __TG_REAL2(left, right, remquo)(left, right, quotient)
#define scalbln(value, exponent) __TG_REAL(value, scalbln)(value, exponent)
#define scalbn(value, exponent) __TG_REAL(value, scalbn)(value, exponent)
#endif

#endif
