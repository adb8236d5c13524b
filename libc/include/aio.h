/* <aio.h>: asynchronous input and output (POSIX) */
#ifndef _AIO_H
#define _AIO_H

#include <features.h>
#include <signal.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef long off_t;
typedef long ssize_t;
typedef unsigned long size_t;
struct aiocb {
	int aio_fildes, aio_lio_opcode, aio_reqprio;
	volatile void *aio_buf;
	size_t aio_nbytes;
	struct sigevent aio_sigevent;
	void *__worker;
	int __lock[2];
	volatile int __error;
	ssize_t __return;
	off_t aio_offset;
	void *__links[4];
};
#define AIO_CANCELED    0
#define AIO_NOTCANCELED 1
#define AIO_ALLDONE     2
#define LIO_READ        0
#define LIO_WAIT        0
#define LIO_NOWAIT      1
#define LIO_WRITE       1
#define LIO_NOP         2
int aio_read(struct aiocb *);
int aio_write(struct aiocb *);
int aio_error(const struct aiocb *);
ssize_t aio_return(struct aiocb *);
int aio_cancel(int, struct aiocb *);
int aio_suspend(const struct aiocb *const[], int, const struct timespec *);
int aio_fsync(int, struct aiocb *);
int lio_listio(int, struct aiocb *__restrict const *__restrict, int, struct sigevent *__restrict);

#ifdef __cplusplus
}
#endif

#endif
