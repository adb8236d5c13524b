/* Sockets go on while the server of the internet and the adapter's driver are killed under them. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "internet.h"

static void kill_server(const char *name)
{
	pid_t child = fork();
	int status = -1;
	if (child == 0)
		execl("/sbin/svc", "svc", "kill", name, NULL);
	CHECK("a server is killed", waitpid(child, &status, 0) == child && status == 0);
}

/* Writes all numbers from 0 on until there are no more. */
static void *writer(void *argument)
{
	for (unsigned number = 0; number < 100000; number++)
		if (write(*(int *)argument, &number, sizeof number) != sizeof number)
			break;
	shutdown(*(int *)argument, SHUT_WR);
	return NULL;
}

int main(void)
{
	char buffer[64];
	int server = listener(8), client = socket(AF_INET, SOCK_STREAM, 0), waiting = socket(AF_INET, SOCK_STREAM, 0);
	int first = socket(AF_INET, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK("made", connect_to(client, "127.0.0.1", port_of(server)) == 0 && bind_to(first, "127.0.0.1", 0) == 0
		&& connect_to(second, "127.0.0.1", port_of(first)) == 0);
	int peer = accept(server, NULL, NULL), port = port_of(server);
	CHECK("one waits to be accepted", connect_to(waiting, "127.0.0.1", port) == 0 && write(waiting, "early", 5) == 5);
	CHECK("a datagram waits to be read", write(second, "before", 6) == 6);
	set(server, IPPROTO_TCP, TCP_NODELAY, 1);

	pthread_t thread;
	unsigned expected = 0, number;
	pthread_create(&thread, NULL, writer, &client);
	kill_server("net");
	while (recv(peer, &number, sizeof number, MSG_WAITALL) == sizeof number && number == expected)
		if (++expected == 50000)
			kill_server("net");
	pthread_join(thread, NULL);
	CHECK("a connection goes on", expected == 100000);
	int late = accept(server, NULL, NULL);
	CHECK("the queue is kept", late >= 0 && read(late, buffer, 64) == 5);
	CHECK("the inbox, too", read(first, buffer, 64) == 6);
	CHECK("names", port_of(server) == port && option(server, IPPROTO_TCP, TCP_NODELAY) == 1);
	int fresh = socket(AF_INET, SOCK_STREAM, 0), twice = socket(AF_INET, SOCK_STREAM, 0);
	CHECK("new connections", connect_to(fresh, "127.0.0.1", port) == 0 && accept(server, NULL, NULL) >= 0);
	CHECK("the port is still taken", bind_to(twice, "127.0.0.1", port) == -1 && errno == EADDRINUSE);
	CHECK("datagrams", write(second, "after", 5) == 5 && read(first, buffer, 64) == 5);
	kill_server("virtio-net");
	CHECK("the driver's death is nobody's business", write(second, "still", 5) == 5 && read(first, buffer, 64) == 5);
	return report();
}
