/* <sys/time.h>: times and interval timers (POSIX) */
#ifndef _SYS_TIME_H
#define _SYS_TIME_H

#include <features.h>
#include <sys/select.h>
#include <bits/timeval.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ITIMER_REAL 0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF 2
struct itimerval { struct timeval it_interval, it_value; };
int gettimeofday(struct timeval *__restrict, void *__restrict);
int getitimer(int, struct itimerval *);
int setitimer(int, const struct itimerval *__restrict, struct itimerval *__restrict);
int utimes(const char *, const struct timeval[2]);
#if __BSD_VISIBLE
struct timezone { int tz_minuteswest, tz_dsttime; };
int futimes(int, const struct timeval[2]);
int futimesat(int, const char *, const struct timeval[2]);
int lutimes(const char *, const struct timeval[2]);
int settimeofday(const struct timeval *, const struct timezone *);
int adjtime(const struct timeval *, struct timeval *);
#define timerisset(time) ((time)->tv_sec || (time)->tv_usec)
#define timerclear(time) ((time)->tv_sec = (time)->tv_usec = 0)
#define timercmp(left, right, operation) \
	((left)->tv_sec == (right)->tv_sec ? (left)->tv_usec operation (right)->tv_usec : (left)->tv_sec operation (right)->tv_sec)
#define timeradd(left, right, sum) do { \
	(sum)->tv_sec = (left)->tv_sec + (right)->tv_sec; \
	(sum)->tv_usec = (left)->tv_usec + (right)->tv_usec; \
	if ((sum)->tv_usec >= 1000000) { (sum)->tv_sec++; (sum)->tv_usec -= 1000000; } \
} while (0)
#define timersub(left, right, difference) do { \
	(difference)->tv_sec = (left)->tv_sec - (right)->tv_sec; \
	(difference)->tv_usec = (left)->tv_usec - (right)->tv_usec; \
	if ((difference)->tv_usec < 0) { (difference)->tv_sec--; (difference)->tv_usec += 1000000; } \
} while (0)
#endif
#if __GNU_VISIBLE
#define TIMEVAL_TO_TIMESPEC(from, to) ((to)->tv_sec = (from)->tv_sec, (to)->tv_nsec = (from)->tv_usec * 1000, (void)0)
#define TIMESPEC_TO_TIMEVAL(to, from) ((to)->tv_sec = (from)->tv_sec, (to)->tv_usec = (from)->tv_nsec / 1000, (void)0)
#endif

#ifdef __cplusplus
}
#endif

#endif
