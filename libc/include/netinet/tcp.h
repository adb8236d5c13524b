/* <netinet/tcp.h>: TCP options and header */
#ifndef _NETINET_TCP_H
#define _NETINET_TCP_H

#include <features.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/socket.h>

#define SOL_TCP                                  6
#define TCP_CA_Open                              0
#define TCP_REPAIR_OFF                           0
#define TCP_CA_Disorder                          1
#define TCP_ESTABLISHED                          1
#define TCP_MD5SIG_FLAG_PREFIX                   1
#define TCP_NODELAY                              1
#define TCP_RECEIVE_ZEROCOPY_FLAG_TLB_CLEAN_HINT 1
#define TCP_REPAIR_ON                            1
#define TCP_CA_CWR                               2
#define TCP_MAXSEG                               2
#define TCP_MD5SIG_FLAG_IFINDEX                  2
#define TCP_SYN_SENT                             2
#define TCP_CA_Recovery                          3
#define TCP_CORK                                 3
#define TCP_SYN_RECV                             3
#define TCP_CA_Loss                              4
#define TCP_FIN_WAIT1                            4
#define TCP_KEEPIDLE                             4
#define TCP_FIN_WAIT2                            5
#define TCP_KEEPINTVL                            5
#define TCP_KEEPCNT                              6
#define TCP_TIME_WAIT                            6
#define TCP_CLOSE                                7
#define TCP_SYNCNT                               7
#define TCP_CLOSE_WAIT                           8
#define TCP_LINGER2                              8
#define TCP_DEFER_ACCEPT                         9
#define TCP_LAST_ACK                             9
#define TCP_LISTEN                               10
#define TCP_WINDOW_CLAMP                         10
#define TCP_CLOSING                              11
#define TCP_INFO                                 11
#define TCP_QUICKACK                             12
#define TCP_CONGESTION                           13
#define TCP_MD5SIG                               14
#define TCP_THIN_LINEAR_TIMEOUTS                 0x10
#define TCP_THIN_DUPACK                          17
#define TCP_USER_TIMEOUT                         18
#define TCP_REPAIR                               19
#define TCP_REPAIR_QUEUE                         20
#define TCP_QUEUE_SEQ                            21
#define TCP_REPAIR_OPTIONS                       22
#define TCP_FASTOPEN                             23
#define TCP_TIMESTAMP                            24
#define TCP_NOTSENT_LOWAT                        25
#define TCP_CC_INFO                              26
#define TCP_SAVE_SYN                             27
#define TCP_SAVED_SYN                            28
#define TCP_REPAIR_WINDOW                        29
#define TCP_FASTOPEN_CONNECT                     30
#define TCP_ULP                                  31
#define TCP_MD5SIG_EXT                           0x20
#define TCP_FASTOPEN_KEY                         33
#define TCP_FASTOPEN_NO_COOKIE                   34
#define TCP_ZEROCOPY_RECEIVE                     35
#define TCP_CM_INQ                               36
#define TCP_INQ                                  36
#define TCP_TX_DELAY                             37
#define TCP_MD5SIG_MAXKEYLEN                     80
#define TCP_REPAIR_OFF_NO_WP                     (-1)
#define TCPI_OPT_TIMESTAMPS                      1
#define TCPI_OPT_SACK                            2
#define TCPI_OPT_WSCALE                          4
#define TCPI_OPT_ECN                             8
#define TCPOLEN_SACK_PERMITTED                   2
#define TCPOLEN_WINDOW                           3
#define TCPOLEN_MAXSEG                           4
#define TCPOLEN_TIMESTAMP                        10
#define TCPOPT_EOL                               0
#define TCPOPT_NOP                               1
#define TCPOPT_MAXSEG                            2
#define TCPOPT_WINDOW                            3
#define TCPOPT_SACK_PERMITTED                    4
#define TCPOPT_SACK                              5
#define TCPOPT_TIMESTAMP                         8
struct tcphdr {
#if __GNU_VISIBLE
	__extension__ union {
		struct {
			uint16_t source, dest;
			uint32_t seq, ack_seq;
			uint16_t res1 : 4, doff : 4, fin : 1, syn : 1, rst : 1, psh : 1, ack : 1, urg : 1, res2 : 2;
			uint16_t window, check, urg_ptr;
		};
		struct {
			uint16_t th_sport, th_dport;
			uint32_t th_seq, th_ack;
			uint8_t th_x2 : 4, th_off : 4;
			uint8_t th_flags;
			uint16_t th_win, th_sum, th_urp;
		};
	};
#else
	uint16_t th_sport, th_dport;
	uint32_t th_seq, th_ack;
	uint8_t th_x2 : 4, th_off : 4;
	uint8_t th_flags;
	uint16_t th_win, th_sum, th_urp;
#endif
};
#define TH_FIN 0x01
#define TH_SYN 0x02
#define TH_RST 0x04
#define TH_PUSH 0x08
#define TH_ACK 0x10
#define TH_URG 0x20
typedef uint32_t tcp_seq;
struct tcp_info {
	uint8_t tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options;
	uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
	uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;
	uint32_t tcpi_rto, tcpi_ato, tcpi_snd_mss, tcpi_rcv_mss, tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans, tcpi_fackets;
	uint32_t tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv, tcpi_pmtu, tcpi_rcv_ssthresh;
	uint32_t tcpi_rtt, tcpi_rttvar, tcpi_snd_ssthresh, tcpi_snd_cwnd, tcpi_advmss, tcpi_reordering, tcpi_rcv_rtt, tcpi_rcv_space;
	uint32_t tcpi_total_retrans;
	uint64_t tcpi_pacing_rate, tcpi_max_pacing_rate, tcpi_bytes_acked, tcpi_bytes_received;
	uint32_t tcpi_segs_out, tcpi_segs_in, tcpi_notsent_bytes, tcpi_min_rtt, tcpi_data_segs_in, tcpi_data_segs_out;
	uint64_t tcpi_delivery_rate, tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited;
	uint32_t tcpi_delivered, tcpi_delivered_ce;
	uint64_t tcpi_bytes_sent, tcpi_bytes_retrans;
	uint32_t tcpi_dsack_dups, tcpi_reord_seen, tcpi_rcv_ooopack, tcpi_snd_wnd;
};
#define TCP_MD5SIG_MAXKEYLEN 80
struct tcp_md5sig {
	struct sockaddr_storage tcpm_addr;
	uint8_t tcpm_flags, tcpm_prefixlen;
	uint16_t tcpm_keylen;
	int tcpm_ifindex;
	uint8_t tcpm_key[TCP_MD5SIG_MAXKEYLEN];
};

#endif
