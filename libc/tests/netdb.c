/* <netdb.h>, <arpa/inet.h> and <resolv.h> as far as no network is needed: numbers and tables. */
#define _GNU_SOURCE
#include "check.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void numbers(void)
{
	char text[64];
	struct in_addr four;
	struct in6_addr six;
	unsigned char bytes[16];

	CHECK("inet_aton takes one to four numbers", inet_aton("127.1", &four) && ntohl(four.s_addr) == 0x7f000001);
	CHECK("inet_aton refuses too large numbers", !inet_aton("256.0.0.1", &four) && !inet_aton("1.2.3.4.5", &four));
	CHECK("inet_addr takes hexadecimal", inet_addr("0x7f000001") == htonl(INADDR_LOOPBACK));
	CHECK("inet_pton wants four decimal numbers", inet_pton(AF_INET, "1.2.3", bytes) == 0);
	CHECK("inet_pton reads IPv6", inet_pton(AF_INET6, "2001:db8::5:1", &six) == 1 && six.s6_addr[15] == 1);
	CHECK("inet_ntop shortens IPv6", !strcmp(inet_ntop(AF_INET6, &six, text, sizeof text), "2001:db8::5:1"));
	errno = 0;
	CHECK("inet_ntop wants room", !inet_ntop(AF_INET6, &six, text, 5) && errno == ENOSPC);
	errno = 0;
	CHECK("inet_pton knows two families", inet_pton(AF_UNIX, "x", bytes) == -1 && errno == EAFNOSUPPORT);
}

static int get(const char *host, const char *service, int flags, int family, int type, struct addrinfo **list)
{
	struct addrinfo hints = {.ai_flags = flags, .ai_family = family, .ai_socktype = type};
	*list = NULL;
	return getaddrinfo(host, service, &hints, list);
}

static void addresses(void)
{
	struct addrinfo *list;
	char host[64], service[64];

	CHECK("a number is an address", get("192.0.2.1", "80", 0, AF_UNSPEC, SOCK_STREAM, &list) == 0);
	CHECK("and one entry", list && !list->ai_next && list->ai_protocol == IPPROTO_TCP && !list->ai_canonname);
	struct sockaddr_in *four = (void *)list->ai_addr;
	CHECK("with its port", four->sin_port == htons(80) && four->sin_addr.s_addr == inet_addr("192.0.2.1"));
	freeaddrinfo(list);
	CHECK("an IPv6 number may have a scope", get("fe80::1%3", NULL, 0, AF_UNSPEC, SOCK_DGRAM, &list) == 0
		&& ((struct sockaddr_in6 *)list->ai_addr)->sin6_scope_id == 3 && list->ai_addrlen == 28);
	freeaddrinfo(list);
	CHECK("without a type there are two entries", get("192.0.2.1", "domain", 0, AF_UNSPEC, 0, &list) == 0
		&& list->ai_next && !list->ai_next->ai_next && list->ai_next->ai_protocol == IPPROTO_UDP);
	freeaddrinfo(list);
	CHECK("of a service with one protocol one", get("192.0.2.1", "ssh", 0, AF_UNSPEC, 0, &list) == 0 && !list->ai_next);
	freeaddrinfo(list);
	CHECK("a passive socket listens everywhere", get(NULL, "22", AI_PASSIVE, AF_INET, SOCK_STREAM, &list) == 0
		&& ((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr == INADDR_ANY);
	freeaddrinfo(list);
	CHECK("a mapped address is one of IPv6", get("192.0.2.1", "1", AI_V4MAPPED, AF_INET6, SOCK_STREAM, &list) == 0
		&& IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr));
	freeaddrinfo(list);
	CHECK("localhost is in the table", get("localhost", "1", AI_CANONNAME, AF_INET, SOCK_STREAM, &list) == 0
		&& ((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK("with its canonical name", list->ai_canonname && !strcmp(list->ai_canonname, "localhost"));
	CHECK("getnameinfo gives numbers", getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof host, service,
		sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) == 0 && !strcmp(host, "127.0.0.1") && !strcmp(service, "1"));
	CHECK("and names", getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof host, NULL, 0, 0) == 0
		&& !strcmp(host, "localhost"));
	CHECK("and wants room for them", getnameinfo(list->ai_addr, list->ai_addrlen, host, 5, NULL, 0, 0) == EAI_OVERFLOW);
	freeaddrinfo(list);
}

static void refusals(void)
{
	struct addrinfo *list;
	struct sockaddr_storage other = {.ss_family = AF_UNIX};
	char host[64];

	CHECK("nothing at all is refused", get(NULL, NULL, 0, AF_UNSPEC, 0, &list) == EAI_NONAME);
	CHECK("so are unknown flags", get("::1", "1", 0x800, AF_UNSPEC, 0, &list) == EAI_BADFLAGS);
	CHECK("unknown families", get("::1", "1", 0, AF_UNIX, 0, &list) == EAI_FAMILY);
	CHECK("unknown types", get("::1", "1", 0, AF_UNSPEC, 99, &list) == EAI_SOCKTYPE);
	CHECK("ports of raw sockets", get("::1", "1", 0, AF_UNSPEC, SOCK_RAW, &list) == EAI_SERVICE);
	CHECK("too large ports", get("::1", "65536", 0, AF_UNSPEC, SOCK_STREAM, &list) == EAI_SERVICE);
	CHECK("unknown services", get("::1", "no-such", 0, AF_UNSPEC, SOCK_STREAM, &list) == EAI_SERVICE);
	CHECK("names where a port is wanted", get("::1", "ssh", AI_NUMERICSERV, AF_UNSPEC, SOCK_STREAM, &list) == EAI_NONAME);
	CHECK("names where a number is wanted", get("localhost", "1", AI_NUMERICHOST, AF_UNSPEC, 0, &list) == EAI_NONAME);
	CHECK("numbers of another family", get("::1", "1", 0, AF_INET, 0, &list) == EAI_NODATA);
	CHECK("what cannot be a name", get("a b", "1", 0, AF_UNSPEC, 0, &list) == EAI_NONAME);
	CHECK("a canonical name of nothing", get(NULL, "1", AI_CANONNAME, AF_UNSPEC, 0, &list) == EAI_BADFLAGS);
	CHECK("names of other families", getnameinfo((void *)&other, sizeof other, host, sizeof host, NULL, 0, 0) == EAI_FAMILY);
	CHECK("addresses that are cut short", getnameinfo((void *)&other, 1, host, sizeof host, NULL, 0, 0) == EAI_FAMILY);
	CHECK("every error has a text", strcmp(gai_strerror(EAI_NONAME), gai_strerror(EAI_AGAIN))
		&& strcmp(gai_strerror(EAI_NODATA), gai_strerror(1)));
}

static void tables(void)
{
	char buffer[512];
	struct servent service, *found;
	int count = 0, error;

	found = getservbyname("www", "tcp");
	CHECK("a service has aliases", found && !strcmp(found->s_name, "http") && !strcmp(found->s_aliases[0], "www"));
	CHECK("and a port in network order", found->s_port == htons(80) && !strcmp(found->s_proto, "tcp"));
	found = getservbyport(htons(53), "udp");
	CHECK("a port has a service", found && !strcmp(found->s_name, "domain") && !strcmp(found->s_proto, "udp"));
	CHECK("a service is of its protocol", !getservbyname("ssh", "udp"));
	CHECK("the reentrant form says what is missing", getservbyname_r("none", NULL, &service, buffer, sizeof buffer, &found)
		== ENOENT && !found);
	CHECK("and what is too small", getservbyname_r("http", NULL, &service, buffer, 8, &found) == ERANGE);
	setservent(0);
	while (getservent())
		count++;
	endservent();
	CHECK("services can be walked through", count > 50);
	CHECK("a protocol has a number", getprotobyname("TCP") && getprotobyname("tcp")->p_proto == IPPROTO_TCP);
	CHECK("and a name", !strcmp(getprotobynumber(58)->p_name, "ipv6-icmp") && !getprotobynumber(-1));
	CHECK("a network has a number", getnetbyname("loopback") && getnetbyname("loopback")->n_net == 127);
	CHECK("and a name", getnetbyaddr(0xa9fe, AF_INET) && !strcmp(getnetbyaddr(0xa9fe, AF_INET)->n_name, "link-local"));
	struct hostent host, *entry = gethostbyname("localhost");
	CHECK("a host has addresses", entry && entry->h_length == 4 && *(in_addr_t *)entry->h_addr == htonl(INADDR_LOOPBACK)
		&& !entry->h_addr_list[1]);
	CHECK("also of IPv6", (entry = gethostbyname2("ip6-loopback", AF_INET6)) && !strcmp(entry->h_name, "localhost")
		&& !strcmp(entry->h_aliases[0], "ip6-loopback"));
	CHECK("and a name", (entry = gethostbyaddr("\x7f\0\0\1", 4, AF_INET)) && !strcmp(entry->h_name, "localhost"));
	CHECK("a buffer may be too small", gethostbyname_r("localhost", &host, buffer, 4, &entry, &error) == ERANGE && !entry);
	CHECK("a name that is none is not found", !gethostbyname("a b") && h_errno == HOST_NOT_FOUND);
	CHECK("its error has a text", !strcmp(hstrerror(h_errno), "Host not found"));
	sethostent(0);
	for (count = 0; (entry = gethostent()); count++)
		;
	CHECK("hosts can be walked through", count == 4);
}

static void messages(void)
{
	unsigned char message[512], *names[8] = {message}, query[512];
	char name[256];
	int first, second, length;

	first = dn_comp("www.example.org", message + 12, 256, names, names + 8);
	second = dn_comp("ftp.example.org", message + 12 + first, 256, names, names + 8);
	CHECK("names are compressed", first == 17 && second == 6);
	CHECK("and expanded", dn_expand(message, message + 512, message + 12 + first, name, sizeof name) == 6
		&& !strcmp(name, "ftp.example.org"));
	CHECK("a name that is too long is refused", dn_comp("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg",
		message, 256, NULL, NULL) == -1);
	message[0] = 0xc0, message[1] = 0;
	CHECK("a name that points to itself is refused", dn_expand(message, message + 512, message, name, sizeof name) == -1);
	length = res_mkquery(QUERY, "example.org", 1, 1, NULL, 0, NULL, query, sizeof query);
	CHECK("a query is made", length == 12 + 13 + 4 && query[5] == 1 && query[length - 3] == 1);
	ns_msg parsed;
	CHECK("and taken apart", ns_initparse(query, length, &parsed) == 0 && ns_msg_count(parsed, ns_s_qd) == 1);
	CHECK("res_init reads the configuration", res_init() == 0 && _res.nscount >= 1 && _res.ndots == 1);
}

int main(void)
{
	numbers();
	addresses();
	refusals();
	tables();
	messages();
	return report();
}
