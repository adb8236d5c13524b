/* <sys/acct.h>: process accounting */
#ifndef _SYS_ACCT_H
#define _SYS_ACCT_H

#include <features.h>
#include <endian.h>
#include <time.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCT_BYTEORDER 0
#define ACORE          8
#define AFORK          1
#define AHZ            100
#define ASU            2
#define AXSIG          0x10
#define ACCT_COMM 16
typedef uint16_t comp_t;
struct acct {
	char ac_flag;
	uint16_t ac_uid, ac_gid, ac_tty;
	uint32_t ac_btime;
	comp_t ac_utime, ac_stime, ac_etime, ac_mem, ac_io, ac_rw, ac_minflt, ac_majflt, ac_swaps;
	uint32_t ac_exitcode;
	char ac_comm[ACCT_COMM + 1], ac_pad[10];
};
int acct(const char *);

#ifdef __cplusplus
}
#endif

#endif
