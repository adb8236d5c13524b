/* A network adapter on QEMU's user network: its address, what ioctl and /proc tell of it, other hosts; and all of
   that again after its driver and the server of the internet were killed. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "internet.h"
#include <net/if.h>
#include <netinet/ip_icmp.h>

#define HOST "10.0.2.2"

static int control(unsigned long request, struct ifreq *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), result;
	strcpy(name->ifr_name, "eth0");
	result = ioctl(fd, request, name);
	close(fd);
	return result;
}

static int has_address(void)
{
	struct ifreq name;
	struct sockaddr_in *address = (void *)&name.ifr_addr;
	/* Asking takes as long as it takes. */
	for (int times = 0; times < 3000; times++) {
		if (control(SIOCGIFADDR, &name) == 0)
			return address->sin_family == AF_INET && address->sin_addr.s_addr == inet_addr("10.0.2.15");
		usleep(10000);
	}
	return 0;
}

static unsigned short sum(const unsigned char *bytes, int length)
{
	unsigned total = 0;
	for (int index = 0; index < length; index += 2)
		total += bytes[index] << 8 | bytes[index + 1];
	total = (total & 0xffff) + (total >> 16);
	return htons(~(total + (total >> 16)));
}

/* Whether the host answers an echo, be it only one of many. */
static int ping(void)
{
	struct sockaddr_in host = at(HOST, 0);
	struct icmphdr echo = { .type = ICMP_ECHO };
	unsigned char packet[1500];
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), answered = 0;
	for (int number = 0; number < 600 && !answered; number++) {
		echo.un.echo.sequence = htons(number);
		echo.checksum = 0;
		echo.checksum = sum((void *)&echo, sizeof echo);
		sendto(fd, &echo, sizeof echo, 0, (void *)&host, sizeof host);
		if (events(fd, POLLIN, 100) && recv(fd, packet, sizeof packet, 0) >= 28)
			answered = packet[9] == IPPROTO_ICMP && packet[20] == ICMP_ECHOREPLY;
	}
	close(fd);
	return answered;
}

static int holds(const char *path, const char *text)
{
	static char buffer[4096];
	int fd = open(path, O_RDONLY);
	long count = read(fd, buffer, sizeof buffer - 1);
	close(fd);
	return count > 0 && strstr((buffer[count] = 0, buffer), text) != NULL;
}

static void replace(const char *name)
{
	pid_t child = fork();
	int status = -1;
	if (child == 0)
		execl("/sbin/svc", "svc", "kill", name, NULL);
	CHECK(name, waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
	struct ifreq name, list[4];
	struct ifconf all = { .ifc_len = sizeof list, .ifc_req = list };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK("an address", has_address());
	CHECK("its network", control(SIOCGIFNETMASK, &name) == 0
		&& ((struct sockaddr_in *)&name.ifr_netmask)->sin_addr.s_addr == inet_addr("255.255.255.0"));
	CHECK("flags", control(SIOCGIFFLAGS, &name) == 0
		&& (name.ifr_flags & (IFF_UP | IFF_RUNNING | IFF_LOOPBACK)) == (IFF_UP | IFF_RUNNING));
	CHECK("hardware", control(SIOCGIFHWADDR, &name) == 0 && name.ifr_hwaddr.sa_data[0] == 0x52);
	CHECK("packets", control(SIOCGIFMTU, &name) == 0 && name.ifr_mtu == 1500);
	CHECK("number", control(SIOCGIFINDEX, &name) == 0 && name.ifr_ifindex == 2);
	CHECK("the list", ioctl(fd, SIOCGIFCONF, &all) == 0 && all.ifc_len == 2 * (int)sizeof *list
		&& strcmp(list[0].ifr_name, "lo") == 0 && strcmp(list[1].ifr_name, "eth0") == 0);
	CHECK("/proc/net", holds("/proc/net/dev", "eth0:") && holds("/proc/net/route", "eth0\t00000000\t0202000A")
		&& holds("/proc/net/if_inet6", "fe80") && holds("/etc/resolv.conf", "nameserver 10.0.2.3\n"));
	CHECK("an echo", ping());
	CHECK("a port that nobody has", connect_to(fd, HOST, 1) == -1 && errno == ECONNREFUSED);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	CHECK("without waiting", connect_to(fd, HOST, 1) == -1 && errno == EINPROGRESS
		&& events(fd, POLLOUT, 10000) & POLLERR && option(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
	CHECK("own address", bind_to(fd, "10.0.2.15", 0) == -1 ? errno == EINVAL : 1);
	close(fd);
	replace("virtio-net");
	CHECK("an echo with the next driver", ping());
	replace("net");
	CHECK("an address from the next server", has_address());
	CHECK("an echo with it", ping());
	return report();
}
