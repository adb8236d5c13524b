/* Strings and memory: every size and alignment around the fast paths' borders. */
#define _GNU_SOURCE
#include "check.h"
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

/* A page whose end is followed by nothing readable. */
static char *guarded(size_t size)
{
	char *pages = mmap(0, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(pages + 8192, 4096, PROT_NONE);
	return pages + 8192 - size;
}

static void copying(void)
{
	static unsigned char from[700], to[700], expected[700];
	for (size_t i = 0; i < sizeof from; i++) from[i] = (unsigned char)(i * 7 + 1);
	for (size_t size = 0; size <= 300; size++)
		for (size_t offset = 0; offset < 17; offset++) {
			for (size_t i = 0; i < sizeof to; i++) to[i] = expected[i] = 0xee;
			for (size_t i = 0; i < size; i++) expected[32 + offset + i] = from[offset * 3 + i];
			CHECK(memcpy(to + 32 + offset, from + offset * 3, size) == to + 32 + offset);
			int same = 1;
			for (size_t i = 0; i < sizeof to; i++) same &= to[i] == expected[i];
			CHECK(same);
		}
	for (size_t size = 0; size <= 300; size++)
		for (int distance = -70; distance <= 70; distance += 3) {
			for (size_t i = 0; i < sizeof to; i++) to[i] = expected[i] = from[i];
			for (size_t i = 0; i < size; i++) expected[150 + distance + i] = from[150 + i];
			memmove(to + 150 + distance, to + 150, size);
			int same = 1;
			for (size_t i = 0; i < sizeof to; i++) same &= to[i] == expected[i];
			CHECK(same);
		}
	for (size_t size = 0; size <= 300; size++)
		for (size_t offset = 0; offset < 17; offset++) {
			for (size_t i = 0; i < sizeof to; i++) to[i] = 0xee;
			memset(to + 32 + offset, 0x15a, size);
			int same = 1;
			for (size_t i = 0; i < sizeof to; i++)
				same &= to[i] == (i >= 32 + offset && i < 32 + offset + size ? 0x5a : 0xee);
			CHECK(same);
		}
}

static void searching(void)
{
	for (size_t size = 1; size <= 80; size++) {
		char *text = guarded(size);
		memset(text, 'a', size - 1);
		text[size - 1] = 0;
		CHECK(strlen(text) == size - 1);
		CHECK(strnlen(text, size / 2) == (size / 2 < size - 1 ? size / 2 : size - 1));
		CHECK(strchr(text, 0) == text + size - 1);
		CHECK(strchr(text, 'b') == 0);
		CHECK(memchr(text, 'b', size) == 0);
		CHECK(strcmp(text, text) == 0);
		for (size_t place = 0; place + 1 < size; place++) {
			text[place] = 'b';
			CHECK(strchr(text, 'b') == text + place);
			CHECK(strrchr(text, 'b') == text + place);
			CHECK(memrchr(text, 'b', size) == text + place);
			CHECK(strcspn(text, "b") == place);
			CHECK(strcspn(text, "xb") == place);
			CHECK(strspn(text, "a") == place);
			char *other = guarded(size);
			memset(other, 'a', size - 1);
			other[size - 1] = 0;
			CHECK(strcmp(text, other) > 0 && strcmp(other, text) < 0);
			CHECK(strncmp(text, other, place) == 0 && strncmp(text, other, place + 1) > 0);
			CHECK(memcmp(text, other, size) > 0);
			munmap((char *)((size_t)other & -4096UL) - 4096, 12288);
			text[place] = 'a';
		}
		munmap((char *)((size_t)text & -4096UL) - 4096, 12288);
	}
	CHECK_TEXT(strstr("a needle in a haystack", "hay"), "haystack");
	CHECK(!strstr("abc", "abcd") && strstr("abc", ""));
	CHECK_TEXT(strcasestr("One TWO", "two"), "TWO");
	CHECK_TEXT((char *)memmem("xxabcyy", 8, "abc", 3), "abcyy");
	CHECK(strcasecmp("HeLLo", "hEllO") == 0 && strncasecmp("abX", "ABy", 2) == 0);
	CHECK(strverscmp("file9", "file10") < 0);
	CHECK(memcmp("\x80", "\x01", 1) > 0 && strcmp("\x80", "\x01") > 0);
	CHECK(strcoll("a", "b") < 0);
}

static void building(void)
{
	char buffer[32];
	CHECK_TEXT(strcpy(buffer, "one"), "one");
	CHECK_TEXT(strcat(buffer, " two"), "one two");
	CHECK_TEXT(strncat(buffer, " three", 3), "one two th");
	CHECK(strlcpy(buffer, "long text", 5) == 9);
	CHECK_TEXT(buffer, "long");
	CHECK(strlcat(buffer, "er", 6) == 6);
	CHECK_TEXT(buffer, "longe");
	memset(buffer, 'x', sizeof buffer);
	strncpy(buffer, "ab", 4);
	CHECK(!memcmp(buffer, "ab\0\0x", 5));
	CHECK(stpcpy(buffer, "abc") == buffer + 3);
	CHECK(mempcpy(buffer, "xyz", 3) == buffer + 3);
	CHECK(memccpy(buffer, "ab:cd", ':', 5) == buffer + 3);
	char text[] = " a,b ,,c", *state;
	CHECK_TEXT(strtok_r(text, " ,", &state), "a");
	CHECK_TEXT(strtok_r(0, " ,", &state), "b");
	CHECK_TEXT(strtok_r(0, " ,", &state), "c");
	CHECK(!strtok_r(0, " ,", &state));
	char fields[] = "a::b", *rest = fields;
	CHECK_TEXT(strsep(&rest, ":"), "a");
	CHECK_TEXT(strsep(&rest, ":"), "");
	CHECK_TEXT(strsep(&rest, ":"), "b");
	CHECK(!strsep(&rest, ":"));
	char *copy = strndup("hello", 3);
	CHECK_TEXT(copy, "hel");
	free(copy);
	swab("abcdef", buffer, 6);
	CHECK(!memcmp(buffer, "badcfe", 6));
	CHECK(ffs(0) == 0 && ffs(8) == 4 && ffsl(1L << 40) == 41);
	CHECK_TEXT(strerror(2), "No such file or directory");
	CHECK_TEXT(strsignal(11), "Segmentation fault");
}

int main(void)
{
	copying();
	searching();
	building();
	return check_result();
}
