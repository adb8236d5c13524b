/* Numbers: reading, formatting, scanning, long double, the mathematics' C side. */
#define _GNU_SOURCE
#include "check.h"
#include <complex.h>
#include <errno.h>
#include <fenv.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <wchar.h>

static char buffer[400];

static const char *form(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vsnprintf(buffer, sizeof buffer, format, list);
	va_end(list);
	return buffer;
}

static void formatting(void)
{
	CHECK_TEXT(form("%d %s %c %5.2f %x", -5, "text", 'c', 3.14159, 255), "-5 text c  3.14 ff");
	CHECK_TEXT(form("%Lf %d %Lg %f", 1.5L, 7, 2.5e4000L, 0.5), "1.500000 7 2.5e+4000 0.500000");
	CHECK_TEXT(form("%d%d%d%d%d%d%d%Lf%d%f%f%f%f%f%f%f%f%f%Lf", 1, 2, 3, 4, 5, 6, 7, 8.0L, 9, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0L),
		"12345678.00000091.0000002.0000003.0000004.0000005.0000006.0000007.0000008.0000009.00000010.000000");
	CHECK_TEXT(form("%2$s %1$*3$d|", 5, "x", 4), "x    5|");
	CHECK_TEXT(form("%zu %jd %td %hhu %p", (size_t)1, (intmax_t)-2, (ptrdiff_t)3, 257, (void *)0x10), "1 -2 3 1 0x10");
	CHECK_TEXT(form("%ls|%lc", L"wide\u00e9", L'x'), "wide\xc3\xa9|x");
	errno = ENOENT;
	CHECK_TEXT(form("%m"), "No such file or directory");
	CHECK(snprintf(buffer, 4, "%s", "abcdef") == 6 && !strcmp(buffer, "abc"));
	CHECK(snprintf(0, 0, "%d", 12345) == 5);
	int count;
	sprintf(buffer, "abc%ndef", &count);
	CHECK(count == 3);
	char *text;
	CHECK(asprintf(&text, "%0100d", 1) == 100 && strlen(text) == 100);
	free(text);
	CHECK_TEXT(form("%a %.3La %La", 1.0, 1.0L, 0.1L), "0x1p+0 0x1.000p+0 0x1.999999999999999ap-4");
	CHECK_TEXT(form("%" PRId64 " %" PRIu32 " %" PRIxPTR, (int64_t)-1, (uint32_t)2, (uintptr_t)255), "-1 2 ff");
}

static void reading(void)
{
	char *end;
	errno = 0;
	CHECK(strtol("  -0x1fz", &end, 0) == -31 && *end == 'z' && errno == 0);
	CHECK(strtol("99999999999999999999", 0, 10) == LONG_MAX && errno == ERANGE);
	errno = 0;
	CHECK(strtoul("-1", 0, 10) == ULONG_MAX && errno == 0);
	CHECK(strtol("12", &end, 1) == 0 && errno == EINVAL);
	CHECK(atoi(" 42x") == 42 && atoi("-2147483648") == INT_MIN);
	CHECK(strtod("0x1.8p1junk", &end) == 3.0 && *end == 'j');
	CHECK(strtod("1e400", 0) == HUGE_VAL && errno == ERANGE);
	CHECK(strtod("-.5e-3", &end) == -0.0005 && !*end);
	CHECK(isnan(strtod("nan", 0)) && isinf(strtof("-INFINITY", 0)));
	CHECK(strtof("16777217", 0) == 16777216.0f && strtof("16777219", 0) == 16777220.0f);
	CHECK(strtold("0.1", &end) == 0.1L && !*end && strtold("1e4000", 0) == 1e4000L);
	CHECK(wcstol(L"77x", 0, 8) == 63 && wcstod(L"2.5", 0) == 2.5 && wcstold(L"2.5", 0) == 2.5L);
	CHECK(imaxdiv(7, -2).quot == -3 && imaxdiv(7, -2).rem == 1 && div(-7, 2).rem == -1 && labs(-5) == 5);
	int i, j;
	char word[20], *allocated;
	double d;
	long double l;
	CHECK(sscanf("12 abc 3.5 2.25 0x1f z", "%d %s %lf %Lf %i %ms", &i, word, &d, &l, &j, &allocated) == 6);
	CHECK(i == 12 && !strcmp(word, "abc") && d == 3.5 && l == 2.25L && j == 31 && !strcmp(allocated, "z"));
	free(allocated);
	CHECK(sscanf("a=b", "%[^=]=%c", word, word + 10) == 2 && word[10] == 'b');
	CHECK(sscanf("", "%d", &i) == EOF && sscanf("x", "%d", &i) == 0);
}

static int near(long double found, long double expected)
{
	long double difference = fabsl(found - expected);
	return difference <= fabsl(expected) * 1e-15L || difference < 1e-300L;
}

static void mathematics(void)
{
	volatile long double x = 2.0L, y = -7.5L;
	CHECK(sqrtl(x) == 1.41421356237309504880L && fabsl(y) == 7.5L);
	CHECK(floorl(y) == -8 && ceill(y) == -7 && truncl(y) == -7 && rintl(y) == -8 && roundl(y) == -8 && roundl(2.5L) == 3);
	CHECK(roundl(0.49999999999999999997L) == 0 && roundl(4611686018427387904.5L) == 4611686018427387905.0L);
	CHECK(fmodl(y, x) == -1.5L && remainderl(y, x) == 0.5L);
	int exponent, quotient;
	CHECK(frexpl(12.0L, &exponent) == 0.75L && exponent == 4);
	CHECK(frexpl(0x1p-16445L, &exponent) == 0.5L && exponent == -16444);
	CHECK(ldexpl(0.75L, 4) == 12 && scalbnl(1, 16383) == 0x1p16383L && ilogbl(8.5L) == 3 && logbl(8.5L) == 3);
	long double whole;
	CHECK(modfl(y, &whole) == -0.5L && whole == -7);
	CHECK(remquol(17, 5, &quotient) == 2 && quotient == 3 && remquol(-17, 5, &quotient) == -2 && quotient == -3);
	CHECK(near(logl(10), 2.30258509299404568402L) && near(log10l(1000), 3) && log2l(8) == 3);
	CHECK(near(expl(1), 2.71828182845904523536L) && exp2l(10) == 1024 && near(powl(2, 0.5L), 1.41421356237309504880L));
	CHECK(powl(3, 40) == 12157665459056928801.0L && powl(2, -3) == 0.125L && powl(-2, 3) == -8);
	CHECK(near(atan2l(1, -1), 2.35619449019234492885L) && near(sinl(1), 0.84147098480789650665L));
	CHECK(hypotl(3, 4) == 5 && hypotl(3e4000L, 4e4000L) == 5e4000L && fmal(3, 4, 5) == 17);
	CHECK(nextafterl(1, 2) == 1 + 0x1p-63L && nextafterl(1, 0) == 1 - 0x1p-63L / 2 && nextafterl(0, 1) == 0x1p-16445L);
	CHECK(nexttoward(1, 2.0L) == 1 + 0x1p-52 && nexttowardf(1, 0.0L) == 1 - 0x1p-24f);
	CHECK(fmaxl(NAN, 1) == 1 && fminl(2, 1) == 1 && fdiml(3, 1) == 2 && copysignl(1, -0.0L) == -1 && isnan(nanl("")));
	CHECK(lrintl(2.5L) == 2 && llroundl(2.5L) == 3 && lround(-0.5) == -1 && lrint(1.5) == 2);
	CHECK(sin(0) == 0 && near(exp(1), 2.718281828459045) && pow(2, 10) == 1024 && fmod(7, 4) == 3 && cbrt(27) == 3);
	double part;
	CHECK(modf(-3.25, &part) == -0.25 && part == -3 && frexp(8, &exponent) == 0.5 && exponent == 4 && logb(0.25) == -2);
	CHECK(__fpclassify(0x1p-1074) == FP_SUBNORMAL && __fpclassifyl(1) == FP_NORMAL && __signbitl(-1));
	CHECK(fegetround() == FE_TONEAREST && fesetround(FE_UPWARD) == 0);
	volatile double third = 3;
	double up = 1 / third;
	long double up_extended = rintl(2.1L);
	fesetround(FE_TONEAREST);
	CHECK(up > 1 / third && up_extended == 3);
	feclearexcept(FE_ALL_EXCEPT);
	volatile double zero = 0;
	volatile double infinite = 1 / zero;
	CHECK(isinf(infinite) && fetestexcept(FE_DIVBYZERO) && !fetestexcept(FE_INVALID));
	fenv_t environment;
	feholdexcept(&environment);
	CHECK(!fetestexcept(FE_ALL_EXCEPT));
	feupdateenv(&environment);
	CHECK(fetestexcept(FE_DIVBYZERO));
	fesetenv(FE_DFL_ENV);
}

static int by_value(const void *left, const void *right)
{
	int a = *(const int *)left, b = *(const int *)right;
	return (a > b) - (a < b);
}

static void sorting(void)
{
	int values[500];
	for (int i = 0; i < 500; i++) values[i] = rand() % 100;
	qsort(values, 500, sizeof *values, by_value);
	int sorted = 1;
	for (int i = 1; i < 500; i++) sorted &= values[i - 1] <= values[i];
	CHECK(sorted);
	int key = values[250];
	int *found = bsearch(&key, values, 500, sizeof *values, by_value);
	CHECK(found && *found == key);
	key = 1000;
	CHECK(!bsearch(&key, values, 500, sizeof *values, by_value));
	srand48(1);
	double number = drand48();
	CHECK(number > 0.0416303 && number < 0.0416304);
	srandom(3);
	long first = random();
	srandom(3);
	CHECK(random() == first);
}

int main(void)
{
	formatting();
	reading();
	mathematics();
	sorting();
	return check_result();
}
