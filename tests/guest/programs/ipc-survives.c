/* Messages and semaphore operations are each done once, however often their server is killed. */
#include "../../../libc/tests/check.h"
#include <mqueue.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 600, KILLS = 6, LAST = -1, MOST_UNDONE = 20000 };

struct message { long type; int number; };

/* A segment that all share. */
struct shared { char text[8]; volatile int killed; };

static int send_one(int id, mqd_t queue, int set, int number, int flags)
{
	struct message message = {1, number};
	return msgsnd(id, &message, sizeof message.number, 0)
		|| mq_send(queue, (char *)&number, sizeof number, 0)
		|| semop(set, &(struct sembuf){0, 1, flags}, 1);
}

/* Sends from 0 on until the server has been killed often enough, and stays until `done` is closed:
 * the end of a process takes back what its operations with SEM_UNDO have added. */
static int send_all(struct shared *shared, int id, mqd_t queue, int set, int done)
{
	for (int i = 0; i < ROUNDS || !shared->killed; i++)
		if (send_one(id, queue, set, i, i < MOST_UNDONE ? SEM_UNDO : 0))
			return 1;
	return send_one(id, queue, set, LAST, SEM_UNDO) || read(done, &(char){0}, 1);
}

static int kill_all(struct shared *shared, int kills)
{
	for (int i = 0; i < kills; i++)
		/* The supervisor refuses while it lets a server rest that has died often. */
		while (system("/sbin/svc kill ipc >/dev/null 2>&1"))
			usleep(50000);
	shared->killed = 1;
	return 0;
}

/* Whether the next number is the one that is expected, or `LAST` in its place; tells which. */
static int receive_one(int id, mqd_t queue, int set, int expected, int *number)
{
	struct message message = {0};
	int other = 0;
	if (msgrcv(id, &message, sizeof message.number, 0, 0) != sizeof message.number
	    || mq_receive(queue, (char *)&other, sizeof other, NULL) != sizeof other
	    || semop(set, &(struct sembuf){0, -1, 0}, 1))
		return 0;
	*number = message.number;
	return message.number == other && (other == expected || other == LAST);
}

/* Usage: ipc-survives [KILLS] */
int main(int count, char **argument)
{
	struct mq_attr attributes = {.mq_maxmsg = 8, .mq_msgsize = sizeof(int)};
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600), set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	int segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	struct shared *shared = shmat(segment, NULL, 0);
	mqd_t queue = mq_open("/survives", O_RDWR | O_CREAT, 0600, &attributes);
	strcpy(shared->text, "kept");
	int done[2];
	if (pipe(done))
		return 2;
	pid_t killer = fork();
	if (killer == 0)
		_exit(kill_all(shared, count > 1 ? atoi(argument[1]) : KILLS));
	pid_t sender = fork();
	if (sender == 0) {
		close(done[1]);
		_exit(send_all(shared, id, queue, set, done[0]));
	}
	int in_order = 1, status = -1;
	for (int i = 0, number = 0; in_order && number != LAST; i++)
		in_order = receive_one(id, queue, set, i, &number);
	CHECK("each message came once, in order", in_order);
	if (!in_order)
		kill(sender, SIGKILL);
	close(done[1]);
	waitpid(sender, &status, 0);
	CHECK("the sender was not disturbed", status == 0);
	waitpid(killer, &status, 0);
	CHECK("the server was killed meanwhile", status == 0);
	struct msqid_ds left;
	CHECK("nothing is left", !msgctl(id, IPC_STAT, &left) && left.msg_qnum == 0 && semctl(set, 0, GETVAL) == 0);
	CHECK("a segment is attached still, and again", !strcmp(shared->text, "kept") && !strcmp(shmat(segment, NULL, 0), "kept"));
	shmctl(segment, IPC_RMID, NULL);
	msgctl(id, IPC_RMID, NULL);
	semctl(set, 0, IPC_RMID);
	mq_unlink("/survives");
	return report();
}
