/* svc: what the supervisor knows and does.
 *
 *   svc status            a line for each server
 *   svc log               recent lines of the log
 *   svc events            what happens to servers from now on, a line each, until interrupted
 *   svc kill NAME         ends a server; its next instance goes on with its work
 *   svc crash NAME KIND   has a server go wrong (panic, exit, bad-address, bad-instruction,
 *                         stack-overflow, leak, hang), to see what comes of it
 *   svc update NAME FILE  has a server go on with the program in FILE, or, when that one does not
 *                         serve, with its own
 *
 * It speaks to the supervisor directly: a call on the session that /dev/supervisor opens. The
 * numbers are those of kernel/abi (calls, message) and servers/proto (supervisor).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CALL 0x1001

enum operation { STATUS = 228, LOG = 229, KILL = 230, UPDATE = 235, CRASH = 236, EVENTS = 237 };

struct buffer {
	uint64_t address, length;
	uint32_t flags, reserved;
};

enum buffer_flags { IN = 1, OUT = 2 };

struct transfer {
	struct buffer buffers[4];
	uint32_t buffer_count, send_count;
	uint32_t send[4], received[4];
	uint32_t received_count, flags, receive_slot, reserved;
};

/* A call with one word besides its operation. Returns the answer's first word, or -1 with errno. */
static long call(int session, uint64_t operation, uint64_t word, struct transfer *transfer)
{
	register uint64_t word0 __asm__("rsi") = operation;
	register uint64_t word1 __asm__("rdx") = word;
	register uint64_t word2 __asm__("r10") = 0;
	register uint64_t word3 __asm__("r8") = 0;
	register uint64_t word4 __asm__("r9") = 0;
	register uint64_t word5 __asm__("r12") = 0;
	register struct transfer *with __asm__("r13") = transfer;
	long result = CALL;
	__asm__ volatile("syscall"
	                 : "+a"(result), "+r"(word0), "+r"(word1), "+r"(word2), "+r"(word3),
	                   "+r"(word4), "+r"(word5)
	                 : "D"((uint64_t)session), "r"(with)
	                 : "rcx", "r11", "memory");
	result = result < 0 ? result : (long)word0;
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static void lend(struct transfer *transfer, void *bytes, size_t length, enum buffer_flags flags)
{
	transfer->buffers[transfer->buffer_count++] =
	    (struct buffer){ (uintptr_t)bytes, length, flags, 0 };
}

/* Prints a text that is told in pieces. */
static int print(int session, uint64_t operation)
{
	char text[4096];
	uint64_t offset = 0;
	for (;;) {
		struct transfer transfer = { 0 };
		lend(&transfer, text, sizeof text, OUT);
		long count = call(session, operation, offset, &transfer);
		if (count <= 0)
			return (int)count;
		fwrite(text, 1, (size_t)count, stdout);
		offset += (uint64_t)count;
	}
}

static int kill_server(int session, char *name)
{
	struct transfer transfer = { 0 };
	lend(&transfer, name, strlen(name), IN);
	return (int)call(session, KILL, 0, &transfer);
}

static int crash(int session, char *name, char *kind)
{
	struct transfer transfer = { 0 };
	lend(&transfer, name, strlen(name), IN);
	lend(&transfer, kind, strlen(kind), IN);
	return (int)call(session, CRASH, 0, &transfer);
}

static int update(int session, char *name, const char *path)
{
	struct stat status;
	struct transfer transfer = { 0 };
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status)) {
		fprintf(stderr, "svc: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	size_t length = (size_t)status.st_size, done = 0;
	char *program = malloc(length + 1);
	while (program && done < length) {
		ssize_t count = read(file, program + done, length - done);
		if (count <= 0)
			break;
		done += (size_t)count;
	}
	close(file);
	if (!program || done < length)
		return -1;
	lend(&transfer, name, strlen(name), IN);
	lend(&transfer, program, length, IN);
	int result = (int)call(session, UPDATE, 0, &transfer);
	free(program);
	return result;
}

static int listen_to_events(int session)
{
	char text[4096];
	ssize_t count;
	struct transfer transfer = { 0 };
	if (call(session, EVENTS, 0, &transfer) < 0)
		return -1;
	while ((count = read((int)transfer.received[0], text, sizeof text)) > 0)
		if (write(STDOUT_FILENO, text, (size_t)count) < 0)
			return -1;
	return (int)count;
}

static int run(int session, int count, char **words)
{
	const char *what = count > 1 ? words[1] : "";
	if (count == 2 && !strcmp(what, "status"))
		return print(session, STATUS);
	if (count == 2 && !strcmp(what, "log"))
		return print(session, LOG);
	if (count == 2 && !strcmp(what, "events"))
		return listen_to_events(session);
	if (count == 3 && !strcmp(what, "kill"))
		return kill_server(session, words[2]);
	if (count == 4 && !strcmp(what, "crash"))
		return crash(session, words[2], words[3]);
	if (count == 4 && !strcmp(what, "update"))
		return update(session, words[2], words[3]);
	fputs("usage: svc status | log | events | kill NAME | crash NAME KIND | update NAME FILE\n",
	      stderr);
	exit(2);
}

static const char *reason(const char *what)
{
	if (errno == ECANCELED && !strcmp(what, "update"))
		return "the new program did not serve; the old one goes on (svc log tells more)";
	if (errno == EINVAL && !strcmp(what, "crash"))
		return "no such kind of crash";
	if (errno == ENOENT)
		return "no such server";
	return strerror(errno);
}

int main(int count, char **words)
{
	int session = open("/dev/supervisor", O_RDWR | O_CLOEXEC);
	if (session < 0) {
		perror("svc: /dev/supervisor");
		return 1;
	}
	if (run(session, count, words)) {
		fprintf(stderr, "svc: %s: %s\n", words[count > 2 ? 2 : 1], reason(words[1]));
		return 1;
	}
	return 0;
}
