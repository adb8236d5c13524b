/* Sockets and named pipes go on while the servers that know their names are replaced. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "sockets.h"

#define FIFO "/tmp/fifo"

static void replace(void)
{
	if (system("/sbin/svc kill local >/dev/null && /sbin/svc kill vfs >/dev/null"))
		CHECK("svc kill", 0);
}

int main(void)
{
	struct sockaddr_un file, hidden, found;
	socklen_t length = abstract_address(&hidden, "hidden"), room = sizeof found;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), early = socket(AF_UNIX, SOCK_STREAM, 0);
	int inbox = socket(AF_UNIX, SOCK_DGRAM, 0), late = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
	char buffer[32];

	unlink(PATH);
	unlink(FIFO);
	bind(listener, file_address(&file, PATH), sizeof file);
	listen(listener, 0);
	bind(inbox, (void *)&hidden, length);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	mkfifo(FIFO, 0600);
	int reader = open(FIFO, O_RDONLY | O_NONBLOCK);
	CHECK("connected before", connect(early, (void *)&file, sizeof file) == 0 && write(early, "early", 5) == 5);
	pid_t waiting = fork();
	if (waiting == 0)
		_exit(connect(late, (void *)&file, sizeof file) == 0 && write(late, "late", 4) == 4 ? 0 : 1);
	pid_t talking = fork();
	if (talking == 0) {
		for (int i = 0; i < 20000; i++)
			if (write(pair[0], "x", 1) != 1 || read(pair[0], buffer, 1) != 1)
				_exit(1);
		_exit(0);
	}
	pid_t answering = fork();
	if (answering == 0) {
		close(pair[0]);
		while (read(pair[1], buffer, 1) == 1)
			if (write(pair[1], "y", 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(pair[0]);
	usleep(20000);
	replace();
	replace();
	int accepted = accept(listener, NULL, NULL), status;
	CHECK("what waited to be accepted", accepted >= 0 && read(accepted, buffer, 32) == 5);
	waitpid(waiting, &status, 0);
	CHECK("who waited for room", status == 0);
	int second = accept(listener, NULL, NULL);
	CHECK("and its connection", second >= 0 && read(second, buffer, 32) == 4);
	int fresh = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK("a new connection", fresh >= 0 && connect(fresh, (void *)&file, sizeof file) == 0);
	CHECK("names", getsockname(listener, (void *)&found, &room) == 0 && strcmp(found.sun_path, PATH) == 0);
	room = sizeof found;
	CHECK("peers' names", getpeername(early, (void *)&found, &room) == 0 && strcmp(found.sun_path, PATH) == 0);
	struct ucred peer = { 0 };
	room = sizeof peer;
	CHECK("peers", getsockopt(early, SOL_SOCKET, SO_PEERCRED, &peer, &room) == 0 && peer.pid == getpid());
	int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK("datagrams", sendto(sender, "found", 5, 0, (void *)&hidden, length) == 5 && recv(inbox, buffer, 32, 0) == 5);
	CHECK("the name is still taken", bind(sender, (void *)&hidden, length) == -1 && errno == EADDRINUSE);
	int writer = open(FIFO, O_WRONLY | O_NONBLOCK);
	CHECK("a named pipe", writer >= 0 && write(writer, "joined", 6) == 6 && read(reader, buffer, 32) == 6);
	waitpid(talking, &status, 0);
	CHECK("a pair that talks all the time", status == 0);
	waitpid(answering, &status, 0);
	CHECK("ends as it should", status == 0);
	unlink(PATH);
	unlink(FIFO);
	return report();
}
