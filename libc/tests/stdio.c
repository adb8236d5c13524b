/* Streams. */
#define _GNU_SOURCE
#include "check.h"
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

static void reading_and_writing(void)
{
	char line[64];
	FILE *file = fopen("text", "w+");
	CHECK("fopen for update", file != NULL);
	CHECK("fprintf counts", fprintf(file, "%s %d %.2f\n", "one", 2, 3.5) == 11);
	CHECK("fputs and fputc", fputs("second line\n", file) >= 0 && fputc('x', file) == 'x');
	CHECK("ftell counts what is buffered", ftell(file) == 24);
	rewind(file);
	CHECK("fgets stops behind the line", fgets(line, sizeof line, file) && !strcmp(line, "one 2 3.50\n"));
	int number;
	CHECK("fscanf", fseek(file, 4, SEEK_SET) == 0 && fscanf(file, "%d", &number) == 1 && number == 2);
	CHECK("ungetc is read again", ungetc('q', file) == 'q' && fgetc(file) == 'q');
	CHECK("SEEK_CUR starts where the program reads", fseek(file, 11, SEEK_SET) == 0 && fgetc(file) == 's' && fseek(file, 1, SEEK_CUR) == 0 && fgetc(file) == 'c');
	CHECK("the end is remembered", fseek(file, 0, SEEK_END) == 0 && fgetc(file) == EOF && feof(file) && !ferror(file));
	CHECK("clearerr forgets it", (clearerr(file), !feof(file)));
	CHECK("fclose", fclose(file) == 0);
	char *long_line = NULL;
	size_t room = 0;
	file = fopen("text", "r");
	CHECK("getline allocates", getline(&long_line, &room, file) == 11 && getline(&long_line, &room, file) == 12 && !strcmp(long_line, "second line\n"));
	CHECK("getline gives a line without its end", getline(&long_line, &room, file) == 1 && getline(&long_line, &room, file) == -1);
	free(long_line);
	CHECK("writing to a stream for reading fails", fputc('x', file) == EOF && ferror(file));
	fclose(file);
	CHECK("appending keeps the content", (file = fopen("text", "a")) && fputs("!", file) >= 0 && fclose(file) == 0 && (file = fopen("text", "r")) && fseek(file, 0, SEEK_END) == 0 && ftell(file) == 25);
	fclose(file);
	CHECK("a missing file", fopen("missing", "r") == NULL && errno == ENOENT);
	CHECK("a bad mode", fopen("text", "q") == NULL && errno == EINVAL);
}

static void large_blocks(void)
{
	static char out[100000], in[100000];
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 7);
	FILE *file = fopen("large", "w");
	size_t done = 0;
	for (size_t size = 1; done < sizeof out; size = size * 3 + 1) {
		size_t rest = sizeof out - done < size ? sizeof out - done : size;
		done += fwrite(out + done, 1, rest, file);
	}
	CHECK("fwrite of every size", fclose(file) == 0);
	file = fopen("large", "r");
	for (done = 0; done < sizeof in;) {
		size_t got = fread(in + done, 1, done % 5000 + 1, file);
		if (!got)
			break;
		done += got;
	}
	CHECK("fread gives the same bytes", done == sizeof in && !memcmp(in, out, sizeof in));
	fclose(file);
}

static void in_memory(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	for (int i = 0; i < 1000; i++)
		fprintf(file, "%d,", i);
	CHECK("open_memstream grows", fclose(file) == 0 && size == 3890 && !strncmp(text, "0,1,2,", 6) && text[size] == 0);
	free(text);
	char fixed[16] = "12 34";
	file = fmemopen(fixed, sizeof fixed, "r");
	int a, b;
	CHECK("fmemopen reads", fscanf(file, "%d %d", &a, &b) == 2 && a == 12 && b == 34);
	fclose(file);
	file = fmemopen(fixed, sizeof fixed, "w");
	CHECK("fmemopen writes", fprintf(file, "abc") == 3 && fclose(file) == 0 && !strcmp(fixed, "abc"));
}

static void processes_and_wide(void)
{
	char line[64];
	FILE *pipe = popen("echo from the shell; exit 3", "r");
	CHECK("popen reads a command", pipe && fgets(line, sizeof line, pipe) && !strcmp(line, "from the shell\n"));
	CHECK("pclose tells its status", pipe && pclose(pipe) == 3 << 8);
	pipe = popen("cat > piped", "w");
	CHECK("popen writes to a command", pipe && fputs("to the shell\n", pipe) >= 0 && pclose(pipe) == 0);
	FILE *file = fopen("piped", "r");
	CHECK("the command got it", file && fgets(line, sizeof line, file) && !strcmp(line, "to the shell\n"));
	if (file)
		fclose(file);
	file = fopen("wide", "w+");
	CHECK("fputwc writes UTF-8", fputwc(L'\u00e9', file) == L'\u00e9' && fputws(L"\u20ac!", file) >= 0 && ftell(file) == 6);
	rewind(file);
	CHECK("fgetwc reads it", fgetwc(file) == 0xe9 && fgetwc(file) == 0x20ac && fgetwc(file) == L'!' && fgetwc(file) == WEOF);
	fclose(file);
	file = tmpfile();
	CHECK("tmpfile", file && fputs("x", file) >= 0 && fclose(file) == 0);
}

static int through(char *out, size_t size, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int count = vsnprintf(out, size, format, list);
	va_end(list);
	return count;
}

static void formats(void)
{
	char out[128];
	CHECK("snprintf cuts and counts", snprintf(out, 4, "abcdef") == 6 && !strcmp(out, "abc"));
	CHECK("many arguments of both kinds", through(out, sizeof out, "%d %d %d %d %d %d %g %g %s", 1, 2, 3, 4, 5, 6, 7.5, 8.25, "nine") == 25 && !strcmp(out, "1 2 3 4 5 6 7.5 8.25 nine"));
	CHECK("long double", snprintf(out, sizeof out, "%.3Lf", 1.5L) == 5 && !strcmp(out, "1.500"));
	CHECK("widths and flags", snprintf(out, sizeof out, "%-5d|%05d|%+d|%#x|%*d", 42, 42, 42, 255, 4, 7) == 25 && !strcmp(out, "42   |00042|+42|0xff|   7"));
	int a;
	char word[16];
	CHECK("sscanf", sscanf("  17 word", "%d %15s", &a, word) == 2 && a == 17 && !strcmp(word, "word"));
}

int main(void)
{
	char place[] = "stdioXXXXXX";
	if (chdir("/tmp") || !mkdtemp(place) || chdir(place))
		return perror("no place to work in"), 1;
	reading_and_writing();
	large_blocks();
	in_memory();
	processes_and_wide();
	formats();
	return report();
}
