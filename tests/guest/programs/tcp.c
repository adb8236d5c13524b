/* TCP between sockets of this host: names, connections, backlogs, ends, options, errors. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "internet.h"

#define MANY 200

static char block[65536];

static void echo(void)
{
	struct sockaddr_in found;
	socklen_t length = sizeof found;
	char buffer[64];
	int server = listener(4), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = port_of(server);
	CHECK("a listener gets a port", server >= 0 && port > 0);
	CHECK("SO_ACCEPTCONN", option(server, SOL_SOCKET, SO_ACCEPTCONN) == 1);
	CHECK("types", option(client, SOL_SOCKET, SO_TYPE) == SOCK_STREAM
		&& option(client, SOL_SOCKET, SO_DOMAIN) == AF_INET
		&& option(client, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
	CHECK("not connected yet", send(client, "x", 1, 0) == -1 && errno == ENOTCONN
		&& getpeername(client, (void *)&found, &length) == -1 && errno == ENOTCONN);
	CHECK("connect does not wait for accept", connect_to(client, "127.0.0.1", port) == 0);
	CHECK("connect again", connect_to(client, "127.0.0.1", port) == -1 && errno == EISCONN);
	CHECK("early bytes", write(client, "early", 5) == 5 && events(server, POLLIN, 1000) == POLLIN);
	length = sizeof found;
	int peer = accept4(server, (void *)&found, &length, SOCK_NONBLOCK);
	CHECK("accept tells the peer's address", peer >= 0 && length == sizeof found && found.sin_family == AF_INET
		&& ntohs(found.sin_port) == port_of(client) && found.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK("the accepted socket has the listener's port", port_of(peer) == port);
	CHECK("bytes arrive", read(peer, buffer, sizeof buffer) == 5 && memcmp(buffer, "early", 5) == 0);
	CHECK("and no more", read(peer, buffer, 1) == -1 && errno == EAGAIN);
	CHECK("bytes go back", send(peer, "late", 4, 0) == 4 && recv(client, buffer, 64, 0) == 4);
	length = sizeof found;
	CHECK("getpeername", getpeername(client, (void *)&found, &length) == 0 && ntohs(found.sin_port) == port);
	CHECK("sendto a connection", sendto(client, "x", 1, 0, (void *)&found, sizeof found) == -1 && errno == EISCONN);
	CHECK("half close", shutdown(client, SHUT_WR) == 0 && events(peer, POLLIN | POLLRDHUP, 1000) == (POLLIN | POLLRDHUP));
	CHECK("reads to the end", read(peer, buffer, 1) == 0);
	CHECK("the other half goes on", write(peer, "still", 5) == 5 && read(client, buffer, 64) == 5);
	signal(SIGPIPE, SIG_IGN);
	CHECK("no writes after it", write(client, "x", 1) == -1 && errno == EPIPE);
	close(peer);
	CHECK("the end", read(client, buffer, 1) == 0);
	close(client);
	close(server);
}

static void ends(void)
{
	struct linger now = { 1, 0 };
	char buffer[64];
	int server = listener(4), client = socket(AF_INET, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", port_of(server));
	int peer = accept(server, NULL, NULL);
	CHECK("SO_LINGER", setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
	close(peer);
	CHECK("lingering for no time resets", read(client, buffer, 1) == -1 && errno == ECONNRESET);
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", port_of(server));
	peer = accept(server, NULL, NULL);
	CHECK("unread bytes", write(client, "unread", 6) == 6);
	close(peer);
	CHECK("reset it, too", read(client, buffer, 1) == -1 && errno == ECONNRESET);
	close(client);
	int port = port_of(server);
	close(server);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK("nobody listens", connect_to(client, "127.0.0.1", port) == -1 && errno == ECONNREFUSED);
	CHECK("nor without waiting", fcntl(client, F_SETFL, O_NONBLOCK) == 0
		&& connect_to(client, "127.0.0.1", port) == -1 && errno == ECONNREFUSED);
	close(client);
}

/* Sends MANY blocks and ends. */
static void *sender(void *argument)
{
	int fd = *(int *)argument;
	for (int number = 0; number < MANY; number++)
		if (write(fd, block, sizeof block) != sizeof block)
			break;
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void much(void)
{
	int server = listener(1), client = socket(AF_INET, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", port_of(server));
	int peer = accept(server, NULL, NULL);
	pthread_t thread;
	long total = 0, got;
	for (size_t index = 0; index < sizeof block; index++)
		block[index] = index % 251;
	pthread_create(&thread, NULL, sender, &client);
	static char buffer[65536];
	int whole = 1;
	while ((got = read(peer, buffer, sizeof buffer)) > 0) {
		for (long index = 0; index < got; index++)
			whole &= buffer[index] == (char)((total + index) % 65536 % 251);
		total += got;
	}
	pthread_join(thread, NULL);
	CHECK("all bytes arrive in order", whole && total == MANY * (long)sizeof block);
	close(client);
	close(peer);
	close(server);
}

static void backlog(void)
{
	int server = listener(MANY), clients[MANY], connected = 0, accepted = 0;
	for (int number = 0; number < MANY; number++) {
		clients[number] = socket(AF_INET, SOCK_STREAM, 0);
		connected += connect_to(clients[number], "127.0.0.1", port_of(server)) == 0;
	}
	CHECK("the backlog holds what was asked for", connected == MANY);
	for (int number = 0; number < MANY; number++) {
		int peer = accept(server, NULL, NULL);
		accepted += peer >= 0 && write(peer, "!", 1) == 1;
		close(peer);
	}
	for (int number = 0; number < MANY; number++) {
		char byte;
		accepted += read(clients[number], &byte, 1) == 1;
		close(clients[number]);
	}
	CHECK("all are served", accepted == 2 * MANY);
	CHECK("a backlog of none takes one", listen(server, 0) == 0);
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK("the first", connect_to(first, "127.0.0.1", port_of(server)) == 0);
	CHECK("the next waits", connect_to(second, "127.0.0.1", port_of(server)) == -1 && errno == EINPROGRESS);
	CHECK("it is on its way", connect_to(second, "127.0.0.1", port_of(server)) == -1 && errno == EALREADY
		&& events(second, POLLOUT, 0) == 0);
	close(accept(server, NULL, NULL));
	CHECK("until there is room", events(second, POLLOUT, 1000) == POLLOUT && option(second, SOL_SOCKET, SO_ERROR) == 0);
	int third = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect_to(third, "127.0.0.1", port_of(server));
	close(server);
	CHECK("what waited is refused", events(third, POLLOUT, 1000) & POLLERR && option(third, SOL_SOCKET, SO_ERROR) == ECONNREFUSED
		&& option(third, SOL_SOCKET, SO_ERROR) == 0);
	close(first);
	close(second);
	close(third);
}

static void edges(void)
{
	struct epoll_event event = { EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, { .u32 = 1 } }, got;
	char buffer[64];
	int server = listener(1), client = socket(AF_INET, SOCK_STREAM, 0), set = epoll_create1(0);
	connect_to(client, "127.0.0.1", port_of(server));
	int peer = accept4(server, NULL, NULL, SOCK_NONBLOCK);
	CHECK("watched", epoll_ctl(set, EPOLL_CTL_ADD, peer, &event) == 0);
	CHECK("writable at first", epoll_wait(set, &got, 1, 0) == 1 && got.events == EPOLLOUT);
	CHECK("told once", epoll_wait(set, &got, 1, 0) == 0);
	write(client, "one", 3);
	CHECK("an edge for bytes", epoll_wait(set, &got, 1, 1000) == 1 && got.events & EPOLLIN);
	CHECK("none without more", epoll_wait(set, &got, 1, 0) == 0);
	write(client, "two", 3);
	CHECK("an edge for more bytes", epoll_wait(set, &got, 1, 1000) == 1 && got.events & EPOLLIN);
	CHECK("both are there", read(peer, buffer, 64) == 6);
	close(client);
	CHECK("an edge for the end", epoll_wait(set, &got, 1, 1000) == 1 && got.events & EPOLLHUP && got.events & EPOLLRDHUP);
	close(set);
	close(peer);
	close(server);
}

static void ports(void)
{
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
	CHECK("bind", bind_to(first, "0.0.0.0", 0) == 0);
	int port = port_of(first);
	CHECK("bind again", bind_to(first, "0.0.0.0", 0) == -1 && errno == EINVAL);
	CHECK("the port is taken", bind_to(second, "127.0.0.1", port) == -1 && errno == EADDRINUSE);
	CHECK("not an own address", bind_to(second, "192.0.2.1", 0) == -1 && errno == EADDRNOTAVAIL);
	set(first, SOL_SOCKET, SO_REUSEADDR, 1);
	set(second, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK("shared by SO_REUSEADDR", bind_to(second, "127.0.0.1", port) == 0 && listen(second, 1) == 0);
	CHECK("but one listens", listen(first, 1) == -1 && errno == EADDRINUSE);
	close(first);
	close(second);
	int group[2];
	for (int index = 0; index < 2; index++) {
		group[index] = socket(AF_INET, SOCK_STREAM, 0);
		set(group[index], SOL_SOCKET, SO_REUSEPORT, 1);
		CHECK("shared by SO_REUSEPORT", bind_to(group[index], "127.0.0.1", port) == 0 && listen(group[index], 64) == 0);
	}
	int taken[2] = { 0, 0 };
	for (int number = 0; number < 32; number++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		connect_to(client, "127.0.0.1", port);
		for (int index = 0; index < 2; index++)
			if (events(group[index], POLLIN, 0)) {
				close(accept(group[index], NULL, NULL));
				taken[index]++;
			}
		close(client);
	}
	CHECK("both get connections", taken[0] > 0 && taken[1] > 0 && taken[0] + taken[1] == 32);
	close(group[0]);
	close(group[1]);
	if (fork() == 0) {
		setuid(1000);
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		_exit(bind_to(fd, "127.0.0.1", 80) == -1 && errno == EACCES ? 0 : 1);
	}
	int status;
	CHECK("low ports are root's", wait(&status) > 0 && status == 0);
}

static void families(void)
{
	struct sockaddr_in6 address = at6("::1", 0), found;
	socklen_t length = sizeof found;
	int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK("IPv6", bind(server, (void *)&address, sizeof address) == 0 && listen(server, 2) == 0);
	address.sin6_port = htons(port_of(server));
	CHECK("connects", connect(client, (void *)&address, sizeof address) == 0);
	int peer = accept(server, (void *)&found, &length);
	CHECK("with an IPv6 name", length == sizeof found && found.sin6_family == AF_INET6
		&& IN6_IS_ADDR_LOOPBACK(&found.sin6_addr));
	close(peer);
	close(client);
	close(server);
	server = socket(AF_INET6, SOCK_STREAM, 0);
	address = at6("::", 0);
	bind(server, (void *)&address, sizeof address);
	listen(server, 2);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK("IPv4 reaches an IPv6 socket", connect_to(client, "127.0.0.1", port_of(server)) == 0);
	length = sizeof found;
	peer = accept(server, (void *)&found, &length);
	CHECK("under a mapped name", peer >= 0 && IN6_IS_ADDR_V4MAPPED(&found.sin6_addr));
	close(peer);
	close(client);
	close(server);
	server = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK("IPV6_V6ONLY", set(server, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0
		&& bind(server, (void *)&address, sizeof address) == 0 && listen(server, 2) == 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK("keeps IPv4 out", connect_to(client, "127.0.0.1", port_of(server)) == -1 && errno == ECONNREFUSED);
	close(client);
	close(server);
}

static void hostile(void)
{
	char bytes[300] = { AF_INET };
	struct sockaddr_in address = at("127.0.0.1", 9);
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = 0;
	socklen_t length = sizeof value;
	CHECK("families", socket(99, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT);
	CHECK("types", socket(AF_INET, 9, 0) == -1 && (errno == ESOCKTNOSUPPORT || errno == EINVAL));
	CHECK("protocols", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) == -1 && errno == EPROTONOSUPPORT
		&& socket(AF_INET, SOCK_DGRAM, 77) == -1 && errno == EPROTONOSUPPORT);
	for (unsigned size = 0; size < sizeof address; size++)
		if (bind(fd, (void *)&address, size) != -1 || connect(fd, (void *)&address, size) != -1)
			CHECK("short addresses are refused", 0);
	CHECK("long ones", bind(fd, (void *)bytes, sizeof bytes) == -1 && errno == EINVAL);
	address.sin_family = AF_INET6;
	CHECK("of another family", connect(fd, (void *)&address, sizeof address) == -1 && errno == EAFNOSUPPORT);
	CHECK("options", getsockopt(fd, SOL_SOCKET, 12345, &value, &length) == -1 && errno == ENOPROTOOPT
		&& setsockopt(fd, 77, 1, &value, sizeof value) == -1 && errno == ENOPROTOOPT
		&& setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 1) == -1 && errno == EINVAL);
	CHECK("out of range", set(fd, IPPROTO_IP, IP_TTL, 256) == -1 && errno == EINVAL
		&& set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 0) == -1 && errno == EINVAL);
	CHECK("seeking", lseek(fd, 0, SEEK_SET) == -1 && errno == ESPIPE);
	CHECK("no pairs", socketpair(AF_INET, SOCK_STREAM, 0, (int *)bytes) == -1 && errno == EOPNOTSUPP);
	CHECK("no such ioctl", ioctl(fd, 0x89ff, bytes) == -1);
	CHECK("switches", set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0 && option(fd, IPPROTO_TCP, TCP_NODELAY) == 1
		&& set(fd, SOL_SOCKET, SO_KEEPALIVE, 5) == 0 && option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
	CHECK("no way to other hosts", connect_to(fd, "0.0.0.0", 0) == -1);
	close(fd);
}

static void many(void)
{
	int fds[1000], made = 0;
	for (int index = 0; index < 1000; index++) {
		fds[index] = socket(AF_INET, SOCK_STREAM, 0);
		made += fds[index] >= 0 && bind_to(fds[index], "127.0.0.1", 0) == 0;
	}
	CHECK("1000 sockets", made == 1000);
	for (int index = 0; index < 1000; index++)
		close(fds[index]);
}

int main(void)
{
	echo();
	ends();
	much();
	backlog();
	edges();
	ports();
	families();
	hostile();
	many();
	return report();
}
