/* What the host tests share: silent checks that count, and a last line with the result. */
#ifndef HOST_CHECK_H
#define HOST_CHECK_H
#include <stdio.h>
#include <string.h>

static int check_failures, check_count;

#define CHECK(condition) do { \
	check_count++; \
	if (!(condition)) { check_failures++; printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); } \
} while (0)

#define CHECK_TEXT(found, expected) do { \
	const char *found_ = (found), *expected_ = (expected); \
	check_count++; \
	if (!found_ || strcmp(found_, expected_)) { \
		check_failures++; \
		printf("%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #found, found_ ? found_ : "(null)", expected_); \
	} \
} while (0)

static int check_result(void)
{
	printf("%d checks, %d failed\n", check_count, check_failures);
	return check_failures != 0;
}
#endif
