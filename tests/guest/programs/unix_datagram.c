/* AF_UNIX datagram sockets: names of senders, peers, boundaries, errors, several messages at once. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "sockets.h"

static int bound(const char *name, struct sockaddr_un *address, socklen_t *length)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	*length = abstract_address(address, name);
	return bind(fd, (void *)address, *length) == 0 ? fd : -1;
}

static void unconnected(void)
{
	struct sockaddr_un a_name, b_name, from;
	socklen_t a_length, b_length, length = sizeof from;
	char buffer[64];
	int a = bound("a", &a_name, &a_length), b = bound("b", &b_name, &b_length), c = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK("bound", a >= 0 && b >= 0);
	CHECK("sendto", sendto(a, "to b", 4, 0, (void *)&b_name, b_length) == 4);
	CHECK("recvfrom tells the sender", recvfrom(b, buffer, sizeof buffer, 0, (void *)&from, &length) == 4
		&& length == a_length && memcmp(&from, &a_name, length) == 0);
	CHECK("answering it", sendto(b, "back", 4, 0, (void *)&from, length) == 4 && recv(a, buffer, 64, 0) == 4);
	CHECK("a sender without a name", sendto(c, "anonymous", 9, 0, (void *)&b_name, b_length) == 9);
	length = sizeof from;
	CHECK("has none", recvfrom(b, buffer, 64, 0, (void *)&from, &length) == 9 && (length == 0 || length == 2));
	CHECK("an empty datagram", sendto(c, "", 0, 0, (void *)&b_name, b_length) == 0 && readable(b, 0) == 1
		&& recv(b, buffer, 64, 0) == 0);
	CHECK("write without a peer", write(c, "x", 1) == -1 && (errno == EDESTADDRREQ || errno == ENOTCONN));
	CHECK("send without a peer", send(c, "x", 1, 0) == -1 && (errno == EDESTADDRREQ || errno == ENOTCONN));
	CHECK("nobody of that name", sendto(c, "x", 1, 0, (void *)&b_name, b_length + 1) == -1 && errno == ECONNREFUSED);
	CHECK("listen is not for datagrams", listen(b, 1) == -1 && errno == EOPNOTSUPP);
	CHECK("nor is accept", accept(b, NULL, NULL) == -1 && errno == EOPNOTSUPP);
	CHECK("nothing there", recv(b, buffer, 64, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	static char large[300000];
	CHECK("EMSGSIZE", sendto(c, large, sizeof large, 0, (void *)&b_name, b_length) == -1 && errno == EMSGSIZE);
	CHECK("a large one goes whole", sendto(c, large, 100000, 0, (void *)&b_name, b_length) == 100000
		&& recv(b, large, sizeof large, 0) == 100000);
	CHECK("a cut one", sendto(c, "0123456789", 10, 0, (void *)&b_name, b_length) == 10
		&& recv(b, buffer, 4, 0) == 4 && recv(b, buffer, 4, MSG_DONTWAIT) == -1);
	int other = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK("another type", connect(other, (void *)&b_name, b_length) == -1 && (errno == EPROTOTYPE || errno == ECONNREFUSED));
	close(other);
	for (int i = 0; i < 100000 && sendto(c, large, 1000, MSG_DONTWAIT, (void *)&b_name, b_length) == 1000; i++)
		;
	CHECK("a full inbox", errno == EAGAIN);
	close(a); close(b); close(c);
}

static void connected(void)
{
	struct sockaddr_un a_name, b_name, found;
	socklen_t a_length, b_length, length = sizeof found;
	char buffer[64];
	int a = bound("a", &a_name, &a_length), b = bound("b", &b_name, &b_length), c = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK("connect", connect(a, (void *)&b_name, b_length) == 0);
	CHECK("getpeername", getpeername(a, (void *)&found, &length) == 0 && length == b_length && memcmp(&found, &b_name, length) == 0);
	CHECK("write", write(a, "one", 3) == 3 && send(a, "three", 5, 0) == 5);
	length = sizeof found;
	CHECK("with the sender's name", recvfrom(b, buffer, 64, 0, (void *)&found, &length) == 3 && length == a_length
		&& read(b, buffer, 64) == 5);
	CHECK("who has a peer hears no other", connect(c, (void *)&a_name, a_length) == -1 && errno == EPERM);
	struct sockaddr nobody = { AF_UNSPEC };
	CHECK("AF_UNSPEC takes the peer away", connect(a, &nobody, sizeof nobody) == 0 && write(a, "x", 1) == -1
		&& (errno == EDESTADDRREQ || errno == ENOTCONN));
	CHECK("and another may come", connect(c, (void *)&a_name, a_length) == 0 && write(c, "y", 1) == 1);
	struct pollfd item = { c, POLLIN | POLLOUT, 0 };
	CHECK("writable", poll(&item, 1, 0) == 1 && item.revents == POLLOUT);
	CHECK("shutdown of writing", shutdown(c, SHUT_WR) == 0 && send(c, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	CHECK("the first is still there", read(a, buffer, 64) == 1);
	connect(a, (void *)&b_name, b_length);
	close(b);
	CHECK("a peer that is gone", send(a, "x", 1, MSG_NOSIGNAL) == -1 && errno == ECONNREFUSED);
	close(a); close(c);
}

static void several(void)
{
	int ends[2];
	char data[3][8] = { "first", "second", "third" }, got[4][8] = { 0 };
	struct iovec pieces[4] = { 0 };
	struct mmsghdr messages[4] = { 0 };

	CHECK("datagram pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
	for (int i = 0; i < 3; i++) {
		pieces[i] = (struct iovec){ data[i], strlen(data[i]) };
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK("sendmmsg", sendmmsg(ends[0], messages, 3, 0) == 3 && messages[1].msg_len == 6);
	for (int i = 0; i < 4; i++) {
		pieces[i] = (struct iovec){ got[i], 5 };
		memset(&messages[i], 0, sizeof messages[i]);
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK("recvmmsg takes what there is", recvmmsg(ends[1], messages, 4, MSG_WAITFORONE, NULL) == 3);
	CHECK("whole and cut ones", messages[0].msg_len == 5 && messages[0].msg_hdr.msg_flags == 0
		&& messages[1].msg_len == 5 && messages[1].msg_hdr.msg_flags == MSG_TRUNC && memcmp(got[2], "third", 5) == 0);
	CHECK("then nothing", recvmmsg(ends[1], messages, 4, MSG_DONTWAIT, NULL) == -1 && errno == EAGAIN);
	struct iovec scattered[3] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } };
	struct msghdr header = { .msg_iov = scattered, .msg_iovlen = 3 };
	CHECK("gathered", sendmsg(ends[0], &header, 0) == 6);
	char one[4], two[8];
	scattered[0] = (struct iovec){ one, 4 };
	scattered[1] = (struct iovec){ two, 8 };
	header.msg_iovlen = 2;
	CHECK("scattered", recvmsg(ends[1], &header, 0) == 6 && memcmp(one, "abcd", 4) == 0 && memcmp(two, "ef", 2) == 0);
	header.msg_iovlen = 2000;
	CHECK("too many pieces", sendmsg(ends[0], &header, 0) == -1 && errno == EMSGSIZE);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		for (int i = 0; i < 500; i++)
			if (recv(ends[1], got, sizeof got, 0) < 0)
				_exit(1);
		_exit(recv(ends[1], &byte, 1, MSG_DONTWAIT) == -1 ? 0 : 1);
	}
	static char block[4000];
	int sent = 0;
	while (sent < 500 && send(ends[0], block, sizeof block, 0) == sizeof block)
		sent++;
	int status;
	waitpid(child, &status, 0);
	CHECK("a sender waits for room", sent == 500 && status == 0);
	close(ends[0]); close(ends[1]);
}

static void files(void)
{
	struct sockaddr_un address;
	int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
	char buffer[8];

	unlink(PATH);
	CHECK("bound to a file", bind(a, file_address(&address, PATH), sizeof address) == 0);
	CHECK("sendto by path", sendto(b, "path", 4, 0, (void *)&address, sizeof address) == 4 && recv(a, buffer, 8, 0) == 4);
	unlink(PATH);
	CHECK("a removed file leads nowhere", sendto(b, "x", 1, 0, (void *)&address, sizeof address) == -1 && errno == ENOENT);
	CHECK("its name is free at once", bind(b, (void *)&address, sizeof address) == 0);
	CHECK("and is the new one's", sendto(a, "new", 3, 0, (void *)&address, sizeof address) == 3 && recv(b, buffer, 8, 0) == 3);
	chdir("/tmp");
	CHECK("relative paths", sendto(a, "rel", 3, 0, file_address(&address, "socket"), sizeof address) == 3 && recv(b, buffer, 8, 0) == 3);
	unlink(PATH);
	close(a); close(b);
}

int main(void)
{
	unconnected();
	connected();
	several();
	files();
	return report();
}
