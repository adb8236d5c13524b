/* <sys/mtio.h>: magnetic tapes */
#ifndef _SYS_MTIO_H
#define _SYS_MTIO_H

#include <features.h>
#include <sys/ioctl.h>

struct mtop { short mt_op; int mt_count; };
struct mtget { long mt_type, mt_resid, mt_dsreg, mt_gstat, mt_erreg; int mt_fileno, mt_blkno; };
struct mtpos { long mt_blkno; };
#define MTIOCTOP _IOW('m', 1, struct mtop)
#define MTIOCGET _IOR('m', 2, struct mtget)
#define MTIOCPOS _IOR('m', 3, struct mtpos)
#define MTBSF          2
#define MTBSFM         10
#define MTBSR          4
#define MTBSS          26
#define MTCOMPRESSION  0x20
#define MTEOM          12
#define MTERASE        13
#define MTFSF          1
#define MTFSFM         11
#define MTFSR          3
#define MTFSS          25
#define MTLOAD         30
#define MTLOCK         28
#define MTMKPART       34
#define MTNOP          8
#define MTOFFL         7
#define MTRAS1         14
#define MTRAS2         15
#define MTRAS3         0x10
#define MTRESET        0
#define MTRETEN        9
#define MTREW          6
#define MTSEEK         22
#define MTSETBLK       20
#define MTSETDENSITY   21
#define MTSETDRVBUFFER 24
#define MTSETPART      33
#define MTTELL         23
#define MTUNLOAD       31
#define MTUNLOCK       29
#define MTWEOF         5
#define MTWEOFI        35
#define MTWSM          27

#endif
