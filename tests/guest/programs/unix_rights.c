/* Descriptors and credentials through sockets: SCM_RIGHTS, SCM_CREDENTIALS, limits, cycles. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "sockets.h"

/* Sends `length` bytes with descriptors. */
static ssize_t send_rights(int fd, const int *rights, int count, size_t length)
{
	static char bytes[64];
	union { char space[CMSG_SPACE(300 * sizeof(int))]; struct cmsghdr align; } control;
	struct iovec piece = { bytes, length };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&header);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(head), rights, count * sizeof(int));
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Receives with room for `most` descriptors; their number, or -1. */
static int receive_rights(int fd, int *rights, int most, int flags, int *header_flags)
{
	char bytes[64];
	union { char space[CMSG_SPACE(300 * sizeof(int))]; struct cmsghdr align; } control;
	struct iovec piece = { bytes, sizeof bytes };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = most ? CMSG_LEN(most * sizeof(int)) : 0 };
	int count = 0;
	if (recvmsg(fd, &header, flags) < 0)
		return -1;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&header); head; head = CMSG_NXTHDR(&header, head))
		if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
			count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(rights, CMSG_DATA(head), count * sizeof(int));
		}
	if (header_flags)
		*header_flags = header.msg_flags & ~MSG_CMSG_CLOEXEC;
	return count;
}

static int open_descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

static void rights(int type)
{
	int ends[2], pipe_ends[2], got[300], flags = -1;
	char buffer[16];

	socketpair(AF_UNIX, type, 0, ends);
	pipe(pipe_ends);
	int before = open_descriptors();
	CHECK("send", send_rights(ends[0], pipe_ends, 2, 5) == 5);
	CHECK("receive", receive_rights(ends[1], got, 10, 0, &flags) == 2 && (flags & ~MSG_EOR) == 0);
	CHECK("without O_CLOEXEC", fcntl(got[0], F_GETFD) == 0);
	CHECK("they are the same pipe", write(got[1], "through", 7) == 7 && read(pipe_ends[0], buffer, 16) == 7);
	close(got[0]); close(got[1]);
	CHECK("MSG_CMSG_CLOEXEC", send_rights(ends[0], pipe_ends, 1, 1) == 1
		&& receive_rights(ends[1], got, 1, MSG_CMSG_CLOEXEC, NULL) == 1 && fcntl(got[0], F_GETFD) == FD_CLOEXEC);
	close(got[0]);
	int three[3] = { pipe_ends[0], pipe_ends[1], pipe_ends[0] };
	CHECK("no room for all", send_rights(ends[0], three, 3, 1) == 1
		&& receive_rights(ends[1], got, 2, 0, &flags) == 2 && flags & MSG_CTRUNC);
	close(got[0]); close(got[1]);
	CHECK("no room at all", send_rights(ends[0], three, 3, 1) == 1
		&& receive_rights(ends[1], got, 0, 0, &flags) == 0 && flags & MSG_CTRUNC);
	CHECK("read drops them", send_rights(ends[0], three, 3, 1) == 1 && read(ends[1], buffer, 16) == 1);
	CHECK("what was dropped is closed", open_descriptors() == before);
	int bad = 987;
	CHECK("a bad descriptor", send_rights(ends[0], &bad, 1, 1) == -1 && errno == EBADF);
	CHECK("nothing was sent", recv(ends[1], buffer, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	for (int i = 0; i < 300; i++)
		got[i] = pipe_ends[0];
	CHECK("253 are the most", send_rights(ends[0], got, 254, 1) == -1 && errno == EINVAL);
	CHECK("and go", send_rights(ends[0], got, 253, 1) == 1 && receive_rights(ends[1], got, 253, 0, NULL) == 253);
	for (int i = 0; i < 253; i++)
		close(got[i]);
	CHECK("MSG_PEEK makes copies", send_rights(ends[0], pipe_ends, 1, 1) == 1
		&& receive_rights(ends[1], got, 1, MSG_PEEK, NULL) == 1 && receive_rights(ends[1], got + 1, 1, 0, NULL) == 1
		&& got[0] != got[1]);
	close(got[0]); close(got[1]);
	if (type == SOCK_STREAM) {
		write(ends[0], "before", 6);
		send_rights(ends[0], pipe_ends, 1, 3);
		write(ends[0], "after", 5);
		CHECK("they come once, with their bytes or those before",
			receive_rights(ends[1], got, 1, 0, NULL) + receive_rights(ends[1], got, 1, 0, NULL) == 1);
		close(got[0]);
		CHECK("without data they do not go", send_rights(ends[0], pipe_ends, 1, 0) == 0
			&& (recv(ends[1], buffer, 16, MSG_DONTWAIT) >= 0 || errno == EAGAIN));
	}
	close(pipe_ends[0]); close(pipe_ends[1]); close(ends[0]); close(ends[1]);
	CHECK("nothing leaked", open_descriptors() == before - 4);
}

static void across_processes(void)
{
	int ends[2], pipe_ends[2], got[1];
	char buffer[16];

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	pid_t child = fork();
	if (child == 0) {
		pipe(pipe_ends);
		write(pipe_ends[1], "from the child", 14);
		_exit(send_rights(ends[1], pipe_ends, 1, 1) == 1 ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK("a descriptor outlives its sender", status == 0 && receive_rights(ends[0], got, 1, 0, NULL) == 1
		&& read(got[0], buffer, 16) == 14);
	CHECK("its other end is gone", read(got[0], buffer, 16) == 0);
	close(got[0]); close(ends[0]); close(ends[1]);
}

static void credentials(void)
{
	int ends[2], on = 1;
	char bytes[16];
	union { char space[CMSG_SPACE(sizeof(struct ucred))]; struct cmsghdr align; } control;
	struct iovec piece = { bytes, 1 };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = sizeof control.space };

	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	write(ends[0], "x", 1);
	CHECK("not unless asked for", recvmsg(ends[1], &header, 0) == 1 && header.msg_controllen == 0);
	CHECK("SO_PASSCRED", setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && option(ends[1], SO_PASSCRED) == 1);
	pid_t child = fork();
	if (child == 0) {
		write(ends[0], "x", 1);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	header.msg_controllen = sizeof control.space;
	CHECK("credentials come", recvmsg(ends[1], &header, 0) == 1 && CMSG_FIRSTHDR(&header)
		&& CMSG_FIRSTHDR(&header)->cmsg_type == SCM_CREDENTIALS);
	struct ucred *sender = (void *)CMSG_DATA(CMSG_FIRSTHDR(&header));
	CHECK("of who sent", sender->pid == child && sender->uid == getuid() && sender->gid == getgid());
	struct ucred own = { getpid(), getuid(), getgid() };
	memcpy(sender, &own, sizeof own);
	header.msg_controllen = sizeof control.space;
	CHECK("one may say who one is", sendmsg(ends[0], &header, 0) == 1);
	header.msg_controllen = sizeof control.space;
	CHECK("and is believed", recvmsg(ends[1], &header, 0) == 1 && sender->pid == getpid());
	child = fork();
	if (child == 0) {
		if (setgid(1234) || setuid(1234))
			_exit(2);
		*sender = (struct ucred){ getppid(), 0, 0 };
		header.msg_controllen = sizeof control.space;
		_exit(sendmsg(ends[0], &header, 0) == -1 && errno == EPERM ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK("but not somebody else", status == 0);
	CMSG_FIRSTHDR(&header)->cmsg_type = 99;
	header.msg_controllen = sizeof control.space;
	CHECK("other control messages are refused", sendmsg(ends[0], &header, 0) == -1 && errno == EINVAL);
	close(ends[0]); close(ends[1]);
}

/* Descriptors that are only under way must neither keep themselves alive nor be without number. */
static void limits(void)
{
	int before = open_descriptors(), refused = 0;

	for (int i = 0; i < 5000; i++) {
		int ends[2];
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
			refused = errno;
			break;
		}
		send_rights(ends[0], &ends[1], 1, 1);
		send_rights(ends[1], &ends[0], 1, 1);
		close(ends[0]); close(ends[1]);
	}
	CHECK("sockets sent through themselves do not pile up", refused == 0);
	int ends[2], held[1], sent = 0, error = 0;
	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	held[0] = open("/dev/null", O_RDWR);
	for (int i = 0; i < 100000 && !error; i++)
		if (send_rights(ends[0], held, 1, 1) == 1)
			sent++;
		else
			error = errno;
	CHECK("the number under way is bounded", sent > 10 && (error == ETOOMANYREFS || error == EAGAIN));
	close(held[0]);
	for (int i = 0; i < sent; i++)
		if (receive_rights(ends[1], held, 1, MSG_DONTWAIT, NULL) == 1)
			close(held[0]);
	CHECK("and goes down again", (held[0] = open("/dev/null", O_RDWR)) >= 0 && send_rights(ends[0], held, 1, 1) == 1);
	close(held[0]); close(ends[0]); close(ends[1]);
	CHECK("all is closed", open_descriptors() == before);
}

int main(void)
{
	rights(SOCK_STREAM);
	rights(SOCK_SEQPACKET);
	rights(SOCK_DGRAM);
	across_processes();
	credentials();
	limits();
	return report();
}
