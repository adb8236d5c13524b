/* <fts.h>: file hierarchies (BSD) */
#ifndef _FTS_H
#define _FTS_H

#include <features.h>
#include <sys/types.h>
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _ftsent {
	struct _ftsent *fts_cycle, *fts_parent, *fts_link;
	long fts_number;
	void *fts_pointer;
	char *fts_accpath, *fts_path;
	int fts_errno, fts_symfd;
	unsigned int fts_pathlen, fts_namelen;
	ino_t fts_ino;
	dev_t fts_dev;
	nlink_t fts_nlink;
	int fts_level;
	unsigned short fts_info, fts_flags, fts_instr;
	struct stat *fts_statp;
	char fts_name[1];
} FTSENT;
typedef struct {
	FTSENT *fts_cur, *fts_child, **fts_array;
	dev_t fts_dev;
	char *fts_path;
	int fts_rfd, fts_pathlen, fts_nitems;
	int (*fts_compar)(const FTSENT **, const FTSENT **);
	int fts_options;
} FTS;
#define FTS_COMFOLLOW 0x01
#define FTS_LOGICAL 0x02
#define FTS_NOCHDIR 0x04
#define FTS_NOSTAT 0x08
#define FTS_PHYSICAL 0x10
#define FTS_SEEDOT 0x20
#define FTS_XDEV 0x40
#define FTS_OPTIONMASK 0xff
#define FTS_NAMEONLY 0x100
#define FTS_STOP 0x200
#define FTS_ROOTPARENTLEVEL (-1)
#define FTS_ROOTLEVEL 0
#define FTS_D 1
#define FTS_DC 2
#define FTS_DEFAULT 3
#define FTS_DNR 4
#define FTS_DOT 5
#define FTS_DP 6
#define FTS_ERR 7
#define FTS_F 8
#define FTS_INIT 9
#define FTS_NS 10
#define FTS_NSOK 11
#define FTS_SL 12
#define FTS_SLNONE 13
#define FTS_DONTCHDIR 1
#define FTS_SYMFOLLOW 2
#define FTS_AGAIN 1
#define FTS_FOLLOW 2
#define FTS_NOINSTR 3
#define FTS_SKIP 4
FTSENT *fts_children(FTS *, int);
int fts_close(FTS *);
FTS *fts_open(char *const *, int, int (*)(const FTSENT **, const FTSENT **));
FTSENT *fts_read(FTS *);
int fts_set(FTS *, FTSENT *, int);

#ifdef __cplusplus
}
#endif

#endif
