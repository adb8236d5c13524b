/* core-dump: writes the core of a process that a signal ends. The process server starts it with the
 * process's ids and working directory:
 *
 *   core-dump PROCESS SIGNAL THREAD
 *
 * The thread is the one that met the signal, by the kernel's number; it comes first in the file.
 * A handle to the process, which stands still meanwhile, lies in the slot PROCESS_SLOT. The file is
 * called `core`; RLIMIT_FSIZE is the process's RLIMIT_CORE. Exit status 0: it has been written, perhaps
 * cut at the limit. Its layout is that of ELF cores on Linux (elf(5), and <sys/procfs.h> for the notes).
 *
 * It asks the kernel about the process directly: the C library has no functions for that. The numbers
 * and structures are those of kernel/abi (calls, memory, process).
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>

#define PAGE 4096
#define PROCESS_SLOT ((1 << 20) + 7)
#define MOST_REGIONS 4096
#define MOST_THREADS 1024
#define MOST_NOTES (4 << 20)

enum call { REGION_INFO = 0x1050, PROCESS_READ = 0x1052, THREAD_INFO = 0x1077 };
enum protection { READABLE = 1, WRITABLE = 2, EXECUTABLE = 4 };
/* Flag of a mapping, and of PROCESS_READ. */
enum { ANONYMOUS = 32, PRESENT_ONLY = 1 };

struct region {
	uint64_t address, length, offset, object;
	uint32_t protection, flags;
	uint64_t present_pages;
};

struct registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags, fs_base, gs_base;
};

struct thread {
	uint64_t number;
	uint32_t state, reserved;
	uint64_t priority, user_ns, kernel_ns, mask, pending, affinity, processor;
	struct registers registers;
	struct user_fpregs_struct floating_point;
};

static struct region regions[MOST_REGIONS];
static int region_count;
static char *notes;
static size_t notes_length;
static int process, cause;

static long kernel(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	register uint64_t fourth __asm__("r10") = d;
	register uint64_t fifth __asm__("r8") = e;
	__asm__ volatile("syscall"
	                 : "+a"(number)
	                 : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
	                 : "rcx", "r11", "memory");
	return number;
}

static void find_regions(void)
{
	uint64_t address = 0;
	while (region_count < MOST_REGIONS) {
		struct region *region = &regions[region_count];
		if (kernel(REGION_INFO, PROCESS_SLOT, address, (uintptr_t)region, 0, 0) < 0)
			break;
		address = region->address + region->length;
		region_count++;
	}
}

/* Whether a region's bytes go into the file. */
static int is_kept(const struct region *region)
{
	return region->protection & READABLE && (!(region->flags & ANONYMOUS) || region->present_pages);
}

static void add_note(unsigned type, const void *bytes, size_t length)
{
	Elf64_Nhdr head = { 5, length, type };
	size_t padded = (length + 3) & ~(size_t)3;
	if (notes_length + sizeof head + 8 + padded > MOST_NOTES)
		return;
	memcpy(notes + notes_length, &head, sizeof head);
	memcpy(notes + notes_length + sizeof head, "CORE\0\0\0", 8);
	memcpy(notes + notes_length + sizeof head + 8, bytes, length);
	notes_length += sizeof head + 8 + padded;
}

/* A file of /proc about the process; how many bytes. */
static size_t read_entry(const char *name, char *bytes, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", process, name);
	int file = open(path, O_RDONLY);
	size_t length = 0;
	ssize_t count;
	if (file < 0)
		return 0;
	while (length < size && (count = read(file, bytes + length, size - length)) > 0)
		length += count;
	close(file);
	return length;
}

/* What the process's `stat` tells before and after its name. */
static struct { char name[64]; char state; int parent, group, session, nice; } told;

static void read_stat(void)
{
	char text[1024] = { 0 };
	read_entry("stat", text, sizeof text - 1);
	char *first = strchr(text, '('), *last = strrchr(text, ')');
	if (!first || !last)
		return;
	size_t length = last - first - 1;
	memcpy(told.name, first + 1, length < sizeof told.name ? length : sizeof told.name - 1);
	sscanf(last + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %d", &told.state,
	       &told.parent, &told.group, &told.session, &told.nice);
}

static struct timeval time_of(uint64_t ns)
{
	return (struct timeval){ ns / 1000000000, ns % 1000000000 / 1000 };
}

static void add_thread(const struct thread *thread, int id)
{
	const struct registers *from = &thread->registers;
	struct elf_prstatus status = {
		.pr_info.si_signo = cause,
		.pr_cursig = cause,
		.pr_sigpend = thread->pending,
		.pr_sighold = thread->mask,
		.pr_pid = id,
		.pr_ppid = told.parent,
		.pr_pgrp = told.group,
		.pr_sid = told.session,
		.pr_utime = time_of(thread->user_ns),
		.pr_stime = time_of(thread->kernel_ns),
		.pr_fpvalid = 1,
	};
	struct user_regs_struct registers = {
		from->r15, from->r14, from->r13, from->r12, from->rbp, from->rbx, from->r11, from->r10,
		from->r9, from->r8, from->rax, from->rcx, from->rdx, from->rsi, from->rdi, -1,
		from->rip, 0x33, from->rflags, from->rsp, 0x2b, from->fs_base, from->gs_base, 0, 0, 0, 0,
	};
	memcpy(&status.pr_reg, &registers, sizeof registers);
	add_note(NT_PRSTATUS, &status, sizeof status);
	add_note(NT_FPREGSET, &thread->floating_point, sizeof thread->floating_point);
}

static void add_process(void)
{
	struct elf_prpsinfo information = {
		.pr_sname = told.state, .pr_nice = told.nice, .pr_uid = getuid(), .pr_gid = getgid(),
		.pr_pid = process, .pr_ppid = told.parent, .pr_pgrp = told.group, .pr_sid = told.session,
	};
	memcpy(information.pr_fname, told.name, sizeof information.pr_fname - 1);
	size_t length = read_entry("cmdline", information.pr_psargs, ELF_PRARGSZ - 1);
	for (size_t at = 0; at + 1 < length; at++)
		if (information.pr_psargs[at] == 0)
			information.pr_psargs[at] = ' ';
	add_note(NT_PRPSINFO, &information, sizeof information);
}

/* The registers and ids of all threads, and the process; how many threads. */
static int add_threads(uint64_t first)
{
	static struct thread threads[MOST_THREADS];
	int count = 0, met = 0;
	uint64_t number = 0;
	while (count < MOST_THREADS
	       && kernel(THREAD_INFO, PROCESS_SLOT, number, (uintptr_t)&threads[count], 0, 0) >= 0)
		number = threads[count++].number + 1;
	for (int index = 0; index < count; index++)
		if (threads[index].number == first)
			met = index;
	/* The first thread has the process's id. */
	for (int place = 0; place < count; place++) {
		int index = place == 0 ? met : place <= met ? place - 1 : place;
		add_thread(&threads[index], index == 0 ? process : (int)threads[index].number);
		if (place == 0)
			add_process();
	}
	return count;
}

/* NT_FILE: regions with the files in them, from `maps`. */
static void add_files(void)
{
	static char text[1 << 20], names[1 << 18];
	static uint64_t words[3 * MOST_REGIONS + 2];
	size_t length = read_entry("maps", text, sizeof text - 1), names_length = 0, count = 0;
	text[length] = 0;
	for (char *line = strtok(text, "\n"); line && count < MOST_REGIONS; line = strtok(NULL, "\n")) {
		unsigned long start, end, offset;
		char *path = strchr(line, '/');
		if (!path || sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) != 3)
			continue;
		size_t size = strlen(path) + 1;
		if (names_length + size > sizeof names)
			break;
		memcpy(names + names_length, path, size);
		names_length += size;
		words[2 + 3 * count] = start;
		words[3 + 3 * count] = end;
		words[4 + 3 * count] = offset / PAGE;
		count++;
	}
	words[0] = count;
	words[1] = PAGE;
	size_t head = 8 * (2 + 3 * count);
	char *bytes = malloc(head + names_length);
	if (!bytes || !count)
		return;
	memcpy(bytes, words, head);
	memcpy(bytes + head, names, names_length);
	add_note(NT_FILE, bytes, head + names_length);
	free(bytes);
}

/* Opens a `core` that is this user's alone. */
static int open_core(void)
{
	int file = open("core", O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat status;
	if (file < 0)
		return -1;
	if (fstat(file, &status) || !S_ISREG(status.st_mode) || status.st_nlink != 1
	    || status.st_uid != geteuid() || ftruncate(file, 0))
		return -1;
	return file;
}

static int put(int file, const void *bytes, size_t length, off_t offset)
{
	const char *from = bytes;
	while (length > 0) {
		ssize_t count = pwrite(file, from, length, offset);
		if (count <= 0)
			return -1;
		from += count;
		offset += count;
		length -= count;
	}
	return 0;
}

static int put_heads(int file, off_t *content)
{
	Elf64_Ehdr head = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = sizeof head, .e_ehsize = sizeof head, .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = region_count + 1,
	};
	size_t size = (region_count + 1) * sizeof(Elf64_Phdr);
	Elf64_Phdr *table = calloc(region_count + 1, sizeof *table);
	if (!table)
		return -1;
	table[0] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = sizeof head + size, .p_filesz = notes_length, .p_align = 4,
	};
	off_t at = (sizeof head + size + notes_length + PAGE - 1) & -PAGE;
	*content = at;
	for (int index = 0; index < region_count; index++) {
		const struct region *region = &regions[index];
		unsigned flags = region->protection;
		table[index + 1] = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_offset = at, .p_vaddr = region->address,
			.p_filesz = is_kept(region) ? region->length : 0, .p_memsz = region->length,
			.p_flags = (flags & READABLE ? PF_R : 0) | (flags & WRITABLE ? PF_W : 0)
				| (flags & EXECUTABLE ? PF_X : 0),
			.p_align = PAGE,
		};
		at += table[index + 1].p_filesz;
	}
	int failed = put(file, &head, sizeof head, 0) || put(file, table, size, sizeof head)
		|| put(file, notes, notes_length, sizeof head + size);
	free(table);
	return failed ? -1 : 0;
}

/* Writes a region's pages; those that read as zeros are left out, as holes. -1: nothing more fits. */
static int put_region(int file, const struct region *region, off_t offset)
{
	static char page[PAGE], zeros[PAGE];
	/* Pages that the process has never touched are not made for this. */
	int flags = region->flags & ANONYMOUS ? PRESENT_ONLY : 0;
	for (uint64_t at = 0; at < region->length; at += PAGE) {
		long count = kernel(PROCESS_READ, PROCESS_SLOT, region->address + at, (uintptr_t)page, PAGE, flags);
		if (count == PAGE && memcmp(page, zeros, PAGE) != 0 && put(file, page, PAGE, offset + at))
			return -1;
	}
	return 0;
}

int main(int count, char **arguments)
{
	off_t offset;
	if (count != 4)
		return 2;
	process = atoi(arguments[1]);
	cause = atoi(arguments[2]);
	signal(SIGXFSZ, SIG_IGN);
	notes = calloc(1, MOST_NOTES);
	if (!notes)
		return 1;
	find_regions();
	read_stat();
	if (add_threads(strtoul(arguments[3], NULL, 10)) == 0)
		return 1;
	static char auxiliary[4096];
	add_note(NT_AUXV, auxiliary, read_entry("auxv", auxiliary, sizeof auxiliary));
	add_files();
	int file = open_core();
	if (file < 0 || put_heads(file, &offset))
		return 1;
	for (int index = 0; index < region_count; index++) {
		if (!is_kept(&regions[index]))
			continue;
		/* Beyond the limit it is cut. */
		if (put_region(file, &regions[index], offset))
			return 0;
		offset += regions[index].length;
	}
	/* Holes at the end belong to it. */
	(void)!ftruncate(file, offset);
	return 0;
}
