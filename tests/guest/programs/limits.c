/* Resource limits are enforced (POSIX setrlimit), and what ends a process leaves a core if it may. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *self;

static void limit(int resource, rlim_t current, rlim_t maximum)
{
	struct rlimit both = { current, maximum };
	if (setrlimit(resource, &both))
		_exit(90);
}

/* Runs a function in a child: its wait status. */
static int in_child(void (*work)(void))
{
	int status = -1;
	pid_t child = fork();
	if (child == 0) {
		work();
		_exit(0);
	}
	waitpid(child, &status, 0);
	return status;
}

static int exits_well(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void fail_unless(int condition)
{
	if (!condition)
		_exit(1);
}

static void descriptors(void)
{
	limit(RLIMIT_NOFILE, 20, 20);
	while (dup(0) >= 0)
		;
	fail_unless(errno == EMFILE && fcntl(19, F_GETFD) >= 0 && dup2(0, 20) == -1 && errno == EBADF);
}

static void address_space(void)
{
	limit(RLIMIT_AS, 256 << 20, 256 << 20);
	void *small = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fail_unless(small != MAP_FAILED);
	void *large = mmap(NULL, 512 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fail_unless(large == MAP_FAILED && errno == ENOMEM);
}

static void data(void)
{
	limit(RLIMIT_DATA, 32 << 20, 32 << 20);
	void *volatile allocated = malloc(64 << 20);
	fail_unless(allocated == NULL && errno == ENOMEM);
	void *mapped = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fail_unless(mapped == MAP_FAILED && errno == ENOMEM);
}

static volatile sig_atomic_t caught;

static void note(int signal)
{
	caught = signal;
}

static void file_size(void)
{
	int file = open("/tmp/limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char block[1000] = { 0 };
	limit(RLIMIT_FSIZE, 1500, 1500);
	signal(SIGXFSZ, note);
	if (write(file, block, 1000) != 1000 || write(file, block, 1000) != 500 || caught)
		_exit(1);
	if (write(file, block, 1) != -1 || errno != EFBIG || caught != SIGXFSZ)
		_exit(2);
	caught = 0;
	if (ftruncate(file, 2000) != -1 || errno != EFBIG || caught != SIGXFSZ)
		_exit(3);
}

static void file_size_default(void)
{
	int file = open("/tmp/limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
	limit(RLIMIT_FSIZE, 0, 0);
	write(file, "x", 1);
}

static void spin(void)
{
	for (volatile unsigned long turn = 0;; turn++)
		;
}

static void processor_time(void)
{
	limit(RLIMIT_CPU, 1, 2);
	signal(SIGXCPU, note);
	while (!caught)
		;
	fail_unless(caught == SIGXCPU);
	spin();
}

static void processor_time_default(void)
{
	limit(RLIMIT_CPU, 1, 2);
	spin();
}

static void processes(void)
{
	limit(RLIMIT_NPROC, 3, 3);
	setgid(1234);
	setuid(1234);
	int made = 0;
	pid_t child;
	while ((child = fork()) > 0)
		made++;
	if (child == 0) {
		signal(SIGTERM, SIG_DFL);
		pause();
		_exit(0);
	}
	int error = errno;
	kill(0, SIGTERM);
	fail_unless(made >= 1 && made <= 3 && error == EAGAIN);
}

static void processes_apart(void)
{
	setpgid(0, 0);
	signal(SIGTERM, SIG_IGN);
	processes();
}

/* Uses a page of stack a call. */
static __attribute__((noinline)) int deep(int left, volatile char *above)
{
	volatile char part[4096];
	part[0] = left;
	return left == 0 ? *above : deep(left - 1, part) + part[0] + *above;
}

static void small_stack(void)
{
	limit(RLIMIT_STACK, 256 << 10, 256 << 10);
	execl(self, self, "deep", NULL);
}

static void priorities(void)
{
	struct sched_param param = { .sched_priority = 5 };
	fail_unless(sched_setscheduler(0, SCHED_FIFO, &param) == 0);
	param.sched_priority = 0;
	fail_unless(sched_setscheduler(0, SCHED_OTHER, &param) == 0);
	setgid(1234);
	setuid(1234);
	param.sched_priority = 5;
	fail_unless(sched_setscheduler(0, SCHED_FIFO, &param) == -1 && errno == EPERM);
	fail_unless(pthread_setschedparam(pthread_self(), SCHED_RR, &param) == EPERM);
	fail_unless(sched_setscheduler(1, SCHED_OTHER, &(struct sched_param){ 0 }) == -1 && errno == EPERM);
	fail_unless(nice(3) == 3 && setpriority(PRIO_PROCESS, 0, 0) == -1 && errno == EACCES);
}

static void others_priorities(void)
{
	struct sched_param param = { .sched_priority = 7 };
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	fail_unless(sched_getscheduler(child) == SCHED_OTHER && sched_setscheduler(child, SCHED_RR, &param) == 0);
	param.sched_priority = 0;
	fail_unless(sched_getscheduler(child) == SCHED_RR && !sched_getparam(child, &param) && param.sched_priority == 7);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fail_unless(sched_getscheduler(child) == -1 && errno == ESRCH);
}

static volatile int marker = 0x600df00d;

static void fault(void)
{
	unlink("core");
	limit(RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY);
	marker = 0x5eedf00d;
	*(volatile int *)0x123 = 1;
}

static void fault_without(void)
{
	unlink("core");
	limit(RLIMIT_CORE, 0, 0);
	abort();
}

static void fault_cut(void)
{
	unlink("core");
	limit(RLIMIT_CORE, 8192, 8192);
	abort();
}

static void fault_where_nobody_may_write(void)
{
	limit(RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY);
	chdir("/");
	setgid(1234);
	setuid(1234);
	abort();
}

static unsigned char *core;

/* The note of a type in the core, or NULL. */
static void *note_of(unsigned type, size_t *size)
{
	Elf64_Phdr *first = (Elf64_Phdr *)(core + ((Elf64_Ehdr *)core)->e_phoff);
	unsigned char *at = core + first->p_offset, *end = at + first->p_filesz;
	while (at < end) {
		Elf64_Nhdr *head = (Elf64_Nhdr *)at;
		unsigned char *content = at + sizeof *head + ((head->n_namesz + 3) & ~3u);
		if (head->n_type == type && !memcmp(at + sizeof *head, "CORE", 5)) {
			*size = head->n_descsz;
			return content;
		}
		at = content + ((head->n_descsz + 3) & ~3u);
	}
	return NULL;
}

/* The bytes that the process had at an address. */
static void *memory_at(unsigned long address)
{
	Elf64_Ehdr *head = (Elf64_Ehdr *)core;
	Elf64_Phdr *table = (Elf64_Phdr *)(core + head->e_phoff);
	for (int index = 0; index < head->e_phnum; index++)
		if (table[index].p_type == PT_LOAD && address - table[index].p_vaddr < table[index].p_filesz)
			return core + table[index].p_offset + (address - table[index].p_vaddr);
	return NULL;
}

static void cores(void)
{
	int status = in_child(fault);
	struct stat file = { 0 };
	size_t size = 0;
	CHECK("a fault leaves a core", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && WCOREDUMP(status));
	int fd = open("core", O_RDONLY);
	CHECK("of its owner alone, in the working directory", fd >= 0 && !fstat(fd, &file) && (file.st_mode & 0777) == 0600);
	core = mmap(NULL, file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	Elf64_Ehdr *head = (Elf64_Ehdr *)core;
	CHECK("it is an ELF core", core != MAP_FAILED && !memcmp(core, ELFMAG, 4) && head->e_type == ET_CORE && head->e_machine == EM_X86_64);
	prstatus_t *registers = note_of(NT_PRSTATUS, &size);
	CHECK("with the signal and the registers", registers && size == sizeof *registers && registers->pr_cursig == SIGSEGV
		&& memory_at(registers->pr_reg[16]) && memory_at(registers->pr_reg[19]));
	prpsinfo_t *information = note_of(NT_PRPSINFO, &size);
	CHECK("with the process's name", information && size == sizeof *information && !strcmp(information->pr_fname, "limits"));
	unsigned long *auxiliary = note_of(NT_AUXV, &size);
	CHECK("with the auxiliary vector", auxiliary && auxiliary[0] == AT_PHDR);
	CHECK("with its floating-point registers", note_of(NT_FPREGSET, &size) && size == 512);
	int *found = memory_at((unsigned long)&marker);
	CHECK("and with its memory", found && *found == 0x5eedf00d);
	unsigned long *files = note_of(NT_FILE, &size);
	CHECK("and the names of files in it", files && files[0] >= 1 && files[1] == 4096
		&& strstr((char *)&files[2 + 3 * files[0]], "/limits"));
	munmap(core, file.st_size);
	close(fd);
	status = in_child(fault_without);
	CHECK("RLIMIT_CORE 0 lets none be written", WIFSIGNALED(status) && !WCOREDUMP(status) && stat("core", &file) == -1);
	status = in_child(fault_cut);
	CHECK("a limit cuts it", WIFSIGNALED(status) && WCOREDUMP(status) && !stat("core", &file) && file.st_size <= 8192);
	unlink("core");
	status = in_child(fault_where_nobody_may_write);
	CHECK("where the user may not write there is none", WIFSIGNALED(status) && !WCOREDUMP(status) && stat("/core", &file) == -1);
}

int main(int count, char **arguments)
{
	self = arguments[0];
	if (count > 1)
		return deep(1000, (volatile char *)self) & 0;
	chdir("/tmp");
	CHECK("RLIMIT_NOFILE", exits_well(in_child(descriptors)));
	CHECK("RLIMIT_AS", exits_well(in_child(address_space)));
	CHECK("RLIMIT_DATA", exits_well(in_child(data)));
	int status = in_child(file_size);
	CHECK("RLIMIT_FSIZE: a short write, then SIGXFSZ and EFBIG", exits_well(status));
	if (!exits_well(status))
		printf("status %x\n", status);
	status = in_child(file_size_default);
	CHECK("SIGXFSZ ends who does not catch it", WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
	status = in_child(processor_time);
	CHECK("RLIMIT_CPU: SIGXCPU, then SIGKILL at the maximum", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	status = in_child(processor_time_default);
	CHECK("SIGXCPU ends who does not catch it", WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
	CHECK("RLIMIT_NPROC", exits_well(in_child(processes_apart)));
	status = in_child(small_stack);
	CHECK("RLIMIT_STACK", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	CHECK("priorities are for those who may", exits_well(in_child(priorities)));
	CHECK("those of others, too", exits_well(in_child(others_priorities)));
	cores();
	return report();
}
