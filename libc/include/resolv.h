/* <resolv.h>: the resolver */
#ifndef _RESOLV_H
#define _RESOLV_H

#include <features.h>
#include <stdint.h>
#include <arpa/nameser.h>
#include <netinet/in.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAXNS 3
#define MAXDFLSRCH 3
#define MAXDNSRCH 6
#define MAXRESOLVSORT 10
#define LOCALDOMAINPARTS 2
#define RES_TIMEOUT 5
#define RES_MAXNDOTS 15
#define RES_MAXRETRANS 30
#define RES_MAXRETRY 5
#define RES_DFLRETRY 2
#define RES_MAXTIME 65535
#define _PATH_RESCONF "/etc/resolv.conf"
#define RES_INIT        1
#define RES_DEBUG       2
#define RES_AAONLY      4
#define RES_USEVC       8
#define RES_PRIMARY     0x10
#define RES_IGNTC       0x20
#define RES_RECURSE     0x40
#define RES_DEFNAMES    0x80
#define RES_STAYOPEN    0x100
#define RES_DNSRCH      0x200
#define RES_INSECURE1   0x400
#define RES_INSECURE2   0x800
#define RES_NOALIASES   0x1000
#define RES_USE_INET6   0x2000
#define RES_ROTATE      0x4000
#define RES_NOCHECKNAME 0x8000
#define RES_KEEPTSIG    0x10000
#define RES_BLAST       0x20000
#define RES_USEBSTRING  0x40000
#define RES_NOIP6DOTINT 0x80000
#define RES_DEFAULT     0x802c0
#define RES_USE_EDNS0   0x100000
#define RES_SNGLKUP     0x200000
#define RES_SNGLKUPREOP 0x400000
#define RES_USE_DNSSEC  0x800000
typedef struct __res_state {
	int retrans, retry;
	unsigned long options;
	int nscount;
	struct sockaddr_in nsaddr_list[MAXNS];
#define nsaddr nsaddr_list[0]
	unsigned short id;
	char *dnsrch[MAXDNSRCH + 1], defdname[256];
	unsigned long pfcode;
	unsigned ndots : 4, nsort : 4, ipv6_unavail : 1, unused : 23;
	struct { struct in_addr addr; uint32_t mask; } sort_list[MAXRESOLVSORT];
	void *qhook, *rhook;
	int res_h_errno, _vcsock;
	unsigned _flags;
	union {
		char pad[52];
		struct {
			uint16_t nscount, nsmap[MAXNS];
			int nssocks[MAXNS];
			uint16_t nscount6, nsinit;
			struct sockaddr_in6 *nsaddrs[MAXNS];
			unsigned _initstamp[2];
		} _ext;
	} _u;
} *res_state;
struct __res_state *__res_state(void);
#define _res (*__res_state())
int res_init(void);
int res_query(const char *, int, int, unsigned char *, int);
int res_querydomain(const char *, const char *, int, int, unsigned char *, int);
int res_search(const char *, int, int, unsigned char *, int);
int res_mkquery(int, const char *, int, int, const unsigned char *, int, const unsigned char *, unsigned char *, int);
int res_send(const unsigned char *, int, unsigned char *, int);
int dn_comp(const char *, unsigned char *, int, unsigned char **, unsigned char **);
int dn_expand(const unsigned char *, const unsigned char *, const unsigned char *, char *, int);
int dn_skipname(const unsigned char *, const unsigned char *);

#ifdef __cplusplus
}
#endif

#endif
