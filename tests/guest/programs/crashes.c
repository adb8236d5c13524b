/* Has tmpfs go wrong in every way there is, with a file on it open, and reads what the supervisor
 * tells of it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = { "panic", "exit", "bad-address", "bad-instruction",
	                                 "stack-overflow", "leak", "hang" };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* The next line of an event stream that says that tmpfs ended. */
static void wait_for_end(FILE *events, char *reason, size_t size)
{
	char line[512];
	while (fgets(line, sizeof line, events)) {
		char *found = strstr(line, " tmpfs ended: ");
		if (!found)
			continue;
		found += strlen(" tmpfs ended: ");
		found[strcspn(found, "\n")] = 0;
		/* Where it happened differs from run to run. */
		char *place = strstr(found, " at 0x");
		if (place)
			*place = 0;
		snprintf(reason, size, "%s", found);
		return;
	}
	fail("the events ended");
}

int main(void)
{
	FILE *events = popen("svc events", "r");
	int file = open("/tmp/written", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (!events || file < 0)
		fail("open");
	char reason[256], command[64], text[64];
	/* Until the stream is there. */
	sleep(1);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		snprintf(command, sizeof command, "svc crash tmpfs %s", kinds[i]);
		if (system(command))
			fail(command);
		wait_for_end(events, reason, sizeof reason);
		printf("%s: ended by %s\n", kinds[i], reason);
		ssize_t length = (ssize_t)strlen(kinds[i]);
		if (pwrite(file, kinds[i], (size_t)length, 0) != length ||
		    pread(file, text, (size_t)length, 0) != length ||
		    memcmp(text, kinds[i], (size_t)length))
			fail("the file");
		if (access("/tmp/written", F_OK))
			fail("the file's name");
	}
	if (system("svc log | grep 'took memory'") == 0)
		fail("a start took memory");
	puts("nobody needed memory to start again");
	return 0;
}
