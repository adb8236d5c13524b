/* System V objects, POSIX message queues, named semaphores and shared memory (POSIX.1-2024). */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int wait_for(pid_t child)
{
	int status = -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void nothing(int signal) { (void)signal; }

static void segments(void)
{
	struct shmid_ds status;
	int id = shmget(IPC_PRIVATE, 5000, IPC_CREAT | 0600);
	char *here = shmat(id, NULL, 0);
	CHECK("a segment is zero at first", id >= 0 && here != (void *)-1 && here[0] == 0 && here[4999] == 0);
	strcpy(here, "parent");
	pid_t child = fork();
	if (child == 0) {
		int same = !strcmp(here, "parent") && !shmctl(id, IPC_STAT, &status) && status.shm_nattch == 2;
		char *twice = shmat(id, NULL, SHM_RDONLY);
		same = same && !strcmp(twice, "parent");
		strcpy(here, "child");
		_exit(!same);
	}
	CHECK("a child inherits and writes it", wait_for(child) == 0 && !strcmp(here, "child"));
	CHECK("IPC_STAT tells it all", !shmctl(id, IPC_STAT, &status) && status.shm_segsz == 5000 && status.shm_nattch == 1 && status.shm_cpid == getpid() && (status.shm_perm.mode & 0777) == 0600 && status.shm_atime > 0);
	CHECK("removed, it stays for its users", !shmctl(id, IPC_RMID, NULL) && !strcmp(here, "child") && !shmctl(id, IPC_STAT, &status) && status.shm_perm.mode & SHM_DEST);
	CHECK("and goes with the last", !shmdt(here) && shmctl(id, IPC_STAT, &status) == -1 && errno == EINVAL);
	CHECK("what is not attached cannot be detached", shmdt(here) == -1 && errno == EINVAL);
	key_t key = ftok("/", 7);
	id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0640);
	CHECK("a key names one segment", id >= 0 && shmget(key, 4096, 0) == id && shmget(key, 100, IPC_CREAT) == id);
	CHECK("errors of shmget", shmget(key, 4096, IPC_CREAT | IPC_EXCL) == -1 && errno == EEXIST && shmget(key, 5000, 0) == -1 && errno == EINVAL && shmget(key + 1, 1, 0) == -1 && errno == ENOENT && shmget(IPC_PRIVATE, 0, IPC_CREAT) == -1 && errno == EINVAL);
	child = fork();
	if (child == 0) {
		setgid(1234);
		setuid(1234);
		int refused = shmat(id, NULL, 0) == (void *)-1 && errno == EACCES;
		refused &= shmctl(id, IPC_RMID, NULL) == -1 && errno == EPERM;
		_exit(!refused);
	}
	CHECK("others have no access", wait_for(child) == 0);
	void *fixed = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(fixed, 8192);
	CHECK("attached where asked, rounded", shmat(id, (char *)fixed + 5, SHM_RND) == fixed && shmat(id, fixed, 0) == (void *)-1 && errno == EINVAL && shmat(id, (char *)fixed + 5, 0) == (void *)-1 && !shmdt(fixed));
	shmctl(id, IPC_RMID, NULL);
}

union semun { int val; struct semid_ds *buf; unsigned short *array; };

static void semaphores(void)
{
	unsigned short values[3] = {1, 2, 3}, read_back[3];
	struct semid_ds status;
	union semun argument = {.array = values};
	int id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
	CHECK("a set has values", id >= 0 && !semctl(id, 0, SETALL, argument) && semctl(id, 1, GETVAL) == 2);
	struct sembuf take[2] = {{0, -1, 0}, {1, -3, IPC_NOWAIT}};
	CHECK("operations are all done, or none", semop(id, take, 2) == -1 && errno == EAGAIN && semctl(id, 0, GETVAL) == 1);
	take[1].sem_op = -2;
	argument.array = read_back;
	CHECK("together when they can be", !semop(id, take, 2) && !semctl(id, 0, GETALL, argument) && read_back[0] == 0 && read_back[1] == 0 && read_back[2] == 3 && semctl(id, 0, GETPID) == getpid());
	pid_t child = fork();
	if (child == 0) {
		struct sembuf wait[2] = {{0, -2, 0}, {2, 0, 0}};
		_exit(semop(id, wait, 2) != 0);
	}
	while (semctl(id, 0, GETNCNT) != 1)
		usleep(1000);
	struct sembuf give = {0, 2, 0}, drop = {2, -3, 0};
	semop(id, &give, 1);
	CHECK("one condition is not enough", semctl(id, 2, GETZCNT) == 1 && waitpid(child, NULL, WNOHANG) == 0);
	semop(id, &drop, 1);
	CHECK("both let it go on", wait_for(child) == 0 && semctl(id, 0, GETVAL) == 0);
	child = fork();
	if (child == 0) {
		struct sembuf undone[3] = {{0, 5, SEM_UNDO}, {1, 1, 0}, {0, -1, SEM_UNDO}};
		int good = semop(id, undone, 3) == 0;
		if (fork() == 0)
			_exit(0); /* A child has nothing to undo. */
		wait(NULL);
		good &= semctl(id, 0, GETVAL) == 4;
		raise(good ? SIGKILL : SIGTERM);
	}
	CHECK("SEM_UNDO at the end of a killed process", wait_for(child) == 128 + SIGKILL);
	while (semctl(id, 0, GETVAL) != 0)
		usleep(1000);
	CHECK("and only what was marked", semctl(id, 1, GETVAL) == 1);
	struct timespec limit = {0, 1000000};
	CHECK("semtimedop gives up", semtimedop(id, &(struct sembuf){0, -1, 0}, 1, &limit) == -1 && errno == EAGAIN);
	struct sigaction action = {.sa_handler = nothing};
	sigaction(SIGUSR1, &action, NULL);
	child = fork();
	if (child == 0) {
		int interrupted = semop(id, &(struct sembuf){0, -1, 0}, 1) == -1 && errno == EINTR;
		int removed = semop(id, &(struct sembuf){0, -1, 0}, 1) == -1 && errno == EIDRM;
		_exit(!interrupted || !removed);
	}
	while (semctl(id, 0, GETNCNT) != 1)
		usleep(1000);
	kill(child, SIGUSR1);
	while (semctl(id, 0, GETNCNT) != 1)
		usleep(1000);
	usleep(20000);
	argument.buf = &status;
	CHECK("IPC_STAT of a set", !semctl(id, 0, IPC_STAT, argument) && status.sem_nsems == 3 && status.sem_otime > 0);
	CHECK("limits", semop(id, &(struct sembuf){9, 1, 0}, 1) == -1 && errno == EFBIG && semop(id, &(struct sembuf){2, 32767, 0}, 1) == 0 && semop(id, &(struct sembuf){2, 1, 0}, 1) == -1 && errno == ERANGE && !semctl(id, 2, SETVAL, (union semun){.val = 0}));
	CHECK("a set is removed", !semctl(id, 0, IPC_RMID));
	CHECK("interrupted, and told of the removal", wait_for(child) == 0);
}

static void messages(void)
{
	struct { long type; char text[64]; } message = {3, "three"};
	struct msqid_ds status;
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	msgsnd(id, &message, 6, 0);
	message.type = 1;
	strcpy(message.text, "one");
	msgsnd(id, &message, 4, 0);
	message.type = 2;
	strcpy(message.text, "two");
	CHECK("messages are sent", !msgsnd(id, &message, 4, 0) && !msgctl(id, IPC_STAT, &status) && status.msg_qnum == 3 && status.msg_cbytes == 14 && status.msg_lspid == getpid());
	CHECK("the lowest type up to one", msgrcv(id, &message, 64, -2, 0) == 4 && message.type == 1 && !strcmp(message.text, "one"));
	CHECK("a type", msgrcv(id, &message, 64, 2, 0) == 4 && !strcmp(message.text, "two"));
	CHECK("none of a type", msgrcv(id, &message, 64, 5, IPC_NOWAIT) == -1 && errno == ENOMSG);
	CHECK("too long, and cut", msgrcv(id, &message, 2, 0, 0) == -1 && errno == E2BIG && msgrcv(id, &message, 2, 0, MSG_NOERROR) == 2 && message.type == 3);
	message.type = 0;
	CHECK("a type is positive", msgsnd(id, &message, 1, 0) == -1 && errno == EINVAL);
	pid_t child = fork();
	if (child == 0) {
		struct { long type; char text[64]; } own;
		_exit(!(msgrcv(id, &own, 64, 7, 0) == 3 && !memcmp(own.text, "abc", 3)));
	}
	usleep(20000);
	message.type = 7;
	memcpy(message.text, "abc", 3);
	msgsnd(id, &message, 3, 0);
	CHECK("a waiting receiver gets its type", wait_for(child) == 0);
	status.msg_qbytes = 8;
	msgctl(id, IPC_SET, &status);
	msgsnd(id, &message, 8, 0);
	CHECK("a full queue", msgsnd(id, &message, 1, IPC_NOWAIT) == -1 && errno == EAGAIN);
	child = fork();
	if (child == 0)
		_exit(msgsnd(id, &message, 8, 0) != 0);
	usleep(20000);
	CHECK("a sender waits for room", msgrcv(id, &message, 64, 0, 0) == 8 && wait_for(child) == 0 && msgrcv(id, &message, 64, 0, 0) == 8);
	CHECK("a queue is removed", !msgctl(id, IPC_RMID, NULL) && msgsnd(id, &message, 1, 0) == -1 && errno == EINVAL);
}

static volatile sig_atomic_t told, told_value, told_code;
static sem_t called;
static void on_message(int signal, siginfo_t *information, void *context)
{
	(void)signal, (void)context;
	told++;
	told_value = information->si_value.sival_int;
	told_code = information->si_code;
}
static void on_thread(union sigval value)
{
	told_value = value.sival_int;
	sem_post(&called);
}

static void queues(void)
{
	struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 16}, now;
	char text[16];
	unsigned priority;
	mq_unlink("/check");
	mqd_t queue = mq_open("/check", O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
	CHECK("a queue is made", queue >= 0 && !mq_getattr(queue, &now) && now.mq_maxmsg == 2 && now.mq_msgsize == 16 && now.mq_curmsgs == 0 && now.mq_flags == 0);
	CHECK("errors of mq_open", mq_open("/check", O_RDWR | O_CREAT | O_EXCL, 0600, NULL) == -1 && errno == EEXIST && mq_open("/none", O_RDWR) == -1 && errno == ENOENT && mq_open("none", O_RDWR | O_CREAT, 0600, NULL) == -1 && errno == EINVAL);
	mq_send(queue, "low", 4, 1);
	mq_send(queue, "high", 5, 9);
	struct pollfd item = {.fd = queue, .events = POLLIN | POLLOUT};
	CHECK("a full queue can be polled", poll(&item, 1, 0) == 1 && item.revents == POLLIN);
	struct timespec past = {1, 0}, wrong = {1, 1000000000};
	CHECK("a timed send gives up", mq_timedsend(queue, "x", 1, 0, &past) == -1 && errno == ETIMEDOUT && mq_timedsend(queue, "x", 1, 0, &wrong) == -1 && errno == EINVAL);
	CHECK("the most urgent first", mq_receive(queue, text, 16, &priority) == 5 && priority == 9 && !strcmp(text, "high") && mq_receive(queue, text, 16, &priority) == 4 && priority == 1);
	CHECK("sizes", mq_send(queue, text, 17, 0) == -1 && errno == EMSGSIZE && mq_receive(queue, text, 15, NULL) == -1 && errno == EMSGSIZE);
	attributes.mq_flags = O_NONBLOCK;
	CHECK("O_NONBLOCK", !mq_setattr(queue, &attributes, &now) && mq_receive(queue, text, 16, NULL) == -1 && errno == EAGAIN && !mq_getattr(queue, &now) && now.mq_flags == O_NONBLOCK);
	attributes.mq_flags = 0;
	mq_setattr(queue, &attributes, NULL);
	CHECK("a descriptor that is none", mq_send(1000, text, 1, 0) == -1 && errno == EBADF && mq_getattr(0, &now) == -1 && errno == EBADF);
	pid_t child = fork();
	if (child == 0) {
		mqd_t own = mq_open("/check", O_RDONLY);
		int good = mq_send(own, text, 1, 0) == -1 && errno == EBADF;
		_exit(!(good && mq_receive(own, text, 16, NULL) == 2));
	}
	usleep(20000);
	mq_send(queue, "y", 2, 0);
	CHECK("a waiting receiver is woken", wait_for(child) == 0);
	struct sigaction action = {.sa_sigaction = on_message, .sa_flags = SA_SIGINFO};
	sigaction(SIGUSR1, &action, NULL);
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
	CHECK("one process can be told", !mq_notify(queue, &event) && mq_notify(queue, &event) == -1 && errno == EBUSY);
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	mq_send(queue, "z", 2, 0);
	while (!told)
		sigsuspend(&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	CHECK("by a signal with its value", told == 1 && told_value == 77 && told_code == SI_MESGQ);
	mq_receive(queue, text, 16, NULL);
	mq_send(queue, "z", 2, 0);
	mq_receive(queue, text, 16, NULL);
	CHECK("only once", told == 1);
	sem_init(&called, 0, 0);
	event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread, .sigev_value.sival_int = 5};
	CHECK("by a thread", !mq_notify(queue, &event) && !mq_send(queue, "z", 2, 0) && !sem_wait(&called) && told_value == 5);
	CHECK("unlinked, it stays for its users", !mq_unlink("/check") && mq_open("/check", O_RDWR) == -1 && errno == ENOENT && mq_receive(queue, text, 16, NULL) == 2 && !mq_close(queue));
}

static void names(void)
{
	sem_unlink("/check");
	shm_unlink("/check");
	sem_t *semaphore = sem_open("/check", O_CREAT | O_EXCL, 0600, 2);
	CHECK("a named semaphore", semaphore != SEM_FAILED && sem_open("/check", 0) == semaphore && sem_open("/check", O_CREAT | O_EXCL, 0600, 0) == SEM_FAILED && errno == EEXIST && sem_open("/none", 0) == SEM_FAILED && errno == ENOENT);
	pid_t child = fork();
	if (child == 0) {
		sem_t *own = sem_open("/check", 0);
		_exit(!(!sem_wait(own) && !sem_wait(own) && !sem_wait(own)));
	}
	usleep(20000);
	sem_post(semaphore);
	int value = -1;
	CHECK("processes share it", wait_for(child) == 0 && !sem_getvalue(semaphore, &value) && value == 0);
	CHECK("it is closed and unlinked", !sem_close(semaphore) && !sem_close(semaphore) && !sem_unlink("/check") && sem_unlink("/check") == -1 && errno == ENOENT);
	int memory = shm_open("/check", O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK("shared memory has a name", memory >= 0 && !ftruncate(memory, 8192) && fcntl(memory, F_GETFD) == FD_CLOEXEC);
	char *here = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	child = fork();
	if (child == 0) {
		int own = shm_open("/check", O_RDWR, 0);
		char *there = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
		strcpy(there + 5000, "written");
		_exit(0);
	}
	CHECK("and processes share it", wait_for(child) == 0 && !strcmp(here + 5000, "written"));
	CHECK("it is unlinked", !shm_unlink("/check") && shm_open("/check", O_RDWR, 0) == -1 && errno == ENOENT && !strcmp(here + 5000, "written"));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	segments();
	semaphores();
	messages();
	queues();
	names();
	return report();
}
