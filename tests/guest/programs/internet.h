/* What the tests of internet sockets share. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline struct sockaddr_in at(const char *host, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &address.sin_addr);
	return address;
}

static inline struct sockaddr_in6 at6(const char *host, int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	inet_pton(AF_INET6, host, &address.sin6_addr);
	return address;
}

/* The port that a socket is bound to. */
static inline int port_of(int fd)
{
	struct sockaddr_in6 address;
	socklen_t length = sizeof address;
	return getsockname(fd, (void *)&address, &length) == 0 ? ntohs(address.sin6_port) : -1;
}

static inline int bind_to(int fd, const char *host, int port)
{
	struct sockaddr_in address = at(host, port);
	return bind(fd, (void *)&address, sizeof address);
}

static inline int connect_to(int fd, const char *host, int port)
{
	struct sockaddr_in address = at(host, port);
	return connect(fd, (void *)&address, sizeof address);
}

/* A socket that listens on the loopback at a port of the system's choice. */
static inline int listener(int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind_to(fd, "127.0.0.1", 0) || listen(fd, backlog))
		return -1;
	return fd;
}

static inline int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof value;
	return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

static inline int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

static inline int events(int fd, int wanted, int timeout_ms)
{
	struct pollfd item = { fd, wanted, 0 };
	return poll(&item, 1, timeout_ms) == 1 ? item.revents : 0;
}
