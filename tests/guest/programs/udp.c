/* UDP between sockets of this host: names, peers, losses, groups, errors. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "internet.h"

static int bound(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return bind_to(fd, "127.0.0.1", 0) == 0 ? fd : -1;
}

static long send_to(int fd, const char *bytes, int port)
{
	struct sockaddr_in address = at("127.0.0.1", port);
	return sendto(fd, bytes, strlen(bytes), 0, (void *)&address, sizeof address);
}

static void messages(void)
{
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	char buffer[64];
	int server = bound(), client = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK("no destination", send(client, "x", 1, 0) == -1 && errno == EDESTADDRREQ
		&& write(client, "x", 1) == -1 && errno == EDESTADDRREQ);
	CHECK("a datagram", send_to(client, "hello", port_of(server)) == 5 && events(server, POLLIN, 1000) == POLLIN);
	CHECK("FIONREAD", ioctl(server, FIONREAD, buffer) == 0 && *(int *)buffer == 5);
	CHECK("its sender", recvfrom(server, buffer, 64, 0, (void *)&from, &length) == 5 && length == sizeof from
		&& from.sin_family == AF_INET && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK)
		&& ntohs(from.sin_port) == port_of(client));
	CHECK("an answer", sendto(server, "world", 5, 0, (void *)&from, length) == 5 && recv(client, buffer, 64, 0) == 5);
	CHECK("an empty one", send_to(client, "", port_of(server)) == 0 && recv(server, buffer, 64, 0) == 0);
	send_to(client, "boundary", port_of(server));
	send_to(client, "kept", port_of(server));
	CHECK("boundaries", recv(server, buffer, 3, MSG_TRUNC) == 8 && recv(server, buffer, 64, 0) == 4);
	struct iovec parts[2] = { { "two ", 4 }, { "parts", 5 } };
	from = at("127.0.0.1", port_of(server));
	struct msghdr header = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = parts, .msg_iovlen = 2 };
	CHECK("sendmsg", sendmsg(client, &header, 0) == 9 && recv(server, buffer, 64, MSG_PEEK) == 9
		&& recv(server, buffer, 64, 0) == 9 && memcmp(buffer, "two parts", 9) == 0);
	static char large[65536];
	CHECK("65507 bytes", sendto(client, large, 65507, 0, (void *)&from, sizeof from) == 65507
		&& recv(server, large, sizeof large, 0) == 65507);
	CHECK("but no more", sendto(client, large, 65508, 0, (void *)&from, sizeof from) == -1 && errno == EMSGSIZE);
	CHECK("port 0", send_to(client, "x", 0) == -1 && errno == EINVAL);
	CHECK("nothing waits", recv(server, buffer, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	CHECK("no listening", listen(server, 1) == -1 && errno == EOPNOTSUPP
		&& accept(server, NULL, NULL) == -1 && errno == EOPNOTSUPP);
	close(client);
	close(server);
}

static void peers(void)
{
	char buffer[64];
	int first = bound(), second = bound(), third = bound();
	CHECK("connected to each other", connect_to(first, "127.0.0.1", port_of(second)) == 0
		&& connect_to(second, "127.0.0.1", port_of(first)) == 0);
	CHECK("there", write(first, "there", 5) == 5 && read(second, buffer, 64) == 5);
	CHECK("and back", send(second, "back", 4, 0) == 4 && recv(first, buffer, 64, 0) == 4);
	send_to(third, "stranger", port_of(first));
	CHECK("strangers are not heard", recv(first, buffer, 64, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	CHECK("another peer", connect_to(first, "127.0.0.1", port_of(third)) == 0);
	send(second, "old", 3, 0);
	CHECK("the old one is not heard", recv(first, buffer, 64, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	CHECK("the new one is", send_to(third, "new", port_of(first)) == 3 && recv(first, buffer, 64, 0) == 3);
	struct sockaddr nobody = { AF_UNSPEC };
	CHECK("no peer", connect(first, &nobody, sizeof nobody) == 0 && send(first, "x", 1, 0) == -1 && errno == EDESTADDRREQ);
	CHECK("hears all again", send_to(third, "all", port_of(first)) == 3 && recv(first, buffer, 64, 0) == 3);
	int port = port_of(third);
	connect_to(first, "127.0.0.1", port);
	close(third);
	int told = 0;
	for (int times = 0; times < 2; times++)
		told |= send(first, "x", 1, 0) == -1 && errno == ECONNREFUSED;
	CHECK("a port that nobody has", told);
	third = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK("has somebody again", bind_to(third, "127.0.0.1", port) == 0);
	send(first, "x", 1, 0);
	CHECK("who hears", send(first, "again", 5, 0) == 5 && events(third, POLLIN, 1000) == POLLIN);
	close(first);
	close(second);
	close(third);
}

static void arrivals(void)
{
	char bytes[64], space[256];
	struct iovec part = { bytes, sizeof bytes };
	struct sockaddr_in from;
	struct msghdr header = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof space };
	int server = bound(), client = socket(AF_INET, SOCK_DGRAM, 0), found = 0;
	CHECK("control messages are asked for", set(server, IPPROTO_IP, IP_PKTINFO, 1) == 0
		&& set(server, IPPROTO_IP, IP_RECVTTL, 1) == 0 && set(server, SOL_SOCKET, SO_TIMESTAMP, 1) == 0);
	send_to(client, "hello", port_of(server));
	CHECK("recvmsg", recvmsg(server, &header, 0) == 5 && header.msg_namelen == sizeof from
		&& ntohs(from.sin_port) == port_of(client) && header.msg_flags == 0);
	for (struct cmsghdr *message = CMSG_FIRSTHDR(&header); message; message = CMSG_NXTHDR(&header, message)) {
		struct in_pktinfo *where = (void *)CMSG_DATA(message);
		if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO)
			found += where->ipi_addr.s_addr == htonl(INADDR_LOOPBACK) && where->ipi_ifindex == 1;
		if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_TTL)
			found += *(int *)CMSG_DATA(message) == 64;
		if (message->cmsg_level == SOL_SOCKET && message->cmsg_type == SO_TIMESTAMP)
			found += message->cmsg_len == CMSG_LEN(sizeof(struct timeval));
	}
	CHECK("tell where, how far and when", found == 3);
	header.msg_controllen = 12;
	send_to(client, "again", port_of(server));
	CHECK("what has no room is cut", recvmsg(server, &header, 0) == 5 && header.msg_flags & MSG_CTRUNC
		&& header.msg_controllen == 0);
	from = at("127.0.0.1", port_of(server));
	memset(space, 0, sizeof space);
	header.msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
	struct cmsghdr *message = CMSG_FIRSTHDR(&header);
	message->cmsg_level = IPPROTO_IP;
	message->cmsg_type = IP_PKTINFO;
	message->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
	((struct in_pktinfo *)CMSG_DATA(message))->ipi_spec_dst.s_addr = inet_addr("127.0.0.5");
	CHECK("sent from where it is said", sendmsg(client, &header, 0) > 0
		&& recvfrom(server, bytes, 64, 0, (void *)&from, &(socklen_t){ sizeof from }) > 0
		&& from.sin_addr.s_addr == inet_addr("127.0.0.5"));
	message->cmsg_len = 4000;
	CHECK("a length that lies", sendmsg(client, &header, 0) == -1 && errno == EINVAL);
	close(client);
	close(server);
}

static void flood(void)
{
	static char block[8192];
	int server = bound(), client = socket(AF_INET, SOCK_DGRAM, 0), sent = 0, received = 0;
	connect_to(client, "127.0.0.1", port_of(server));
	for (int number = 0; number < 200; number++)
		sent += send(client, block, sizeof block, 0) == sizeof block;
	while (recv(server, block, sizeof block, MSG_DONTWAIT) > 0)
		received++;
	CHECK("what finds no room is lost", sent == 200 && received > 10 && received < 200);
	CHECK("the sender stays writable", events(client, POLLOUT, 0) == POLLOUT);
	CHECK("shut down", shutdown(client, SHUT_WR) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR
		&& send(client, "x", 1, 0) == -1 && errno == EPIPE);
	close(client);
	close(server);
}

static void groups(void)
{
	char buffer[64];
	int first = socket(AF_INET, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	set(first, SOL_SOCKET, SO_REUSEADDR, 1);
	set(second, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK("a shared port", bind_to(first, "0.0.0.0", 0) == 0 && bind_to(second, "0.0.0.0", port_of(first)) == 0);
	CHECK("broadcasting must be allowed", connect_to(second, "255.255.255.255", 9) == -1 && errno == EACCES);
	CHECK("one of them gets it", send_to(second, "one", port_of(first)) == 3
		&& (recv(first, buffer, 64, MSG_DONTWAIT) == 3) + (recv(second, buffer, 64, MSG_DONTWAIT) == 3) == 1);
	close(first);
	close(second);
	struct sockaddr_in6 address = at6("::1", 0);
	first = socket(AF_INET6, SOCK_DGRAM, 0);
	second = socket(AF_INET6, SOCK_DGRAM, 0);
	bind(first, (void *)&address, sizeof address);
	address.sin6_port = htons(port_of(first));
	CHECK("IPv6", connect(second, (void *)&address, sizeof address) == 0 && write(second, "six", 3) == 3
		&& read(first, buffer, 64) == 3);
	close(first);
	close(second);
}

int main(void)
{
	messages();
	peers();
	arrivals();
	flood();
	groups();
	return report();
}
