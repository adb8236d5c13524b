/* <netinet/udp.h>: UDP options and header */
#ifndef _NETINET_UDP_H
#define _NETINET_UDP_H

#include <features.h>
#include <stdint.h>

struct udphdr {
#if __GNU_VISIBLE
	__extension__ union {
		struct { uint16_t uh_sport, uh_dport, uh_ulen, uh_sum; };
		struct { uint16_t source, dest, len, check; };
	};
#else
	uint16_t uh_sport, uh_dport, uh_ulen, uh_sum;
#endif
};
#define SOL_UDP                    17
#define UDP_CORK                   1
#define UDP_ENCAP_ESPINUDP_NON_IKE 1
#define UDP_ENCAP_ESPINUDP         2
#define UDP_ENCAP_L2TPINUDP        3
#define UDP_ENCAP_GTP0             4
#define UDP_ENCAP_GTP1U            5
#define UDP_ENCAP_RXRPC            6
#define UDP_ENCAP                  100
#define UDP_NO_CHECK6_TX           101
#define UDP_NO_CHECK6_RX           102
#define UDP_SEGMENT                103
#define UDP_GRO                    104

#endif
