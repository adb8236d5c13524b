/* Pseudo terminals: both ends, hang-ups, modes, packet mode, many of them. From POSIX's "General
 * Terminal Interface" and <sys/ioctl.h>'s requests for pseudo terminals. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

static int master, slave;
static char text[70000];

static void open_pair(void)
{
	if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
		perror("openpty");
		exit(2);
	}
}

static void close_pair(void)
{
	close(master);
	close(slave);
}

static void set_modes(tcflag_t clear_input, tcflag_t clear_output, tcflag_t clear_local)
{
	struct termios modes;
	tcgetattr(slave, &modes);
	modes.c_iflag &= ~clear_input;
	modes.c_oflag &= ~clear_output;
	modes.c_lflag &= ~clear_local;
	tcsetattr(slave, TCSANOW, &modes);
}

static void put(int fd, const char *bytes)
{
	write(fd, bytes, strlen(bytes));
}

/* Whether a read gives exactly these bytes. */
static int gives(int fd, const char *bytes)
{
	ssize_t count = read(fd, text, sizeof text);
	return count == (ssize_t)strlen(bytes) && memcmp(text, bytes, count) == 0;
}

/* Whether a read fails so. */
static int fails(int fd, int error)
{
	return read(fd, text, sizeof text) == -1 && errno == error;
}

static short events(int fd)
{
	struct pollfd item = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };
	poll(&item, 1, 0);
	return item.revents;
}

/* Whether a hang-up comes: a close is told to the other end by the server, a moment later. */
static int hangs_up(int fd)
{
	struct pollfd item = { .fd = fd };
	return poll(&item, 1, 10000) == 1 && (item.revents & POLLHUP);
}

static void names(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK("posix_openpt opens a master", fd >= 0);
	char *name = ptsname(fd), buffer[64];
	CHECK("ptsname names a slave", name && strncmp(name, "/dev/pts/", 9) == 0);
	CHECK("ptsname_r refuses a short buffer", ptsname_r(fd, buffer, 5) == ERANGE);
	CHECK("ptsname_r gives the same name", ptsname_r(fd, buffer, 64) == 0 && !strcmp(buffer, name));
	CHECK("a locked slave cannot be opened", open(name, O_RDWR | O_NOCTTY) == -1 && errno == EIO);
	CHECK("grantpt", grantpt(fd) == 0);
	CHECK("unlockpt", unlockpt(fd) == 0);
	int other = open(name, O_RDWR | O_NOCTTY);
	CHECK("an unlocked slave can be opened", other >= 0);
	struct stat status, by_name;
	CHECK("a slave is a character device of its opener and the group tty",
		fstat(other, &status) == 0 && S_ISCHR(status.st_mode) && (status.st_mode & 07777) == 0620
		&& status.st_uid == getuid() && status.st_gid == 5);
	CHECK("by name it is the same file", stat(name, &by_name) == 0
		&& by_name.st_ino == status.st_ino && by_name.st_dev == status.st_dev
		&& by_name.st_rdev == status.st_rdev);
	CHECK("ttyname of a slave", ttyname(other) && !strcmp(ttyname(other), name));
	CHECK("both ends are terminals", isatty(fd) && isatty(other));
	CHECK("chmod of a slave by its name", chmod(name, 0600) == 0 && fstat(other, &status) == 0
		&& (status.st_mode & 0777) == 0600);
	unsigned number;
	CHECK("TIOCGPTN tells the number", ioctl(fd, TIOCGPTN, &number) == 0
		&& number == (unsigned)atoi(name + 9));
	CHECK("TIOCGPTN is the master's", ioctl(other, TIOCGPTN, &number) == -1 && errno == ENOTTY);
	int peer = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK("TIOCGPTPEER opens the slave", peer >= 0 && ttyname(peer) && !strcmp(ttyname(peer), name));
	CHECK("TIOCGPTPEER obeys O_CLOEXEC", fcntl(peer, F_GETFD) == FD_CLOEXEC);
	CHECK("grantpt and unlockpt want a master", grantpt(other) == -1 && errno == EINVAL
		&& unlockpt(other) == -1 && errno == EINVAL);
	close(peer);
	close(other);
	close(fd);
	CHECK("the name is gone with the master", access(name, F_OK) == -1 && errno == ENOENT);
}

static void hang_ups(void)
{
	open_pair();
	char name[64];
	ptsname_r(master, name, sizeof name);
	put(slave, "last\n");
	close(slave);
	CHECK("a closed slave is a hang-up for the master", hangs_up(master));
	CHECK("what it wrote can still be read", gives(master, "last\r\n"));
	CHECK("then reads fail", fails(master, EIO));
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK("it can be opened again", slave >= 0 && !(events(master) & POLLHUP));
	close(master);
	CHECK("a closed master is a hang-up for the slave", hangs_up(slave));
	CHECK("reads of the slave find the end", read(slave, text, 10) == 0);
	CHECK("writes of the slave fail", write(slave, "x", 1) == -1 && errno == EIO);
	struct termios modes;
	CHECK("so do its requests", tcgetattr(slave, &modes) == -1 && errno == EIO);
	close(slave);
	open_pair();
	pid_t child = fork();
	if (child == 0) {
		close(master);
		_exit(read(slave, text, 10) == 0 ? 7 : 1);
	}
	usleep(20000);
	close(master);
	int status;
	waitpid(child, &status, 0);
	CHECK("a read that waits ends when the master closes", WEXITSTATUS(status) == 7);
	close(slave);
}

static void readiness(void)
{
	open_pair();
	CHECK("at first both ends only take", events(master) == POLLOUT && events(slave) == POLLOUT);
	put(master, "half a line");
	CHECK("the slave is readable with a whole line only", events(slave) == POLLOUT);
	CHECK("the echo makes the master readable", events(master) == (POLLIN | POLLOUT));
	put(master, "\n");
	fd_set set;
	FD_ZERO(&set);
	FD_SET(slave, &set);
	struct timeval none = { 0, 0 };
	CHECK("select sees the line", select(slave + 1, &set, NULL, NULL, &none) == 1);
	int epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = slave };
	epoll_ctl(epoll, EPOLL_CTL_ADD, slave, &event);
	CHECK("epoll sees it", epoll_wait(epoll, &event, 1, 0) == 1 && (event.events & EPOLLIN));
	CHECK("as an edge, once", epoll_wait(epoll, &event, 1, 0) == 0);
	put(master, "more\n");
	CHECK("and again with more", epoll_wait(epoll, &event, 1, 0) == 1);
	close(epoll);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	fcntl(master, F_SETFL, O_NONBLOCK);
	memset(text, 'x', sizeof text);
	ssize_t written = write(slave, text, sizeof text);
	CHECK("a slave's write takes what fits", written > 0 && written < (ssize_t)sizeof text);
	CHECK("then it is not writable", !(events(slave) & POLLOUT));
	CHECK("and fails", write(slave, "x", 1) == -1 && errno == EAGAIN);
	while (read(master, text, sizeof text) > 0)
		;
	CHECK("until the master has read", events(slave) & POLLOUT);
	close_pair();
}

static void canonical(void)
{
	open_pair();
	set_modes(0, 0, ECHO);
	put(master, "one\ntwo\n");
	CHECK("a read gives one line", gives(slave, "one\n"));
	int count;
	CHECK("FIONREAD counts whole lines", ioctl(slave, FIONREAD, &count) == 0 && count == 4);
	CHECK("a short read leaves the rest", read(slave, text, 2) == 2 && gives(slave, "o\n"));
	put(master, "part\004");
	CHECK("EOF ends a line without a newline", gives(slave, "part"));
	put(master, "\004");
	CHECK("EOF alone reads as the end", read(slave, text, 10) == 0);
	put(master, "ab\177c\n");
	CHECK("ERASE", gives(slave, "ac\n"));
	put(master, "gone\025kept\n");
	CHECK("KILL", gives(slave, "kept\n"));
	put(master, "a word\027x\n");
	CHECK("WERASE", gives(slave, "a x\n"));
	put(master, "\026\003\n");
	CHECK("LNEXT", gives(slave, "\003\n"));
	set_modes(0, 0, 0);
	struct termios modes;
	tcgetattr(slave, &modes);
	modes.c_cc[VEOL] = ';';
	modes.c_iflag |= IUTF8;
	tcsetattr(slave, TCSANOW, &modes);
	put(master, "to here;not yet");
	CHECK("EOL", gives(slave, "to here;"));
	put(master, "\025\303\251\177e\n");
	CHECK("IUTF8 erases whole characters", gives(slave, "e\n"));
	memset(text, 'x', 5000);
	write(master, text, 5000);
	put(master, "\n");
	ssize_t got = read(slave, text, sizeof text);
	CHECK("a line that is too long is cut and ends", got == 4096 && text[4095] == '\n');
	close_pair();
}

static void raw(void)
{
	open_pair();
	struct termios modes;
	tcgetattr(slave, &modes);
	cfmakeraw(&modes);
	modes.c_cc[VMIN] = 0;
	tcsetattr(slave, TCSANOW, &modes);
	CHECK("MIN 0, TIME 0: a read never waits", read(slave, text, 10) == 0);
	modes.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &modes);
	CHECK("MIN 0, TIME 1: it waits a while", read(slave, text, 10) == 0);
	put(master, "\003\r\n");
	CHECK("raw bytes are not changed", gives(slave, "\003\r\n"));
	modes.c_cc[VMIN] = 3;
	tcsetattr(slave, TCSANOW, &modes);
	put(master, "ab");
	CHECK("MIN 3, TIME 1: the time runs between bytes", gives(slave, "ab"));
	modes.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &modes);
	put(master, "ab");
	CHECK("MIN 3, TIME 0: two bytes are not readable", !(events(slave) & POLLIN));
	put(master, "c");
	CHECK("three are", gives(slave, "abc"));
	put(slave, "a\n\tb");
	CHECK("output is not changed", gives(master, "a\n\tb"));
	for (int byte = 0; byte < 256; byte++)
		text[byte] = byte;
	write(master, text, 256);
	memset(text, 0, 256);
	int same = read(slave, text, 300) == 256;
	for (int byte = 0; byte < 256; byte++)
		same &= (unsigned char)text[byte] == byte;
	CHECK("all bytes arrive", same);
	close_pair();
}

static void flows(void)
{
	open_pair();
	set_modes(0, OPOST, ECHO);
	put(master, "typed\n");
	CHECK("TCIFLUSH forgets what was typed", tcflush(slave, TCIFLUSH) == 0 && !(events(slave) & POLLIN));
	put(slave, "shown");
	CHECK("TCOFLUSH forgets what was written", tcflush(slave, TCOFLUSH) == 0 && !(events(master) & POLLIN));
	CHECK("tcflush refuses others", tcflush(slave, 9) == -1 && errno == EINVAL);
	CHECK("TCOOFF stops the output", tcflow(slave, TCOOFF) == 0 && !(events(slave) & POLLOUT));
	CHECK("TCOON starts it", tcflow(slave, TCOON) == 0 && (events(slave) & POLLOUT));
	CHECK("TCIOFF sends STOP, TCION START", tcflow(slave, TCIOFF) == 0 && tcflow(slave, TCION) == 0
		&& gives(master, "\023\021"));
	put(master, "\023");
	CHECK("the STOP character stops the output", !(events(slave) & POLLOUT));
	put(master, "\021");
	CHECK("the START character starts it", events(slave) & POLLOUT);
	put(slave, "x");
	CHECK("tcdrain", tcdrain(slave) == 0 && gives(master, "x"));
	CHECK("tcsendbreak", tcsendbreak(slave, 0) == 0);
	close_pair();
}

static void packets(void)
{
	open_pair();
	int on = 1, off = 0, state = 0;
	CHECK("TIOCPKT", ioctl(master, TIOCPKT, &on) == 0 && ioctl(master, TIOCGPKT, &state) == 0 && state);
	put(slave, "data");
	ssize_t count = read(master, text, 100);
	CHECK("data comes after a byte of zero", count == 5 && memcmp(text, "\0data", 5) == 0);
	tcflush(slave, TCIOFLUSH);
	CHECK("events are urgent", events(master) & POLLPRI);
	CHECK("flushes are told", read(master, text, 100) == 1
		&& text[0] == (TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE));
	tcflow(slave, TCOOFF);
	CHECK("a stop is told", read(master, text, 100) == 1 && text[0] == TIOCPKT_STOP);
	tcflow(slave, TCOON);
	CHECK("a start is told", read(master, text, 100) == 1 && text[0] == TIOCPKT_START);
	set_modes(IXON, 0, 0);
	CHECK("no stop keys are told", read(master, text, 100) == 1 && text[0] == TIOCPKT_NOSTOP);
	CHECK("TIOCPKT off", ioctl(master, TIOCPKT, &off) == 0);
	put(slave, "plain");
	CHECK("then data comes plain", gives(master, "plain"));
	close_pair();
}

static void pastes(void)
{
	open_pair();
	set_modes(0, 0, ECHO);
	pid_t child = fork();
	if (child == 0) {
		for (int line = 0; line < 4096; line++)
			dprintf(master, "line %09d\n", line);
		_exit(0);
	}
	int wrong = 0;
	char expected[32];
	for (int line = 0; line < 4096; line++) {
		sprintf(expected, "line %09d\n", line);
		wrong += !gives(slave, expected);
	}
	CHECK("a paste of 64 KB loses no byte", wrong == 0);
	waitpid(child, NULL, 0);
	memset(text, 'p', 65536);
	for (int at = 15; at < 65536; at += 16)
		text[at] = '\n';
	child = fork();
	if (child == 0)
		_exit(write(master, text, 65536) != 65536);
	char line[64];
	ssize_t total = 0, count;
	while (total < 65536 && (count = read(slave, line, sizeof line)) == 16)
		total += count;
	int status;
	waitpid(child, &status, 0);
	CHECK("nor does one that is written at once", total == 65536 && status == 0);
	close_pair();
}

static unsigned long free_memory(void)
{
	struct sysinfo info;
	sysinfo(&info);
	return info.freeram * info.mem_unit;
}

static void many(void)
{
	int failed = 0;
	unsigned long before = 0;
	/* The servers' own tables have grown before it counts. */
	for (int round = 0; round < 13000; round++) {
		if (round == 3000)
			before = free_memory();
		failed += openpty(&master, &slave, NULL, NULL, NULL) != 0;
		put(master, "x\n");
		close_pair();
	}
	unsigned long after = free_memory();
	CHECK("10,000 pseudo terminals, one after the other", failed == 0);
	CHECK("they leak no memory", after + (1 << 20) > before);
	char name[64];
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	ptsname_r(fd, name, sizeof name);
	CHECK("nor a number", strcmp(name, "/dev/pts/0") == 0);
	close(fd);
}

static void windows_and_speeds(void)
{
	open_pair();
	struct winsize size = { 24, 80, 0, 0 }, found = { 0, 0, 0, 0 };
	CHECK("a window's size is set and told at both ends", ioctl(master, TIOCSWINSZ, &size) == 0
		&& tcgetwinsize(slave, &found) == 0 && found.ws_row == 24 && found.ws_col == 80);
	struct termios modes;
	tcgetattr(slave, &modes);
	CHECK("a speed is kept", cfsetispeed(&modes, B9600) == 0 && cfsetospeed(&modes, B9600) == 0
		&& tcsetattr(slave, TCSANOW, &modes) == 0 && tcgetattr(master, &modes) == 0
		&& cfgetospeed(&modes) == B9600 && cfgetispeed(&modes) == B9600);
	CHECK("TIOCSTI is root's", getuid() != 0 || ioctl(slave, TIOCSTI, "\n") == 0);
	close_pair();
}

int main(void)
{
	names();
	hang_ups();
	readiness();
	canonical();
	raw();
	flows();
	packets();
	pastes();
	windows_and_speeds();
	many();
	return report();
}
