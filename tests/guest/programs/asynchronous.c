/* Asynchronous transfers (POSIX.1-2024, <aio.h>). */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <aio.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t told, told_value, told_code;
static sem_t called;

static void on_done(int signal, siginfo_t *information, void *context)
{
	(void)signal, (void)context;
	told_value = information->si_value.sival_int;
	told_code = information->si_code;
	told++;
}

static void on_thread(union sigval value)
{
	told_value = value.sival_int;
	sem_post(&called);
}

static int wait_for(struct aiocb *block)
{
	const struct aiocb *list[1] = {block};
	while (aio_error(block) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	return aio_error(block);
}

static void transfers(int file)
{
	char text[16] = "0123456789", back[16] = {0};
	struct aiocb block = {.aio_fildes = file, .aio_buf = text, .aio_nbytes = 10, .aio_offset = 5};
	CHECK("a write", !aio_write(&block) && wait_for(&block) == 0 && aio_return(&block) == 10);
	block.aio_buf = back;
	CHECK("a read at its offset", !aio_read(&block) && wait_for(&block) == 0 && aio_return(&block) == 10 && !memcmp(back, text, 10) && lseek(file, 0, SEEK_CUR) == 0);
	block.aio_offset = 1000;
	CHECK("a read behind the end", !aio_read(&block) && wait_for(&block) == 0 && aio_return(&block) == 0);
	struct aiocb sync = {.aio_fildes = file};
	CHECK("aio_fsync", !aio_fsync(O_SYNC, &sync) && wait_for(&sync) == 0 && aio_return(&sync) == 0 && aio_fsync(77, &sync) == -1 && errno == EINVAL);
	block.aio_fildes = 1000;
	CHECK("a bad descriptor", aio_read(&block) == -1 && errno == EBADF);
	block.aio_fildes = file;
	block.aio_offset = -1;
	CHECK("a bad offset", aio_write(&block) == -1 && errno == EINVAL);
	block.aio_offset = 0;
	block.aio_reqprio = -1;
	CHECK("a bad priority", aio_write(&block) == -1 && errno == EINVAL);
}

static void telling(int file)
{
	char text[4] = "abc";
	struct aiocb block = {.aio_fildes = file, .aio_buf = text, .aio_nbytes = 3};
	struct sigaction action = {.sa_sigaction = on_done, .sa_flags = SA_SIGINFO};
	sigset_t set, before;
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	block.aio_sigevent = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 9};
	aio_write(&block);
	while (!told)
		sigsuspend(&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	CHECK("a signal tells the end", told == 1 && told_value == 9 && told_code == SI_ASYNCIO && aio_error(&block) == 0);
	sem_init(&called, 0, 0);
	block.aio_sigevent = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread, .sigev_value.sival_int = 4};
	CHECK("a thread tells the end", !aio_write(&block) && !sem_wait(&called) && told_value == 4);
}

static void pipes(void)
{
	int ends[2];
	char text[8] = {0}, more[8] = {0};
	if (pipe(ends))
		return;
	struct aiocb first = {.aio_fildes = ends[0], .aio_buf = text, .aio_nbytes = 1};
	struct aiocb second = {.aio_fildes = ends[0], .aio_buf = more, .aio_nbytes = 1};
	const struct aiocb *list[2] = {&first, &second};
	struct timespec limit = {0, 1000000};
	aio_read(&first);
	aio_read(&second);
	CHECK("aio_suspend gives up", aio_suspend(list, 2, &limit) == -1 && errno == EAGAIN);
	CHECK("what waits is called off", aio_cancel(ends[0], &second) == AIO_CANCELED && aio_error(&second) == ECANCELED && aio_return(&second) == -1);
	aio_read(&second);
	write(ends[1], "xy", 2);
	wait_for(&first);
	wait_for(&second);
	CHECK("reads of a pipe keep their order", text[0] == 'x' && more[0] == 'y' && aio_cancel(ends[0], NULL) == AIO_ALLDONE);
	close(ends[0]);
	close(ends[1]);
}

static void lists(int file)
{
	char text[3][4] = {"aa", "bb", "cc"}, back[4] = {0};
	struct aiocb blocks[4] = {0}, *list[5];
	for (int i = 0; i < 3; i++)
		blocks[i] = (struct aiocb){.aio_fildes = file, .aio_buf = text[i], .aio_nbytes = 2, .aio_offset = 2 * i, .aio_lio_opcode = LIO_WRITE, .aio_sigevent.sigev_notify = SIGEV_NONE};
	blocks[3].aio_lio_opcode = LIO_NOP;
	for (int i = 0; i < 4; i++)
		list[i] = &blocks[i];
	list[4] = NULL;
	CHECK("a list, waited for", !lio_listio(LIO_WAIT, list, 5, NULL) && pread(file, back, 4, 1) == 4 && !memcmp(back, "abbc", 4));
	told = 0;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 3};
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	lio_listio(LIO_NOWAIT, list, 5, &event);
	while (!told)
		sigsuspend(&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	int done = 1;
	for (int i = 0; i < 3; i++)
		done &= aio_error(&blocks[i]) == 0;
	CHECK("a list, told of when all is done", done && told == 1 && told_value == 3);
	blocks[1].aio_fildes = 1000;
	CHECK("one of a list fails", lio_listio(LIO_WAIT, list, 5, NULL) == -1 && errno == EIO && aio_error(&blocks[1]) == EBADF && aio_error(&blocks[2]) == 0);
	CHECK("a mode that is none", lio_listio(7, list, 1, NULL) == -1 && errno == EINVAL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	char name[] = "/tmp/asynchronous-XXXXXX";
	int file = mkstemp(name);
	transfers(file);
	telling(file);
	pipes();
	lists(file);
	unlink(name);
	return report();
}
