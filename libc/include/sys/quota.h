/* <sys/quota.h>: disk quotas (Linux) */
#ifndef _SYS_QUOTA_H
#define _SYS_QUOTA_H

#include <features.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GRPQUOTA    1
#define IIF_BGRACE  1
#define IIF_IGRACE  2
#define IIF_FLAGS   4
#define IIF_ALL     7
#define MAX_DQ_TIME 0x93a80
#define MAX_IQ_TIME 0x93a80
#define MAXQUOTAS   2
#define Q_SYNC      0x800001
#define Q_QUOTAON   0x800002
#define Q_QUOTAOFF  0x800003
#define Q_GETFMT    0x800004
#define Q_GETINFO   0x800005
#define Q_SETINFO   0x800006
#define Q_GETQUOTA  0x800007
#define Q_SETQUOTA  0x800008
#define QIF_BLIMITS 1
#define QIF_SPACE   2
#define QIF_ILIMITS 4
#define QIF_LIMITS  5
#define QIF_INODES  8
#define QIF_USAGE   10
#define QIF_BTIME   0x10
#define QIF_ITIME   0x20
#define QIF_TIMES   48
#define QIF_ALL     63
#define SUBCMDMASK  255
#define SUBCMDSHIFT 8
#define USRQUOTA    0
#define QCMD(command, type) (((command) << 8) | ((type) & 0xff))
struct dqblk {
	uint64_t dqb_bhardlimit, dqb_bsoftlimit, dqb_curspace, dqb_ihardlimit, dqb_isoftlimit, dqb_curinodes, dqb_btime, dqb_itime;
	uint32_t dqb_valid;
};
struct dqinfo { uint64_t dqi_bgrace, dqi_igrace; uint32_t dqi_flags, dqi_valid; };
int quotactl(int, const char *, int, char *);

#ifdef __cplusplus
}
#endif

#endif
