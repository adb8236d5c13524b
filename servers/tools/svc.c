/* svc: what the supervisor knows and does.
 *
 *   svc status         a line for each server
 *   svc log            recent lines of the log
 *   svc restart NAME   ends a server; its next instance goes on with its work
 *
 * It speaks to the supervisor directly: a call on the session that /dev/supervisor opens. The
 * numbers are those of kernel/abi (calls, message) and servers/proto (supervisor).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALL 0x1001

enum operation { STATUS = 228, LOG = 229, KILL = 230 };

struct buffer {
	uint64_t address, length;
	uint32_t flags, reserved;
};

struct transfer {
	struct buffer buffers[4];
	uint32_t buffer_count, send_count;
	uint32_t send[4], received[4];
	uint32_t received_count, flags, receive_slot, reserved;
};

/* A call with one word besides its operation and one buffer. Returns the answer's first word, or
 * the negated error. */
static long call(int session, uint64_t operation, uint64_t word, void *bytes, size_t length,
                 int is_output)
{
	struct transfer transfer = {
		.buffers = { { (uintptr_t)bytes, length, is_output ? 2 : 1, 0 } },
		.buffer_count = 1,
	};
	register uint64_t word0 __asm__("rsi") = operation;
	register uint64_t word1 __asm__("rdx") = word;
	register uint64_t word2 __asm__("r10") = 0;
	register uint64_t word3 __asm__("r8") = 0;
	register uint64_t word4 __asm__("r9") = 0;
	register uint64_t word5 __asm__("r12") = 0;
	register struct transfer *with __asm__("r13") = &transfer;
	long result = CALL;
	__asm__ volatile("syscall"
	                 : "+a"(result), "+r"(word0), "+r"(word1), "+r"(word2), "+r"(word3),
	                   "+r"(word4), "+r"(word5)
	                 : "D"((uint64_t)session), "r"(with)
	                 : "rcx", "r11", "memory");
	return result < 0 ? result : (long)word0;
}

/* Prints a text that is told in pieces. */
static int print(int session, uint64_t operation)
{
	char text[4096];
	uint64_t offset = 0;
	for (;;) {
		long count = call(session, operation, offset, text, sizeof text, 1);
		if (count < 0) {
			errno = (int)-count;
			return -1;
		}
		if (count == 0)
			return 0;
		fwrite(text, 1, (size_t)count, stdout);
		offset += (uint64_t)count;
	}
}

static int run(int session, int count, char **words)
{
	long result;
	if (count == 2 && !strcmp(words[1], "status"))
		return print(session, STATUS);
	if (count == 2 && !strcmp(words[1], "log"))
		return print(session, LOG);
	if (count == 3 && !strcmp(words[1], "restart")) {
		result = call(session, KILL, 0, words[2], strlen(words[2]), 0);
		if (result >= 0)
			return 0;
		errno = (int)-result;
		return -1;
	}
	fputs("usage: svc status | svc log | svc restart NAME\n", stderr);
	_exit(2);
}

int main(int count, char **words)
{
	int session = open("/dev/supervisor", O_RDWR | O_CLOEXEC);
	if (session < 0) {
		perror("svc: /dev/supervisor");
		return 1;
	}
	if (run(session, count, words)) {
		fprintf(stderr, "svc: %s: %s\n", count > 2 ? words[2] : words[1], strerror(errno));
		return 1;
	}
	return 0;
}
