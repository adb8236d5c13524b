/* AF_UNIX stream and sequenced-packet sockets: names, connections, shutdown, options, errors. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "sockets.h"

static void named(void)
{
	struct sockaddr_un address = { 0 }, found = { 0 };
	socklen_t length = sizeof found;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client, server, value = -1;
	char buffer[64];

	unlink(PATH);
	CHECK("socket is made", listener >= 0);
	CHECK("listen needs a name", listen(listener, 1) == -1 && (errno == EDESTADDRREQ || errno == EINVAL));
	CHECK("an unbound socket has no name", getsockname(listener, (void *)&found, &length) == 0
		&& length == 2 && found.sun_family == AF_UNIX);
	CHECK("bind makes a file", bind(listener, file_address(&address, PATH), sizeof address) == 0);
	struct stat status;
	CHECK("of type socket", stat(PATH, &status) == 0 && S_ISSOCK(status.st_mode));
	CHECK("fstat says socket", fstat(listener, &status) == 0 && S_ISSOCK(status.st_mode));
	CHECK("open of it fails with ENXIO", open(PATH, O_RDWR) == -1 && errno == ENXIO);
	CHECK("bind again is refused", bind(listener, file_address(&address, PATH "2"), sizeof address) == -1
		&& errno == EINVAL && access(PATH "2", F_OK) == -1);
	int other = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK("the name is taken", bind(other, file_address(&address, PATH), sizeof address) == -1
		&& errno == EADDRINUSE);
	CHECK("connect before listen is refused",
		connect(other, (void *)&address, sizeof address) == -1 && errno == ECONNREFUSED);
	CHECK("accept before listen is refused", accept(listener, NULL, NULL) == -1 && errno == EINVAL);
	CHECK("listen", listen(listener, 4) == 0);
	CHECK("SO_ACCEPTCONN", option(listener, SO_ACCEPTCONN) == 1 && option(other, SO_ACCEPTCONN) == 0);
	CHECK("not readable yet", readable(listener, 0) == 0);
	CHECK("nothing to accept", fcntl(listener, F_SETFL, O_NONBLOCK) == 0
		&& accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK("SOCK_CLOEXEC", fcntl(client, F_GETFD) == FD_CLOEXEC);
	CHECK("write before connect", write(client, "x", 1) == -1 && errno == ENOTCONN);
	CHECK("send before connect", send(client, "x", 1, 0) == -1 && errno == ENOTCONN);
	CHECK("getpeername before connect", getpeername(client, (void *)&found, &length) == -1 && errno == ENOTCONN);
	CHECK("shutdown before connect", shutdown(client, SHUT_RD) == -1 && errno == ENOTCONN);
	CHECK("connect does not wait for accept", connect(client, (void *)&address, sizeof address) == 0);
	CHECK("connect again", connect(client, (void *)&address, sizeof address) == -1 && errno == EISCONN);
	CHECK("readable now", readable(listener, 1000) == 1);
	CHECK("write before accept", write(client, "early", 5) == 5);
	length = sizeof found;
	server = accept4(listener, (void *)&found, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK("accept4", server >= 0 && length == 2 && found.sun_family == AF_UNIX);
	CHECK("accept4 flags", fcntl(server, F_GETFD) == FD_CLOEXEC && fcntl(server, F_GETFL) == (O_RDWR | O_NONBLOCK));
	CHECK("accept4 refuses other flags", accept4(listener, NULL, NULL, 3) == -1 && errno == EINVAL);
	CHECK("what was written early is there", read(server, buffer, sizeof buffer) == 5 && memcmp(buffer, "early", 5) == 0);
	CHECK("and no more", read(server, buffer, 1) == -1 && errno == EAGAIN);
	length = sizeof found;
	CHECK("the server's name", getsockname(server, (void *)&found, &length) == 0
		&& length == 2 + sizeof PATH && strcmp(found.sun_path, PATH) == 0);
	length = sizeof found;
	CHECK("is the client's peer", getpeername(client, (void *)&found, &length) == 0 && strcmp(found.sun_path, PATH) == 0);
	length = 4;
	CHECK("a short buffer gets a part and the length", getpeername(client, (void *)&found, &length) == 0
		&& length == 2 + sizeof PATH && found.sun_path[0] == PATH[0]);
	struct ucred peer = { 0 };
	length = sizeof peer;
	CHECK("SO_PEERCRED of the client", getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0
		&& peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid());
	CHECK("SO_TYPE and SO_DOMAIN", option(client, SO_TYPE) == SOCK_STREAM && option(server, SO_DOMAIN) == AF_UNIX
		&& option(server, SO_PROTOCOL) == 0 && option(client, SO_ERROR) == 0);
	CHECK("an unknown option", getsockopt(client, SOL_SOCKET, 12345, &value, &length) == -1 && errno == ENOPROTOOPT);
	CHECK("sendto with an address", sendto(client, "x", 1, 0, (void *)&address, sizeof address) == -1 && errno == EISCONN);
	CHECK("listen on a connected one", listen(client, 1) == -1 && errno == EINVAL);
	close(listener);
	CHECK("a connection outlives its listener", write(client, "on", 2) == 2 && read(server, buffer, 9) == 2);
	CHECK("but nobody else gets in", connect(other, (void *)&address, sizeof address) == -1 && errno == ECONNREFUSED);
	CHECK("the file stays", stat(PATH, &status) == 0);
	unlink(PATH);
	CHECK("without a file there is nothing", connect(other, (void *)&address, sizeof address) == -1 && errno == ENOENT);
	close(other);
	close(client);
	CHECK("end of file", read(server, buffer, sizeof buffer) == 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK("EPIPE", write(server, "x", 1) == -1 && errno == EPIPE);
	close(server);
}

static void backlog(void)
{
	struct sockaddr_un address;
	socklen_t length = abstract_address(&address, "backlog");
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), clients[8], made = 0;

	bind(listener, (void *)&address, length);
	CHECK("abstract names make no files", listen(listener, 2) == 0);
	for (int i = 0; i < 8; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(clients[i], (void *)&address, length) == 0)
			made++;
		else
			CHECK("a full backlog is EAGAIN", errno == EAGAIN);
	}
	CHECK("the backlog bounds connections", made == 3);
	pid_t child = fork();
	if (child == 0) {
		int blocking = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(blocking, (void *)&address, length) == 0 ? 7 : 1);
	}
	usleep(20000);
	for (int i = 0; i < 4; i++)
		close(accept(listener, NULL, NULL));
	int status;
	waitpid(child, &status, 0);
	CHECK("a blocking connect waits for room", WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK("listen again changes the backlog", listen(listener, 100) == 0);
	int pending = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;
	CHECK("pending", connect(pending, (void *)&address, length) == 0);
	close(listener);
	CHECK("closing the listener ends what waits", read(pending, &byte, 1) <= 0);
	for (int i = 0; i < 8; i++)
		close(clients[i]);
	int again = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK("the name is free again", bind(again, (void *)&address, length) == 0);
	close(again);
	close(pending);
}

static void names(void)
{
	struct sockaddr_un address, found;
	socklen_t length;
	int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);

	length = abstract_address(&address, "a\0b");
	CHECK("an abstract name may hold NULs", bind(one, (void *)&address, length + 2) == 0);
	found.sun_path[1] = 0;
	socklen_t room = sizeof found;
	CHECK("and is told whole", getsockname(one, (void *)&found, &room) == 0 && room == length + 2
		&& memcmp(&found, &address, room) == 0);
	CHECK("it is taken", bind(two, (void *)&address, length + 2) == -1 && errno == EADDRINUSE);
	address.sun_family = AF_UNIX;
	CHECK("the empty address gets a name", bind(two, (void *)&address, sizeof(sa_family_t)) == 0);
	room = sizeof found;
	CHECK("of five digits", getsockname(two, (void *)&found, &room) == 0 && room == 2 + 6 && found.sun_path[0] == 0);
	int three = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK("a path that is too long", bind(three, (void *)&address, sizeof address + 5) == -1 && errno == EINVAL);
	CHECK("an address that is too short", bind(three, (void *)&address, 1) == -1 && errno == EINVAL);
	address.sun_family = AF_INET;
	CHECK("another family", bind(three, (void *)&address, sizeof address) == -1 && (errno == EINVAL || errno == EAFNOSUPPORT));
	file_address(&address, "/nowhere/at/all");
	CHECK("no directory", bind(three, (void *)&address, sizeof address) == -1 && errno == ENOENT);
	file_address(&address, "/dev/null");
	CHECK("connect to what is no socket", connect(three, (void *)&address, sizeof address) == -1 && errno == ECONNREFUSED);
	int fd = open("/dev/null", O_RDWR);
	CHECK("bind of what is no socket", bind(fd, (void *)&address, sizeof address) == -1 && errno == ENOTSOCK);
	CHECK("send on what is no socket", send(fd, "x", 1, 0) == -1 && errno == ENOTSOCK);
	CHECK("accept on what is no socket", accept(fd, NULL, NULL) == -1 && errno == ENOTSOCK);
	CHECK("getsockopt on what is no socket", option(fd, SO_TYPE) == -1 && errno == ENOTSOCK);
	CHECK("a closed descriptor", send(999, "x", 1, 0) == -1 && errno == EBADF);
	CHECK("socket refuses families", socket(12345, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT);
	CHECK("and types", socket(AF_UNIX, 9, 0) == -1 && (errno == ESOCKTNOSUPPORT || errno == EINVAL));
	CHECK("and protocols", socket(AF_UNIX, SOCK_STREAM, 77) == -1 && errno == EPROTONOSUPPORT);
	close(one); close(two); close(three); close(fd);
}

static void permission(void)
{
	struct sockaddr_un address;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(PATH);
	bind(listener, file_address(&address, PATH), sizeof address);
	listen(listener, 3);
	chmod(PATH, 0500);
	pid_t child = fork();
	if (child == 0) {
		int client = socket(AF_UNIX, SOCK_STREAM, 0);
		if (setgid(1234) || setuid(1234))
			_exit(2);
		int refused = connect(client, (void *)&address, sizeof address) == -1 && errno == EACCES;
		_exit(refused ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK("connecting needs write permission", geteuid() != 0 || status == 0);
	close(listener);
	unlink(PATH);
}

static void pairs(int type, const char *name)
{
	int ends[2];
	char buffer[100], title[80];
	struct pollfd poll_item;

	snprintf(title, sizeof title, "%s pair", name);
	CHECK(title, socketpair(AF_UNIX, type, 0, ends) == 0);
	CHECK("both directions", write(ends[0], "ab", 2) == 2 && write(ends[1], "cde", 3) == 3
		&& read(ends[1], buffer, 100) == 2 && read(ends[0], buffer, 100) == 3);
	CHECK("type", option(ends[0], SO_TYPE) == type);
	struct ucred peer = { 0 };
	socklen_t length = sizeof peer;
	CHECK("SO_PEERCRED of a pair", getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == getpid());
	CHECK("MSG_PEEK leaves it", write(ends[0], "peek", 4) == 4 && recv(ends[1], buffer, 2, MSG_PEEK) == 2
		&& recv(ends[1], buffer, 100, 0) == 4);
	CHECK("MSG_DONTWAIT", recv(ends[1], buffer, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	int queued = -1;
	CHECK("FIONREAD", write(ends[0], "12345", 5) == 5 && ioctl(ends[1], FIONREAD, &queued) == 0 && queued == 5);
	if (type == SOCK_STREAM) {
		CHECK("two writes, one read", write(ends[0], "678", 3) == 3 && read(ends[1], buffer, 100) == 8);
	} else {
		CHECK("boundaries are kept", write(ends[0], "678", 3) == 3 && read(ends[1], buffer, 100) == 5
			&& read(ends[1], buffer, 2) == 2);
		CHECK("the rest of a message is lost", write(ends[0], "9", 1) == 1 && read(ends[1], buffer, 100) == 1);
		write(ends[0], "long message", 12);
		CHECK("MSG_TRUNC tells the length", recv(ends[1], buffer, 4, MSG_TRUNC) == 12);
	}
	CHECK("MSG_OOB is not offered", send(ends[0], "x", 1, MSG_OOB) == -1 && errno == EOPNOTSUPP);
	CHECK("a bad address", send(ends[0], (void *)8, 1, 0) == -1 && errno == EFAULT);
	CHECK("shutdown of writing", shutdown(ends[0], SHUT_WR) == 0);
	CHECK("ends the reader", read(ends[1], buffer, 100) == 0);
	poll_item = (struct pollfd){ ends[1], POLLIN | POLLRDHUP, 0 };
	CHECK("with POLLRDHUP", poll(&poll_item, 1, 0) == 1 && poll_item.revents == (POLLIN | POLLRDHUP));
	CHECK("and EPIPE", send(ends[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	CHECK("the other direction goes on", write(ends[1], "y", 1) == 1 && read(ends[0], buffer, 9) == 1);
	CHECK("shutdown checks its argument", shutdown(ends[0], 7) == -1 && errno == EINVAL);
	close(ends[1]);
	poll_item = (struct pollfd){ ends[0], POLLIN | POLLOUT, 0 };
	CHECK("POLLHUP when the peer is gone", poll(&poll_item, 1, 0) == 1 && poll_item.revents & POLLHUP);
	close(ends[0]);
	socketpair(AF_UNIX, type, 0, ends);
	write(ends[0], "unread", 6);
	close(ends[1]);
	CHECK("unread data resets", read(ends[0], buffer, 1) == -1 && errno == ECONNRESET);
	close(ends[0]);
}

static void *late_writer(void *end)
{
	usleep(20000);
	write(*(int *)end, "cd", 2);
	usleep(20000);
	write(*(int *)end, "ef", 2);
	return NULL;
}

static void waiting(void)
{
	int ends[2];
	char buffer[16] = "";
	struct timeval timeout = { 0, 30000 }, found;
	socklen_t length = sizeof found;
	pthread_t thread;

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	CHECK("SO_RCVTIMEO is kept", setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0
		&& getsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &found, &length) == 0 && length == sizeof found
		&& found.tv_sec == 0 && found.tv_usec == 30000);
	CHECK("and ends a read", read(ends[0], buffer, 1) == -1 && errno == EAGAIN);
	CHECK("and a recv", recv(ends[0], buffer, 1, 0) == -1 && errno == EAGAIN);
	timeout.tv_usec = 1000000;
	CHECK("a bad time", setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == -1 && errno == EDOM);
	timeout = (struct timeval){ 0, 30000 };
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	static char much[1 << 20];
	ssize_t part = write(ends[0], much, sizeof much);
	CHECK("SO_SNDTIMEO ends a write in its middle", part > 0 && part < (ssize_t)sizeof much);
	CHECK("and one that cannot begin", write(ends[0], much, sizeof much) == -1 && errno == EAGAIN);
	close(ends[0]);
	close(ends[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	write(ends[0], "ab", 2);
	pthread_create(&thread, NULL, late_writer, &ends[0]);
	CHECK("MSG_WAITALL waits for all", recv(ends[1], buffer, 6, MSG_WAITALL) == 6 && memcmp(buffer, "abcdef", 6) == 0);
	pthread_join(thread, NULL);
	int size = 8192;
	CHECK("SO_SNDBUF bounds what is queued", setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0
		&& option(ends[0], SO_SNDBUF) >= size && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0
		&& (part = write(ends[0], much, sizeof much)) > 0 && part <= 65536);
	CHECK("then EAGAIN", write(ends[0], much, sizeof much) == -1 && errno == EAGAIN);
	CHECK("SO_LINGER is kept", setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 5 }, sizeof(struct linger)) == 0);
	close(ends[0]);
	close(ends[1]);
	pid_t child = fork();
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
		close(ends[1]);
		send(ends[0], "x", 1, MSG_NOSIGNAL);
		send(ends[0], "x", 1, 0);
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK("SIGPIPE, but not with MSG_NOSIGNAL", WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

int main(void)
{
	named();
	backlog();
	names();
	permission();
	pairs(SOCK_STREAM, "stream");
	pairs(SOCK_SEQPACKET, "sequenced-packet");
	waiting();
	return report();
}
