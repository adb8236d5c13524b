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

enum { ROUNDS = 600, KILLS = 6 };

struct message { long type; int number; };

static int send_all(int id, mqd_t queue, int set)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct message message = {1, i};
		if (msgsnd(id, &message, sizeof message.number, 0) || mq_send(queue, (char *)&i, sizeof i, 0))
			return 1;
		if (semop(set, &(struct sembuf){0, 1, SEM_UNDO}, 1))
			return 2;
	}
	return 0;
}

int main(void)
{
	struct mq_attr attributes = {.mq_maxmsg = 8, .mq_msgsize = sizeof(int)};
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600), set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	int segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	char *memory = shmat(segment, NULL, 0);
	mqd_t queue = mq_open("/survives", O_RDWR | O_CREAT, 0600, &attributes);
	strcpy(memory, "kept");
	pid_t killer = fork();
	if (killer == 0) {
		/* The supervisor gives a server up that dies more often in a short time. */
		for (int i = 0; i < KILLS; i++)
			if (system("/sbin/svc restart ipc >/dev/null 2>&1; sleep 0.05"))
				_exit(1);
		_exit(0);
	}
	pid_t sender = fork();
	if (sender == 0)
		_exit(send_all(id, queue, set));
	int in_order = 1, read_back = -1, status = -1;
	for (int i = 0; i < ROUNDS; i++) {
		struct message message = {0};
		in_order &= msgrcv(id, &message, sizeof message.number, 0, 0) == sizeof message.number && message.number == i;
		in_order &= mq_receive(queue, (char *)&read_back, sizeof read_back, NULL) == sizeof read_back && read_back == i;
		in_order &= !semop(set, &(struct sembuf){0, -1, 0}, 1);
	}
	CHECK("each message came once, in order", in_order);
	waitpid(sender, &status, 0);
	CHECK("the sender was not disturbed", status == 0);
	waitpid(killer, &status, 0);
	CHECK("the server was killed meanwhile", status == 0);
	struct msqid_ds left;
	CHECK("nothing is left", !msgctl(id, IPC_STAT, &left) && left.msg_qnum == 0 && semctl(set, 0, GETVAL) == 0);
	CHECK("a segment is attached still, and again", !strcmp(memory, "kept") && !strcmp(shmat(segment, NULL, 0), "kept"));
	shmctl(segment, IPC_RMID, NULL);
	msgctl(id, IPC_RMID, NULL);
	semctl(set, 0, IPC_RMID);
	mq_unlink("/survives");
	return report();
}
