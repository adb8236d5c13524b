/* Files, directories and descriptors. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int visited;

static int visit(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)path, (void)status, (void)kind, (void)place;
	visited++;
	return 0;
}

static void descriptors(void)
{
	char buffer[32];
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0640);
	CHECK("open creates the lowest descriptor", fd == 3);
	CHECK("write takes all bytes", write(fd, "hello world", 11) == 11);
	CHECK("lseek to the start", lseek(fd, 0, SEEK_SET) == 0);
	CHECK("read gives them back", read(fd, buffer, sizeof buffer) == 11 && !memcmp(buffer, "hello world", 11));
	CHECK("read at the end gives 0", read(fd, buffer, 1) == 0);
	CHECK("pread moves nothing", pread(fd, buffer, 5, 6) == 5 && !memcmp(buffer, "world", 5) && lseek(fd, 0, SEEK_CUR) == 11);
	CHECK("pwrite beyond the end makes a hole", pwrite(fd, "x", 1, 100) == 1 && lseek(fd, 0, SEEK_END) == 101);
	CHECK("the hole reads as zeros", pread(fd, buffer, 1, 50) == 1 && buffer[0] == 0);
	struct iovec out[2] = {{"ab", 2}, {"cd", 2}};
	lseek(fd, 0, SEEK_SET);
	CHECK("writev joins its pieces", writev(fd, out, 2) == 4 && pread(fd, buffer, 4, 0) == 4 && !memcmp(buffer, "abcd", 4));
	int second = dup(fd);
	CHECK("dup shares the position", second == 4 && lseek(second, 0, SEEK_CUR) == 4);
	CHECK("dup2 to a number", dup2(fd, 20) == 20 && lseek(20, 0, SEEK_CUR) == 4);
	CHECK("F_DUPFD takes a lowest number", fcntl(fd, F_DUPFD, 10) == 10);
	struct rlimit limit;
	CHECK("F_DUPFD refuses a number that no descriptor may have", getrlimit(RLIMIT_NOFILE, &limit) == 0 && fcntl(fd, F_DUPFD, (int)limit.rlim_cur) == -1 && errno == EINVAL);
	CHECK("F_DUPFD_CLOEXEC sets the flag", fcntl(fd, F_DUPFD_CLOEXEC, 30) == 30 && fcntl(30, F_GETFD) == FD_CLOEXEC);
	CHECK("F_GETFL tells the access mode", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK("F_SETFL sets O_APPEND", fcntl(fd, F_SETFL, O_APPEND) == 0 && fcntl(fd, F_GETFL) & O_APPEND);
	CHECK("an appending write goes to the end", write(fd, "z", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 102);
	CHECK("ftruncate shortens", ftruncate(fd, 3) == 0 && lseek(fd, 0, SEEK_END) == 3);
	CHECK("fsync", fsync(fd) == 0);
	CHECK("a read-only descriptor refuses writes", close(second) == 0 && (second = open("file", O_RDONLY)) >= 0 && write(second, "x", 1) == -1 && errno == EBADF);
	closefrom(10);
	CHECK("closefrom closes all from there on", fcntl(10, F_GETFD) == -1 && fcntl(30, F_GETFD) == -1 && fcntl(second, F_GETFD) == 0);
	close(second);
	CHECK("close twice fails with EBADF", close(fd) == 0 && close(fd) == -1 && errno == EBADF);
	CHECK("O_EXCL refuses what exists", open("file", O_CREAT | O_EXCL | O_WRONLY, 0600) == -1 && errno == EEXIST);
	CHECK("a missing file gives ENOENT", open("missing", O_RDONLY) == -1 && errno == ENOENT);
	CHECK("a file is no directory", open("file/below", O_RDONLY) == -1 && errno == ENOTDIR);
	CHECK("a directory is not written", open(".", O_WRONLY) == -1 && errno == EISDIR);
}

static void attributes(void)
{
	struct stat status;
	CHECK("stat", stat("file", &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 3 && status.st_nlink == 1);
	CHECK("chmod", chmod("file", 0604) == 0 && stat("file", &status) == 0 && (status.st_mode & 07777) == 0604);
	struct timespec times[2] = {{1000, 0}, {2000, 0}};
	CHECK("utimensat", utimensat(AT_FDCWD, "file", times, 0) == 0 && stat("file", &status) == 0 && status.st_atim.tv_sec == 1000 && status.st_mtim.tv_sec == 2000);
	CHECK("link", link("file", "other") == 0 && stat("other", &status) == 0 && status.st_nlink == 2);
	CHECK("symlink and lstat", symlink("file", "link") == 0 && lstat("link", &status) == 0 && S_ISLNK(status.st_mode));
	char target[32];
	CHECK("readlink", readlink("link", target, sizeof target) == 4 && !memcmp(target, "file", 4));
	CHECK("stat follows a link", stat("link", &status) == 0 && S_ISREG(status.st_mode));
	CHECK("rename replaces", rename("other", "renamed") == 0 && access("other", F_OK) == -1 && access("renamed", R_OK) == 0);
	CHECK("unlink", unlink("renamed") == 0 && stat("file", &status) == 0 && status.st_nlink == 1);
	CHECK("umask masks new modes", (umask(077), 1) && close(open("masked", O_CREAT | O_WRONLY, 0666)) == 0 && stat("masked", &status) == 0 && (status.st_mode & 07777) == 0600);
	umask(022);
	struct statvfs figures;
	CHECK("statvfs", statvfs(".", &figures) == 0 && figures.f_bsize > 0);
	char *path = realpath("link", NULL);
	CHECK("realpath resolves links", path && strlen(path) > 5 && !strcmp(path + strlen(path) - 5, "/file"));
	free(path);
}

static void extended_attributes(void)
{
	struct stat plain;
	struct statx status;
	CHECK("statx follows a link and tells what stat tells", statx(AT_FDCWD, "link", AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &status) == 0 && stat("file", &plain) == 0
		&& (status.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS && status.stx_ino == plain.st_ino && status.stx_mode == plain.st_mode
		&& status.stx_size == 3 && status.stx_mtime.tv_sec == 2000 && makedev(status.stx_dev_major, status.stx_dev_minor) == plain.st_dev);
	CHECK("statx of a link itself", statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) == 0 && S_ISLNK(status.stx_mode));
	int fd = open("/dev/null", O_RDONLY);
	CHECK("statx of a descriptor", statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &status) == 0 && S_ISCHR(status.stx_mode) && status.stx_rdev_major == 1 && status.stx_rdev_minor == 3);
	close(fd);
	CHECK("statx refuses flags that it does not know", statx(AT_FDCWD, "file", 1, STATX_TYPE, &status) == -1 && errno == EINVAL);
	CHECK("statx refuses bits of the mask that are kept for later", statx(AT_FDCWD, "file", 0, 0x80000000U, &status) == -1 && errno == EINVAL);
}

static void directories(void)
{
	char where[256], before[256];
	CHECK("mkdir", mkdir("tree", 0755) == 0 && mkdir("tree/a", 0755) == 0 && mkdir("tree/b", 0755) == 0);
	CHECK("mkdir twice gives EEXIST", mkdir("tree", 0755) == -1 && errno == EEXIST);
	close(open("tree/a/x1", O_CREAT | O_WRONLY, 0600)), close(open("tree/a/x2", O_CREAT | O_WRONLY, 0600));
	getcwd(before, sizeof before);
	CHECK("chdir and getcwd", chdir("tree/a") == 0 && getcwd(where, sizeof where) && !strcmp(where + strlen(where) - 7, "/tree/a"));
	CHECK("relative names start there", access("x1", F_OK) == 0 && access("../b", F_OK) == 0);
	CHECK("chdir back", chdir(before) == 0);
	DIR *directory = opendir("tree/a");
	int names = 0, dots = 0;
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		entry->d_name[0] == '.' ? dots++ : names++;
	CHECK("readdir finds every name", names == 2 && dots == 2);
	CHECK("rewinddir begins again", directory && (rewinddir(directory), readdir(directory) != NULL));
	CHECK("openat below a descriptor", directory && close(openat(dirfd(directory), "x1", O_RDONLY)) == 0);
	closedir(directory);
	CHECK("rmdir refuses a full directory", rmdir("tree/a") == -1 && errno == ENOTEMPTY);
	visited = 0;
	CHECK("nftw visits everything", nftw("tree", visit, 8, FTW_PHYS) == 0 && visited == 5);
	glob_t found;
	CHECK("glob matches", glob("tree/a/x*", 0, NULL, &found) == 0 && found.gl_pathc == 2 && !strcmp(found.gl_pathv[0], "tree/a/x1"));
	globfree(&found);
	CHECK("glob without a match says so", glob("tree/z*", 0, NULL, &found) == GLOB_NOMATCH);
}

static void mappings_and_locks(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK("a file can be mapped", write(fd, "mapped bytes", 12) == 12);
	char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK("a mapping shows the content", shared != MAP_FAILED && !memcmp(shared, "mapped bytes", 12));
	if (shared != MAP_FAILED) {
		memcpy(shared, "MAPPED", 6);
		char buffer[6];
		CHECK("stores reach the file", pread(fd, buffer, 6, 0) == 6 && !memcmp(buffer, "MAPPED", 6));
		munmap(shared, 4096);
	}
	char *anonymous = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK("anonymous memory is zero", anonymous != MAP_FAILED && anonymous[12345] == 0);
	CHECK("mprotect", mprotect(anonymous, 4096, PROT_READ) == 0 && munmap(anonymous, 1 << 20) == 0);
	CHECK("write and execute together are refused", mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 4};
	CHECK("F_SETLK", fcntl(fd, F_SETLK, &lock) == 0);
	pid_t child = fork();
	if (child == 0) {
		lock.l_type = F_WRLCK;
		int refused = fcntl(fd, F_SETLK, &lock) == -1 && (errno == EAGAIN || errno == EACCES);
		int told = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_pid == getppid();
		_exit(refused && told ? 0 : 1);
	}
	int status;
	CHECK("another process meets the lock", waitpid(child, &status, 0) == child && status == 0);
	CHECK("flock", flock(fd, LOCK_EX) == 0 && flock(fd, LOCK_UN) == 0);
	close(fd);
}

int main(void)
{
	char place[] = "filesXXXXXX";
	if (chdir("/tmp") || !mkdtemp(place) || chdir(place))
		return perror("no place to work in"), 1;
	descriptors();
	attributes();
	extended_attributes();
	directories();
	mappings_and_locks();
	return report();
}
