/* Names that a name server answers: that of mkimage's wire, some of whose answers are a liar's. */
#define _GNU_SOURCE
#include "check.h"
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <sys/socket.h>

static int get(const char *host, int flags, int family, struct addrinfo **list)
{
	struct addrinfo hints = {.ai_flags = flags, .ai_family = family, .ai_socktype = SOCK_STREAM};
	*list = NULL;
	return getaddrinfo(host, "80", &hints, list);
}

static const char *four(struct addrinfo *entry)
{
	static _Thread_local char text[INET6_ADDRSTRLEN];
	if (!entry || entry->ai_family != AF_INET)
		return "none";
	return inet_ntop(AF_INET, &((struct sockaddr_in *)entry->ai_addr)->sin_addr, text, sizeof text);
}

static int length(struct addrinfo *list)
{
	int count = 0;
	for (; list; list = list->ai_next)
		count++;
	return count;
}

static void names(void)
{
	struct addrinfo *list;

	CHECK("a name has an address", get("four.test", 0, AF_UNSPEC, &list) == 0 && !strcmp(four(list), "10.9.0.1")
		&& length(list) == 1);
	freeaddrinfo(list);
	CHECK("both families are asked for", get("host.test", 0, AF_UNSPEC, &list) == 0 && length(list) == 2);
	freeaddrinfo(list);
	CHECK("another name is followed", get("alias.test", AI_CANONNAME, AF_INET, &list) == 0
		&& !strcmp(list->ai_canonname, "host.test"));
	freeaddrinfo(list);
	CHECK("what does not fit comes by TCP", get("many.test", 0, AF_INET, &list) == 0 && length(list) == 40);
	freeaddrinfo(list);
	CHECK("a lost query is sent again", get("lossy.test", 0, AF_INET, &list) == 0);
	freeaddrinfo(list);
	CHECK("the answers of a liar are not taken", get("spoofed.test", 0, AF_INET, &list) == 0
		&& !strcmp(four(list), "10.9.0.1") && length(list) == 1);
	freeaddrinfo(list);
	CHECK("a name that is not there is told", get("none.test", 0, AF_UNSPEC, &list) == EAI_NONAME);
	CHECK("so is one without such an address", get("four.test", 0, AF_INET6, &list) == EAI_NODATA);
	CHECK("a name that leads to itself has no address", get("loop.test", 0, AF_INET, &list) == EAI_FAIL);
	CHECK("IPv4 stands in for IPv6", get("four.test", AI_V4MAPPED, AF_INET6, &list) == 0 && length(list) == 1);
	freeaddrinfo(list);
}

static void others(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
	unsigned char message[4096];
	char host[64], service[64];
	struct hostent *entry;
	int size;

	inet_pton(AF_INET, "10.9.0.1", &address.sin_addr);
	CHECK("an address has a name", getnameinfo((void *)&address, sizeof address, host, sizeof host, service,
		sizeof service, 0) == 0 && !strcmp(host, "host.test") && !strcmp(service, "http"));
	entry = gethostbyname("alias.test");
	CHECK("gethostbyname follows names", entry && !strcmp(entry->h_name, "host.test")
		&& !strcmp(entry->h_aliases[0], "alias.test"));
	entry = gethostbyaddr(&address.sin_addr, 4, AF_INET);
	CHECK("gethostbyaddr finds them", entry && !strcmp(entry->h_name, "host.test"));
	CHECK("h_errno tells what is missing", !gethostbyname("none.test") && h_errno == HOST_NOT_FOUND
		&& !gethostbyname2("four.test", AF_INET6) && h_errno == NO_DATA);
	size = res_query("many.test", ns_c_in, ns_t_a, message, sizeof message);
	CHECK("res_query gives the whole message", size > 512);
	ns_msg parsed;
	ns_rr record;
	CHECK("which can be taken apart", ns_initparse(message, size, &parsed) == 0 && ns_msg_count(parsed, ns_s_an) == 40
		&& ns_parserr(&parsed, ns_s_an, 39, &record) == 0 && ns_rr_rdlen(record) == 4 && ns_rr_rdata(record)[3] == 40);
	CHECK("res_search says what is missing", res_search("none.test", ns_c_in, ns_t_a, message, sizeof message) == -1
		&& h_errno == HOST_NOT_FOUND);
}

static void *one_of_many(void *argument)
{
	struct addrinfo *list;
	long failures = 0;
	(void)argument;
	for (int turn = 0; turn < 20; turn++) {
		failures += get("host.test", 0, AF_INET, &list) != 0 || strcmp(four(list), "10.9.0.1") != 0;
		freeaddrinfo(list);
	}
	return (void *)failures;
}

int main(void)
{
	pthread_t threads[4];
	void *failures;
	long sum = 0;

	names();
	others();
	for (int index = 0; index < 4; index++)
		pthread_create(&threads[index], NULL, one_of_many, NULL);
	for (int index = 0; index < 4; index++) {
		pthread_join(threads[index], &failures);
		sum += (long)failures;
	}
	CHECK("threads ask side by side", sum == 0);
	return report();
}
