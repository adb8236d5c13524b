/* <wait.h>: another name of <sys/wait.h> */
#ifndef _WAIT_H
#define _WAIT_H

#include <features.h>
#include <sys/wait.h>

#endif
