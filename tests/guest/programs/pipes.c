/* Pipes and FIFOs: atomic writes, waiting, ends, sizes, openings; copying between descriptors. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "sockets.h"
#include <limits.h>
#include <sys/sendfile.h>

#define FIFO "/tmp/fifo"

static char much[1 << 20];

static void basics(void)
{
	int ends[2];
	char buffer[100];
	struct stat status;

	CHECK("pipe2 flags", pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 && fcntl(ends[0], F_GETFD) == FD_CLOEXEC
		&& fcntl(ends[0], F_GETFL) == (O_RDONLY | O_NONBLOCK) && fcntl(ends[1], F_GETFL) == (O_WRONLY | O_NONBLOCK));
	CHECK("nothing to read", read(ends[0], buffer, 1) == -1 && errno == EAGAIN);
	CHECK("nothing written", write(ends[1], "", 0) == 0 && read(ends[0], buffer, 1) == -1 && errno == EAGAIN);
	CHECK("writing the reading end", write(ends[0], "x", 1) == -1 && errno == EBADF);
	CHECK("reading the writing end", read(ends[1], buffer, 1) == -1 && errno == EBADF);
	CHECK("no position", lseek(ends[0], 0, SEEK_CUR) == -1 && errno == ESPIPE
		&& pread(ends[0], buffer, 1, 0) == -1 && errno == ESPIPE);
	CHECK("fstat", fstat(ends[0], &status) == 0 && S_ISFIFO(status.st_mode));
	CHECK("a bad address", write(ends[1], (void *)8, 1) == -1 && errno == EFAULT);
	CHECK("and of a full one nothing is lost", write(ends[1], "kept", 4) == 4 && read(ends[0], (void *)8, 4) == -1
		&& errno == EFAULT && read(ends[0], buffer, 9) == 4);
	CHECK("pipe2 refuses other flags", pipe2(ends, 0x8000001) == -1 && errno == EINVAL);
	int size = fcntl(ends[1], F_GETPIPE_SZ), queued;
	CHECK("F_GETPIPE_SZ", size == 65536);
	CHECK("it takes that much", write(ends[1], much, sizeof much) == size);
	CHECK("FIONREAD", ioctl(ends[0], FIONREAD, &queued) == 0 && queued == size);
	CHECK("and no more", write(ends[1], "x", 1) == -1 && errno == EAGAIN);
	struct pollfd items[2] = { { ends[0], POLLIN | POLLOUT, 0 }, { ends[1], POLLIN | POLLOUT, 0 } };
	CHECK("poll of a full one", poll(items, 2, 0) == 1 && items[0].revents == POLLIN);
	CHECK("not smaller than its content", fcntl(ends[1], F_SETPIPE_SZ, 4096) == -1 && errno == EBUSY);
	CHECK("F_SETPIPE_SZ rounds up", fcntl(ends[1], F_SETPIPE_SZ, 100000) == 131072 && fcntl(ends[0], F_GETPIPE_SZ) == 131072
		&& write(ends[1], much, sizeof much) == 65536);
	CHECK("of a pipe only", fcntl(0, F_GETPIPE_SZ) == -1 && errno == EBADF);
	while (read(ends[0], much, sizeof much) > 0)
		;
	fcntl(ends[1], F_SETPIPE_SZ, 65536);
	write(ends[1], much, 65536 - 100);
	CHECK("PIPE_BUF bytes go whole or not at all", write(ends[1], much, PIPE_BUF) == -1 && errno == EAGAIN);
	CHECK("more may go in part", write(ends[1], much, PIPE_BUF + 1) == 100);
	close(ends[1]);
	while (read(ends[0], much, sizeof much) > 0)
		;
	CHECK("end of file", read(ends[0], buffer, 1) == 0);
	items[0].revents = 0;
	CHECK("POLLHUP", poll(items, 1, 0) == 1 && items[0].revents & POLLHUP && !(items[0].revents & POLLOUT));
	close(ends[0]);
	pipe(ends);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK("EPIPE", write(ends[1], "x", 1) == -1 && errno == EPIPE);
	items[1] = (struct pollfd){ ends[1], POLLOUT, 0 };
	CHECK("POLLERR", poll(items + 1, 1, 0) == 1 && items[1].revents & POLLERR);
	close(ends[1]);
	pid_t child = fork();
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		pipe(ends);
		close(ends[0]);
		write(ends[1], "x", 1);
		_exit(0);
	}
	int end;
	waitpid(child, &end, 0);
	CHECK("SIGPIPE", WIFSIGNALED(end) && WTERMSIG(end) == SIGPIPE);
}

/* Several writers of records of PIPE_BUF bytes: no record may be torn. */
static void atomicity(void)
{
	enum { WRITERS = 4, RECORDS = 50 };
	int ends[2], torn = 0, count = 0;
	static char record[PIPE_BUF];

	pipe(ends);
	for (int writer = 0; writer < WRITERS; writer++)
		if (fork() == 0) {
			memset(record, 'a' + writer, sizeof record);
			for (int i = 0; i < RECORDS; i++)
				if (write(ends[1], record, sizeof record) != sizeof record)
					_exit(1);
			_exit(0);
		}
	close(ends[1]);
	for (size_t have = 0; ; ) {
		ssize_t got = read(ends[0], record + have, sizeof record - have);
		if (got <= 0)
			break;
		have += got;
		if (have < sizeof record)
			continue;
		have = 0;
		count++;
		for (size_t i = 1; i < sizeof record; i++)
			torn += record[i] != record[0];
	}
	while (wait(NULL) > 0)
		;
	CHECK("writes of PIPE_BUF bytes are atomic", torn == 0 && count == WRITERS * RECORDS);
	close(ends[0]);
}

static void *open_to_write(void *result)
{
	usleep(20000);
	*(int *)result = open(FIFO, O_WRONLY);
	return NULL;
}

static void fifos(void)
{
	char buffer[16];
	int writer = -1;
	pthread_t thread;
	struct stat status;

	unlink(FIFO);
	CHECK("mkfifo", mkfifo(FIFO, 0600) == 0 && mkfifo(FIFO, 0600) == -1 && errno == EEXIST);
	CHECK("a writer needs a reader", open(FIFO, O_WRONLY | O_NONBLOCK) == -1 && errno == ENXIO);
	pthread_create(&thread, NULL, open_to_write, &writer);
	int reader = open(FIFO, O_RDONLY);
	pthread_join(thread, NULL);
	CHECK("a reader waits for a writer", reader >= 0 && writer >= 0);
	CHECK("through", write(writer, "abc", 3) == 3 && read(reader, buffer, 16) == 3);
	CHECK("fstat", fstat(reader, &status) == 0 && S_ISFIFO(status.st_mode) && (status.st_mode & 0777) == 0600);
	close(writer);
	CHECK("end of file", read(reader, buffer, 1) == 0);
	writer = open(FIFO, O_WRONLY);
	CHECK("a new writer", writer >= 0 && write(writer, "again", 5) == 5 && read(reader, buffer, 16) == 5);
	write(writer, "left", 4);
	close(writer);
	CHECK("what a writer leaves stays", read(reader, buffer, 16) == 4 && read(reader, buffer, 1) == 0);
	close(reader);
	reader = open(FIFO, O_RDONLY | O_NONBLOCK);
	CHECK("a reader that does not wait", reader >= 0 && read(reader, buffer, 1) == 0);
	writer = open(FIFO, O_WRONLY | O_NONBLOCK);
	CHECK("then a writer may come", writer >= 0 && read(reader, buffer, 1) == -1 && errno == EAGAIN);
	close(reader);
	CHECK("EPIPE when the readers are gone", write(writer, "x", 1) == -1 && errno == EPIPE);
	reader = open(FIFO, O_RDONLY);
	CHECK("and not when one is back", write(writer, "y", 1) == 1 && read(reader, buffer, 9) == 1);
	close(reader); close(writer);
	int both = open(FIFO, O_RDWR);
	CHECK("O_RDWR does not wait", both >= 0 && (fcntl(both, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK("and is both sides", write(both, "self", 4) == 4 && read(both, buffer, 16) == 4);
	struct pollfd item = { both, POLLIN | POLLOUT, 0 };
	CHECK("poll of it", poll(&item, 1, 0) == 1 && item.revents == POLLOUT);
	writer = open(FIFO, O_WRONLY | O_NONBLOCK);
	CHECK("others join", writer >= 0 && write(writer, "z", 1) == 1 && read(both, buffer, 16) == 1);
	close(both); close(writer);
	unlink(FIFO);
}

static void copying(void)
{
	int one[2], two[2], file = open("/tmp/copied", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char buffer[32];
	loff_t at = 2;
	off_t from = 1;

	pipe2(one, O_NONBLOCK);
	pipe2(two, O_NONBLOCK);
	write(one[1], "0123456789", 10);
	CHECK("tee copies", tee(one[0], two[1], 4, 0) == 4 && read(two[0], buffer, 9) == 4 && memcmp(buffer, "0123", 4) == 0);
	CHECK("splice between pipes takes", splice(one[0], NULL, two[1], NULL, 3, 0) == 3 && read(two[0], buffer, 9) == 3
		&& memcmp(buffer, "012", 3) == 0);
	CHECK("splice to a file", splice(one[0], NULL, file, &at, 100, 0) == 7 && at == 9
		&& pread(file, buffer, 32, 0) == 9 && memcmp(buffer, "\0\0003456789", 9) == 0);
	CHECK("splice from a file", splice(file, &at, one[1], NULL, 9, 0) == 0 && (at = 5)
		&& splice(file, &at, one[1], NULL, 2, 0) == 2 && read(one[0], buffer, 9) == 2 && memcmp(buffer, "67", 2) == 0);
	CHECK("an empty pipe", splice(one[0], NULL, two[1], NULL, 3, SPLICE_F_NONBLOCK) == -1 && errno == EAGAIN);
	CHECK("splice needs a pipe", splice(file, NULL, file, NULL, 3, 0) == -1 && errno == EINVAL);
	CHECK("a pipe has no position", splice(one[0], &at, two[1], NULL, 3, 0) == -1 && errno == ESPIPE);
	CHECK("tee needs two pipes", tee(file, one[1], 3, 0) == -1 && errno == EINVAL);
	CHECK("sendfile", lseek(file, 4, SEEK_SET) == 4 && sendfile(one[1], file, NULL, 3) == 3 && lseek(file, 0, SEEK_CUR) == 7
		&& sendfile(one[1], file, &from, 100) == 8 && from == 9 && lseek(file, 0, SEEK_CUR) == 7
		&& read(one[0], buffer, 32) == 11 && memcmp(buffer, "567\0003456789", 11) == 0);
	struct iovec piece = { "memory", 6 };
	CHECK("vmsplice", vmsplice(one[1], &piece, 1, 0) == 6 && read(one[0], buffer, 9) == 6);
	int target = open("/tmp/copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
	at = 3;
	CHECK("copy_file_range", copy_file_range(file, &at, target, NULL, 4, 0) == 4 && at == 7
		&& pread(target, buffer, 9, 0) == 4 && memcmp(buffer, "4567", 4) == 0);
	unlink("/tmp/copied"); unlink("/tmp/copy");
	close(file); close(target);
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(two[i]);
	}
}

int main(void)
{
	basics();
	atomicity();
	fifos();
	copying();
	return report();
}
