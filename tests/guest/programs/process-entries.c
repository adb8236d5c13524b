/* /proc/PID and /dev/fd: what processes show of themselves, and to whom (the formats are proc(5)'s). */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char text[65536];

static const char *link_of(const char *path)
{
	ssize_t length = readlink(path, text, sizeof text - 1);
	text[length < 0 ? 0 : length] = 0;
	return text;
}

static const char *descriptor_link(int fd)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return link_of(path);
}

static const char *content_of(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	text[length < 0 ? 0 : length] = 0;
	close(fd);
	return text;
}

/* The value of a field of /proc/PID/stat, counted from 1 as proc(5) does. */
static long stat_field(const char *path, int field)
{
	const char *at = strrchr(content_of(path), ')');
	for (int passed = 2; at && passed < field; passed++)
		at = strchr(at + 1, ' ');
	return at ? strtol(at + 1, NULL, 10) : -1;
}

static int open_number(int fd, int flags)
{
	char path[64];
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	return open(path, flags);
}

static void links(void)
{
	int ends[2], pair[2], file = open("/tmp/entry", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char wanted[64];
	struct stat status;
	CHECK("a descriptor's link is the file's path", !strcmp(descriptor_link(file), "/tmp/entry"));
	CHECK("and follows the file when it is renamed", !rename("/tmp/entry", "/tmp/moved")
		&& !strcmp(descriptor_link(file), "/tmp/moved"));
	CHECK("and tells when it has no name", !unlink("/tmp/moved")
		&& strstr(descriptor_link(file), " (deleted)"));
	write(file, "kept", 4);
	int again = open_number(file, O_RDONLY);
	CHECK("a file without a name opens again, from its start", again >= 0
		&& read(again, text, 8) == 4 && !memcmp(text, "kept", 4));
	pipe(ends);
	fstat(ends[0], &status);
	snprintf(wanted, sizeof wanted, "pipe:[%lu]", (unsigned long)status.st_ino);
	CHECK("both ends of a pipe have the number that fstat tells", !strcmp(descriptor_link(ends[0]), wanted)
		&& !strcmp(descriptor_link(ends[1]), wanted));
	int reader = open_number(ends[0], O_RDONLY), writer = open_number(ends[1], O_WRONLY);
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
	CHECK("a link's mode tells what its descriptor is for", !lstat(path, &status) && status.st_mode == (S_IFLNK | 0300));
	CHECK("its ends open again", write(writer, "x", 1) == 1 && read(reader, text, 1) == 1);
	CHECK("but not for what they do not do", open_number(ends[0], O_WRONLY) == -1 && errno == EACCES);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	CHECK("a socket is named by its number and does not open", !strncmp(descriptor_link(pair[0]), "socket:[", 8)
		&& open_number(pair[0], O_RDWR) == -1 && errno == ENXIO);
	CHECK("an eventfd is anonymous", !strcmp(descriptor_link(eventfd(0, 0)), "anon_inode:[eventfd]"));
	CHECK("a descriptor that is closed has no link", open_number(200, O_RDONLY) == -1 && errno == ENOENT);
	CHECK("a device's link is its name", !strcmp(descriptor_link(open("/dev/null", O_RDWR)), "/dev/null"));
	mkdir("/tmp/place", 0700);
	chdir("/tmp/place");
	CHECK("cwd is the working directory", !strcmp(link_of("/proc/self/cwd"), "/tmp/place"));
	CHECK("and is walked through", !mkdir("/proc/self/cwd/inner", 0700) && !rmdir("/tmp/place/inner"));
	CHECK("root is the root directory", !strcmp(link_of("/proc/self/root"), "/"));
	CHECK("exe is the program", strstr(link_of("/proc/self/exe"), "/process-entries"));
}

static void list(void)
{
	DIR *directory = opendir("/dev/fd");
	struct dirent *entry;
	int found = 0;
	while (directory && (entry = readdir(directory)))
		found += !strcmp(entry->d_name, "0") || !strcmp(entry->d_name, "1") || !strcmp(entry->d_name, "2");
	CHECK("/dev/fd lists the descriptors", found == 3);
	closedir(directory);
	int file = open("/tmp/position", O_RDWR | O_CREAT | O_APPEND, 0600);
	char path[64];
	write(file, "12345", 5);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
	content_of(path);
	CHECK("fdinfo tells position and flags", strstr(text, "pos:\t5\n") && strstr(text, "flags:\t02002\n"));
}

static void standard(void)
{
	int ends[2], saved = dup(0);
	pipe(ends);
	write(ends[1], "through", 7);
	dup2(ends[0], 0);
	int fd = open("/dev/stdin", O_RDONLY);
	CHECK("/dev/stdin is descriptor 0", fd > 0 && read(fd, text, 16) == 7 && !memcmp(text, "through", 7));
	dup2(saved, 0);
	CHECK("/dev/stdout and /dev/stderr are there", open("/dev/stdout", O_WRONLY) > 0
		&& open("/dev/stderr", O_WRONLY) > 0);
}

static void *wait_there(void *lock)
{
	pthread_mutex_lock(lock);
	return NULL;
}

static void threads(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;
	char path[128], own[32];
	int count = 0, others = 0;
	pthread_mutex_lock(&lock);
	pthread_create(&thread, NULL, wait_there, &lock);
	snprintf(own, sizeof own, "%d", getpid());
	DIR *directory = opendir("/proc/self/task");
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		snprintf(path, sizeof path, "/proc/self/task/%s/stat", entry->d_name);
		others += strcmp(entry->d_name, own) && stat_field(path, 20) == 2;
	}
	closedir(directory);
	CHECK("task has a directory for each thread", count == 2 && others == 1);
	snprintf(path, sizeof path, "%d/task/%d", getpid(), getpid());
	CHECK("thread-self is the calling thread's", !strcmp(link_of("/proc/thread-self"), path));
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
}

static void texts(void)
{
	char wanted[128];
	struct stat status;
	CHECK("stat tells ids", stat_field("/proc/self/stat", 4) == getppid() && stat_field("/proc/self/stat", 5) == getpgrp());
	CHECK("comm is the program's name", !strcmp(content_of("/proc/self/comm"), "process-entries\n"));
	CHECK("status tells users and signals", strstr(content_of("/proc/self/status"), "\nUid:\t0\t0\t0\t0\n")
		&& strstr(text, "\nSigBlk:\t0000000000000000\n"));
	CHECK("maps shows the stack", strstr(content_of("/proc/self/maps"), "[stack]"));
	CHECK("auxv is the auxiliary vector", (content_of("/proc/self/auxv"), *(unsigned long *)text == 3));
	CHECK("a process that sleeps is in a named place", !kill(1, 0) && strlen(content_of("/proc/1/wchan")) > 1);
	CHECK("pid_max is a number", atoi(content_of("/proc/sys/kernel/pid_max")) > 1000);
	CHECK("/proc/stat tells when the system was started", strstr(content_of("/proc/stat"), "\nbtime ")
		&& labs(atol(strstr(text, "btime ") + 6) - time(NULL)) < 86400);
	int segment = shmget(IPC_PRIVATE, 4097, 0640);
	snprintf(wanted, sizeof wanted, "\n         0 %10d   640 %21d %5d ", segment, 4097, getpid());
	CHECK("sysvipc tells of segments", strstr(content_of("/proc/sysvipc/shm"), wanted));
	shmctl(segment, IPC_RMID, NULL);
	CHECK("and of sets and queues", strstr(content_of("/proc/sysvipc/sem"), " semid perms ")
		&& strstr(content_of("/proc/sysvipc/msg"), " msqid perms "));
	CHECK("meminfo tells what is cached", (content_of("/proc/meminfo"), atol(strstr(text, "\nCached:") + 9) > 100));
	CHECK("mounts is a link", !lstat("/proc/mounts", &status) && S_ISLNK(status.st_mode));
	CHECK("mountinfo knows /proc", strstr(content_of("/proc/self/mountinfo"), " / /proc rw - proc proc rw\n"));
}

static void strangers(void)
{
	pid_t child = fork();
	int result = 0;
	if (child == 0) {
		setgid(1000);
		setuid(1000);
		result |= readlink("/proc/1/exe", text, sizeof text) == -1 && errno == EACCES ? 0 : 1;
		result |= opendir("/proc/1/fd") == NULL && errno == EACCES ? 0 : 2;
		result |= open("/proc/1/environ", O_RDONLY) == -1 && errno == EACCES ? 0 : 4;
		result |= open("/proc/1/maps", O_RDONLY) == -1 && errno == EACCES ? 0 : 8;
		result |= strlen(link_of("/proc/self/exe")) > 1 ? 0 : 16;
		result |= open("/proc/1/stat", O_RDONLY) >= 0 ? 0 : 32;
		_exit(result);
	}
	waitpid(child, &result, 0);
	CHECK("strangers see no files, memory and environment of a process", result == 0);
}

static void devices(void)
{
	struct stat before, status;
	stat("/dev/null", &before);
	CHECK("the mode of a device changes", !chmod("/dev/null", 0640) && !stat("/dev/null", &status)
		&& status.st_mode == (S_IFCHR | 0640));
	CHECK("its owner, too", !chown("/dev/null", 7, 8) && !stat("/dev/null", &status)
		&& status.st_uid == 7 && status.st_gid == 8);
	CHECK("and its times", !utimensat(AT_FDCWD, "/dev/null", NULL, 0) && !stat("/dev/null", &status)
		&& status.st_mtime > 0);
	int fd = open("/dev/null", O_RDWR);
	CHECK("by a descriptor as well", !fchmod(fd, 0666) && !fstat(fd, &status)
		&& status.st_mode == (S_IFCHR | 0666));
	chown("/dev/null", before.st_uid, before.st_gid);
}

static void times_of(void)
{
	struct tms used;
	struct timespec clock;
	do {
		for (int round = 0; round < 200; round++)
			lseek(0, 0, SEEK_CUR), stat("/proc/self", &(struct stat){ 0 });
		times(&used);
	} while (used.tms_stime < 1 || used.tms_utime < 1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &clock);
	long ticks = clock.tv_sec * 100 + clock.tv_nsec / 10000000;
	CHECK("user and system time add up to the CPU clock", ticks >= used.tms_utime + used.tms_stime
		&& ticks <= used.tms_utime + used.tms_stime + 50);
	CHECK("stat tells the same times", stat_field("/proc/self/stat", 14) >= used.tms_utime
		&& stat_field("/proc/self/stat", 15) >= used.tms_stime);
}

int main(void)
{
	links();
	list();
	standard();
	threads();
	texts();
	strangers();
	devices();
	times_of();
	return report();
}
