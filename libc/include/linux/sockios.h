/* <linux/sockios.h>: socket requests */
#ifndef _LINUX_SOCKIOS_H
#define _LINUX_SOCKIOS_H

#include <features.h>
#include <bits/ioctl_numbers.h>

#define SIOCBONDCHANGEACTIVE   0x8995
#define SIOCBONDENSLAVE        0x8990
#define SIOCBONDINFOQUERY      0x8994
#define SIOCBONDRELEASE        0x8991
#define SIOCBONDSETHWADDR      0x8992
#define SIOCBONDSLAVEINFOQUERY 0x8993
#define SIOCBRADDBR            0x89a0
#define SIOCBRADDIF            0x89a2
#define SIOCBRDELBR            0x89a1
#define SIOCBRDELIF            0x89a3
#define SIOCETHTOOL            0x8946
#define SIOCGHWTSTAMP          0x89b1
#define SIOCGMIIPHY            0x8947
#define SIOCGMIIREG            0x8948
#define SIOCSHWTSTAMP          0x89b0
#define SIOCSMIIREG            0x8949
#define SIOCWANDEV             0x894a

#endif
