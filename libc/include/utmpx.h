/* <utmpx.h>: login records (POSIX) */
#ifndef _UTMPX_H
#define _UTMPX_H

#include <features.h>
#include <bits/timeval.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int pid_t;
struct utmpx {
	short ut_type, __gap1;
	pid_t ut_pid;
	char ut_line[32], ut_id[4], ut_user[32], ut_host[256];
	struct { short __e_termination, __e_exit; } ut_exit;
	int ut_session, __gap2;
	struct timeval ut_tv;
	unsigned ut_addr_v6[4];
	char __reserved[20];
};
void endutxent(void);
struct utmpx *getutxent(void);
struct utmpx *getutxid(const struct utmpx *);
struct utmpx *getutxline(const struct utmpx *);
struct utmpx *pututxline(const struct utmpx *);
void setutxent(void);
#if __BSD_VISIBLE
#define e_exit __e_exit
#define e_termination __e_termination
#define __UT_LINESIZE 32
#define __UT_NAMESIZE 32
#define __UT_HOSTSIZE 256
void updwtmpx(const char *, const struct utmpx *);
int utmpxname(const char *);
#endif
#define BOOT_TIME     2
#define DEAD_PROCESS  8
#define EMPTY         0
#define INIT_PROCESS  5
#define LOGIN_PROCESS 6
#define NEW_TIME      3
#define OLD_TIME      4
#define RUN_LVL       1
#define USER_PROCESS  7

#ifdef __cplusplus
}
#endif

#endif
