/* Linux's system-call instruction. Link with -Wl,-u,__microkosm_linux_calls. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call(long number, long a, long b, long c)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

int main(void)
{
	char buffer[8];
	CHECK("getpid", call(SYS_getpid, 0, 0, 0) == getpid());
	long fd = call(SYS_open, (long)"/tmp/foreign", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK("open", fd >= 3);
	CHECK("write", call(SYS_write, fd, (long)"bytes", 5) == 5);
	CHECK("lseek and read", call(SYS_lseek, fd, 0, SEEK_SET) == 0 && call(SYS_read, fd, (long)buffer, 8) == 5 && !memcmp(buffer, "bytes", 5));
	CHECK("close", call(SYS_close, fd, 0, 0) == 0);
	errno = 1234;
	CHECK("an error comes as a negative number, and errno stays", call(SYS_open, (long)"/missing", O_RDONLY, 0) == -ENOENT && errno == 1234);
	CHECK("an unknown call gives ENOSYS", call(999, 0, 0, 0) == -ENOSYS);
	CHECK("syscall() takes the same numbers", syscall(SYS_getppid) == getppid() && syscall(999) == -1 && errno == ENOSYS);
	return report();
}
