/* <sys/sysinfo.h>: the system's figures (Linux) */
#ifndef _SYS_SYSINFO_H
#define _SYS_SYSINFO_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SI_LOAD_SHIFT 16
struct sysinfo {
	unsigned long uptime, loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	unsigned short procs, __gap;
	unsigned long totalhigh, freehigh;
	unsigned mem_unit;
	char __reserved[256];
};
int sysinfo(struct sysinfo *);
int get_nprocs_conf(void);
int get_nprocs(void);
long get_phys_pages(void);
long get_avphys_pages(void);

#ifdef __cplusplus
}
#endif

#endif
