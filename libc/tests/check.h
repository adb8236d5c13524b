/* Named checks: each prints its name and outcome; `report` gives main's result. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(name, condition) do { \
	if (condition) { \
		printf("ok %s\n", name); \
	} else { \
		failures++; \
		printf("FAILED %s (line %d, errno %d: %s)\n", name, __LINE__, errno, strerror(errno)); \
	} \
} while (0)

static inline int report(void)
{
	printf("%s\n", failures ? "some checks failed" : "all checks passed");
	return failures != 0;
}

#endif
