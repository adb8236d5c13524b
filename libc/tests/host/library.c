/* Patterns, time, wide characters, tables, options, contexts. */
#define _GNU_SOURCE
#include "check.h"
#include <complex.h>
#include <fnmatch.h>
#include <getopt.h>
#include <langinfo.h>
#include <libgen.h>
#include <locale.h>
#include <math.h>
#include <regex.h>
#include <search.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>
#include <wchar.h>
#include <wctype.h>

static void patterns(void)
{
	regex_t regex;
	regmatch_t spans[4];
	CHECK(regcomp(&regex, "(a|ab)(c|bcd)(d*)", REG_EXTENDED) == 0 && regex.re_nsub == 3);
	CHECK(regexec(&regex, "xabcd", 4, spans, 0) == 0);
	CHECK(spans[0].rm_so == 1 && spans[0].rm_eo == 5 && spans[1].rm_eo == 3 && spans[2].rm_eo == 4);
	CHECK(regexec(&regex, "xyz", 4, spans, 0) == REG_NOMATCH);
	regfree(&regex);
	CHECK(regcomp(&regex, "\\(a", 0) == REG_EPAREN);
	char text[40];
	CHECK(regerror(REG_EPAREN, &regex, text, sizeof text) == 12);
	CHECK_TEXT(text, "Missing ')'");
	CHECK(fnmatch("*.[ch]", "x.c", 0) == 0 && fnmatch("*", ".x", FNM_PERIOD) == FNM_NOMATCH);
	char path[] = "/usr/lib//", copy[] = "/usr/lib//";
	CHECK_TEXT(basename(path), "lib");
	CHECK_TEXT(dirname(copy), "/usr");
}

static void times(void)
{
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	CHECK_TEXT(tzname[1], "CEST");
	CHECK(timezone == -3600 && daylight);
	time_t moment = 1720000000;
	struct tm fields;
	char text[64];
	CHECK(localtime_r(&moment, &fields) == &fields && fields.tm_isdst == 1 && fields.tm_gmtoff == 7200);
	CHECK(mktime(&fields) == moment);
	CHECK(strftime(text, sizeof text, "%F %T %z %Z", &fields) == 30);
	CHECK_TEXT(text, "2024-07-03 11:46:40 +0200 CEST");
	CHECK(strptime("2024-07-03 09:46:40", "%Y-%m-%d %H:%M:%S", &fields) && timegm(&fields) == moment);
	CHECK_TEXT(asctime(gmtime(&moment)), "Wed Jul  3 09:46:40 2024\n");
	CHECK(strftime(text, 3, "%Y", &fields) == 0);
}

static void wide(void)
{
	CHECK(MB_CUR_MAX == 1);
	CHECK_TEXT(setlocale(LC_ALL, "C.UTF-8"), "C.UTF-8;C;C;C;C;C");
	CHECK(MB_CUR_MAX == 4);
	CHECK_TEXT(nl_langinfo(CODESET), "UTF-8");
	CHECK_TEXT(nl_langinfo(MON_12), "December");
	wchar_t characters[20];
	CHECK(mbstowcs(characters, "a\xc3\xa9\xe2\x82\xac", 20) == 3 && characters[2] == 0x20ac);
	char bytes[20];
	CHECK(wcstombs(bytes, characters, 20) == 6);
	mbstate_t state = { 0 };
	wchar_t character;
	CHECK(mbrtowc(&character, "\xe2", 1, &state) == (size_t)-2 && mbrtowc(&character, "\x82\xac", 2, &state) == 2 && character == 0x20ac);
	CHECK(mbrtowc(&character, "\xff", 1, &state) == (size_t)-1);
	CHECK(swprintf(characters, 20, L"%ls-%d-%s", L"w\u00e9", 5, "\xc3\xa9") == 6 && characters[5] == 0xe9);
	CHECK(swprintf(characters, 3, L"%d", 12345) == -1);
	int number;
	CHECK(swscanf(L"17 \u00e9", L"%d %lc", &number, &character) == 2 && number == 17 && character == 0xe9);
	CHECK(iswalpha(0xe9) && towupper(0xe9) == 0xc9 && wcwidth(0x4e2d) == 2 && iswctype('5', wctype("digit")));
	CHECK(wcscmp(L"abc", L"abd") < 0 && wcslen(L"four") == 4 && wcsstr(L"haystack", L"st"));
	setlocale(LC_ALL, "C");
	CHECK(btowc(0xe9) != WEOF && wctob(btowc(0xe9)) == 0xe9);
}

static int by_text(const void *left, const void *right)
{
	return strcmp(left, right);
}

static void tables(void)
{
	CHECK(hcreate(3));
	char keys[50][8];
	for (int i = 0; i < 50; i++) {
		snprintf(keys[i], sizeof keys[i], "key%d", i);
		ENTRY entry = { keys[i], keys[i] };
		CHECK(hsearch(entry, ENTER) != 0);
	}
	ENTRY wanted = { "key33", 0 };
	ENTRY *found = hsearch(wanted, FIND);
	CHECK(found && found->data == keys[33]);
	hdestroy();
	void *root = 0;
	for (int i = 0; i < 50; i++) CHECK(tsearch(keys[i], &root, by_text));
	CHECK(*(char **)tfind("key7", &root, by_text) == keys[7]);
	for (int i = 0; i < 50; i += 2) CHECK(tdelete(keys[i], &root, by_text));
	CHECK(!tfind("key8", &root, by_text) && tfind("key9", &root, by_text));
	tdestroy(root, 0);
}

static void options(void)
{
	char *arguments[] = { "program", "-ab", "file", "--long=5", "-c", "value", "--", "rest", 0 };
	static const struct option table[] = { { "long", required_argument, 0, 'l' }, { 0, 0, 0, 0 } };
	char seen[10] = "";
	int option;
	while ((option = getopt_long(8, arguments, "abc:", table, 0)) != -1) strncat(seen, (char[]){ (char)option, 0 }, 1);
	CHECK_TEXT(seen, "ablc");
	CHECK(optind == 6);
	CHECK_TEXT(arguments[optind], "file");
	CHECK_TEXT(arguments[optind + 1], "rest");
	char *wrong[] = { "program", "-x", "-c", 0 };
	optind = 1;
	CHECK(getopt(3, wrong, ":c:") == '?' && optopt == 'x' && getopt(3, wrong, ":c:") == ':' && getopt(3, wrong, ":c:") == -1);
}

static jmp_buf target;
static ucontext_t outer, inner;
static int steps;

static void deep(int depth)
{
	if (depth == 0) longjmp(target, 0);
	deep(depth - 1);
}

static void coroutine(int first, int second)
{
	steps = first + second;
	swapcontext(&inner, &outer);
	steps++;
}

static void jumps(void)
{
	volatile int kept = 5;
	int value = setjmp(target);
	if (value == 0) {
		kept++;
		deep(10);
	}
	CHECK(value == 1 && kept == 6);
	static char stack[65536];
	getcontext(&inner);
	inner.uc_stack.ss_sp = stack;
	inner.uc_stack.ss_size = sizeof stack;
	inner.uc_link = &outer;
	makecontext(&inner, (void (*)(void))coroutine, 2, 3, 4);
	swapcontext(&outer, &inner);
	CHECK(steps == 7);
	swapcontext(&outer, &inner);
	CHECK(steps == 8);
}

static void complex_numbers(void)
{
	double complex root = csqrt(-4);
	CHECK(creal(root) == 0 && cimag(root) == 2 && cabs(3 + 4 * I) == 5);
	CHECK(cabsf(3 + 4 * I) == 5 && cabsl(3 + 4 * I) == 5 && cimagf(conjf(1 + 2 * I)) == -2);
	long double complex wide_root = csqrtl(-4);
	CHECK(creall(wide_root) == 0 && cimagl(wide_root) == 2 && cargl(-1) > 3.14159L);
	CHECK(fabs(creal(cexp(I * M_PI)) + 1) < 1e-12);
}

int main(void)
{
	patterns();
	times();
	wide();
	tables();
	options();
	jumps();
	complex_numbers();
	return check_result();
}
