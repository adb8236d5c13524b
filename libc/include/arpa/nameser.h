/* <arpa/nameser.h>: DNS messages */
#ifndef _ARPA_NAMESER_H
#define _ARPA_NAMESER_H

#include <features.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NS_KEY_NAME_USER         0
#define NS_KEY_TYPE_AUTH_CONF    0
#define NS_SIG_TYPE              0
#define NS_ALG_MD5RSA            1
#define NS_INT8SZ                1
#define NS_KEY_PROT_TLS          1
#define NS_ALG_DH                2
#define NS_INT16SZ               2
#define NS_KEY_PROT_EMAIL        2
#define NS_SIG_ALG               2
#define NS_ALG_DSA               3
#define NS_ALG_DSS               3
#define NS_KEY_PROT_DNSSEC       3
#define NS_OPT_NSID              3
#define NS_SIG_LABELS            3
#define NS_INADDRSZ              4
#define NS_INT32SZ               4
#define NS_KEY_PROT_IPSEC        4
#define NS_NOTIFY_OP             4
#define NS_QFIXEDSZ              4
#define NS_SIG_OTTL              4
#define NS_UPDATE_OP             5
#define NS_NXT_BITS              8
#define NS_SIG_EXPIR             8
#define NS_RRFIXEDSZ             10
#define NS_HFIXEDSZ              12
#define NS_SIG_SIGNED            12
#define NS_KEY_SIGNATORYMASK     15
#define NS_IN6ADDRSZ             16
#define NS_KEY_RESERVED11        16
#define NS_SIG_FOOT              16
#define NS_SIG_SIGNER            18
#define NS_KEY_RESERVED10        32
#define NS_DSA_SIG_SIZE          41
#define NS_DEFAULTPORT           53
#define NS_MAXLABEL              63
#define NS_KEY_RESERVED9         64
#define NS_MD5RSA_MIN_SIZE       64
#define NS_TSIG_TCP_COUNT        100
#define NS_NXT_MAX               127
#define NS_KEY_RESERVED8         128
#define NS_CMPRSFLGS             192
#define NS_DSA_MIN_SIZE          213
#define NS_ALG_EXPIRE_ONLY       253
#define NS_ALG_PRIVATE_OID       254
#define NS_KEY_PROT_ANY          255
#define NS_MAXCDNAME             255
#define NS_KEY_NAME_ZONE         256
#define NS_TSIG_FUDGE            300
#define NS_DSA_MAX_BYTES         405
#define NS_KEY_NAME_ENTITY       512
#define NS_MD5RSA_MAX_SIZE       512
#define NS_MD5RSA_MIN_BITS       512
#define NS_PACKETSZ              512
#define NS_KEY_NAME_RESERVED     768
#define NS_KEY_NAME_TYPE         768
#define NS_KEY_RESERVED5         1024
#define NS_MAXDNAME              1025
#define NS_KEY_RESERVED4         2048
#define NS_KEY_EXTENDED_FLAGS    4096
#define NS_MD5RSA_MAX_BITS       4096
#define NS_KEY_RESERVED2         8192
#define NS_MD5RSA_MAX_BYTES      8195
#define NS_MD5RSA_MAX_BASE64     10928
#define NS_KEY_RESERVED_BITMASK  11504
#define NS_KEY_NO_CONF           16384
#define NS_KEY_TYPE_AUTH_ONLY    16384
#define NS_KEY_NO_AUTH           32768
#define NS_KEY_TYPE_CONF_ONLY    32768
#define NS_OPT_DNSSEC_OK         32768
#define NS_KEY_TYPEMASK          49152
#define NS_KEY_TYPE_NO_KEY       49152
#define NS_KEY_RESERVED_BITMASK2 65535
#define NS_MAXMSG                65535
#define NS_TSIG_ERROR_FORMERR    (-12)
#define NS_TSIG_ERROR_NO_SPACE   (-11)
#define NS_TSIG_ERROR_NO_TSIG    (-10)
typedef enum { ns_s_qd = 0, ns_s_zn = 0, ns_s_an = 1, ns_s_pr = 1, ns_s_ns = 2, ns_s_ud = 2, ns_s_ar = 3, ns_s_max = 4 } ns_sect;
typedef struct __ns_msg {
	const unsigned char *_msg, *_eom;
	uint16_t _id, _flags, _counts[ns_s_max];
	const unsigned char *_sections[ns_s_max];
	ns_sect _sect;
	int _rrnum;
	const unsigned char *_msg_ptr;
} ns_msg;
struct _ns_flagdata { int mask, shift; };
extern const struct _ns_flagdata _ns_flagdata[];
#define ns_msg_id(handle) ((handle)._id + 0)
#define ns_msg_base(handle) ((handle)._msg + 0)
#define ns_msg_end(handle) ((handle)._eom + 0)
#define ns_msg_size(handle) ((handle)._eom - (handle)._msg)
#define ns_msg_count(handle, section) ((handle)._counts[section] + 0)
#define ns_msg_getflag(handle, flag) (((handle)._flags & _ns_flagdata[flag].mask) >> _ns_flagdata[flag].shift)
typedef struct __ns_rr {
	char name[1025];
	uint16_t type, rr_class;
	uint32_t ttl;
	uint16_t rdlength;
	const unsigned char *rdata;
} ns_rr;
#define ns_rr_name(record) (((record).name[0] != '\0') ? (record).name : ".")
#define ns_rr_type(record) ((ns_type)((record).type + 0))
#define ns_rr_class(record) ((ns_class)((record).rr_class + 0))
#define ns_rr_ttl(record) ((record).ttl + 0)
#define ns_rr_rdlen(record) ((record).rdlength + 0)
#define ns_rr_rdata(record) ((record).rdata + 0)
typedef enum { ns_f_qr, ns_f_opcode, ns_f_aa, ns_f_tc, ns_f_rd, ns_f_ra, ns_f_z, ns_f_ad, ns_f_cd, ns_f_rcode, ns_f_max } ns_flag;
typedef enum { ns_o_query = 0, ns_o_iquery = 1, ns_o_status = 2, ns_o_notify = 4, ns_o_update = 5, ns_o_max = 6 } ns_opcode;
typedef enum {
	ns_r_noerror = 0, ns_r_formerr = 1, ns_r_servfail = 2, ns_r_nxdomain = 3, ns_r_notimpl = 4, ns_r_refused = 5,
	ns_r_yxdomain = 6, ns_r_yxrrset = 7, ns_r_nxrrset = 8, ns_r_notauth = 9, ns_r_notzone = 10, ns_r_max = 11,
	ns_r_badvers = 16, ns_r_badsig = 16, ns_r_badkey = 17, ns_r_badtime = 18
} ns_rcode;
typedef enum { ns_uop_delete = 0, ns_uop_add = 1, ns_uop_max = 2 } ns_update_operation;
typedef enum {
	ns_t_invalid = 0, ns_t_a = 1, ns_t_ns = 2, ns_t_md = 3, ns_t_mf = 4, ns_t_cname = 5, ns_t_soa = 6, ns_t_mb = 7, ns_t_mg = 8,
	ns_t_mr = 9, ns_t_null = 10, ns_t_wks = 11, ns_t_ptr = 12, ns_t_hinfo = 13, ns_t_minfo = 14, ns_t_mx = 15, ns_t_txt = 16,
	ns_t_rp = 17, ns_t_afsdb = 18, ns_t_x25 = 19, ns_t_isdn = 20, ns_t_rt = 21, ns_t_nsap = 22, ns_t_nsap_ptr = 23, ns_t_sig = 24,
	ns_t_key = 25, ns_t_px = 26, ns_t_gpos = 27, ns_t_aaaa = 28, ns_t_loc = 29, ns_t_nxt = 30, ns_t_eid = 31, ns_t_nimloc = 32,
	ns_t_srv = 33, ns_t_atma = 34, ns_t_naptr = 35, ns_t_kx = 36, ns_t_cert = 37, ns_t_a6 = 38, ns_t_dname = 39, ns_t_sink = 40,
	ns_t_opt = 41, ns_t_apl = 42, ns_t_tkey = 249, ns_t_tsig = 250, ns_t_ixfr = 251, ns_t_axfr = 252, ns_t_mailb = 253,
	ns_t_maila = 254, ns_t_any = 255, ns_t_zxfr = 256, ns_t_max = 65536
} ns_type;
typedef enum { ns_c_invalid = 0, ns_c_in = 1, ns_c_2 = 2, ns_c_chaos = 3, ns_c_hs = 4, ns_c_none = 254, ns_c_any = 255, ns_c_max = 65536 } ns_class;
unsigned ns_get16(const unsigned char *);
unsigned long ns_get32(const unsigned char *);
void ns_put16(unsigned, unsigned char *);
void ns_put32(unsigned long, unsigned char *);
int ns_initparse(const unsigned char *, int, ns_msg *);
int ns_parserr(ns_msg *, ns_sect, int, ns_rr *);
int ns_skiprr(const unsigned char *, const unsigned char *, ns_sect, int);
int ns_name_uncompress(const unsigned char *, const unsigned char *, const unsigned char *, char *, size_t);
typedef struct {
	unsigned id : 16;
	unsigned rd : 1, tc : 1, aa : 1, opcode : 4, qr : 1;
	unsigned rcode : 4, cd : 1, ad : 1, unused : 1, ra : 1;
	unsigned qdcount : 16, ancount : 16, nscount : 16, arcount : 16;
} HEADER;
#define HFIXEDSZ        12
#define IN6ADDRSZ       16
#define INADDRSZ        4
#define INDIR_MASK      192
#define INT16SZ         2
#define INT32SZ         4
#define MAXCDNAME       255
#define MAXDNAME        1025
#define MAXLABEL        63
#define NAMESERVER_PORT 53
#define PACKETSZ        512
#define QFIXEDSZ        4
#define RRFIXEDSZ       10
#define QUERY ns_o_query
#define NOERROR ns_r_noerror
#define FORMERR ns_r_formerr
#define SERVFAIL ns_r_servfail
#define NXDOMAIN ns_r_nxdomain
#define NOTIMP ns_r_notimpl
#define REFUSED ns_r_refused
#define C_IN ns_c_in
#define C_ANY ns_c_any
#define T_A ns_t_a
#define T_NS ns_t_ns
#define T_CNAME ns_t_cname
#define T_SOA ns_t_soa
#define T_NULL ns_t_null
#define T_PTR ns_t_ptr
#define T_HINFO ns_t_hinfo
#define T_MX ns_t_mx
#define T_TXT ns_t_txt
#define T_AAAA ns_t_aaaa
#define T_SRV ns_t_srv
#define T_NAPTR ns_t_naptr
#define T_DNAME ns_t_dname
#define T_OPT ns_t_opt
#define T_AXFR ns_t_axfr
#define T_ANY ns_t_any
#define NS_GET16(value, pointer) ((void)((value) = ns_get16(((pointer) += 2) - 2)))
#define NS_GET32(value, pointer) ((void)((value) = ns_get32(((pointer) += 4) - 4)))
#define NS_PUT16(value, pointer) ns_put16((value), ((pointer) += 2) - 2)
#define NS_PUT32(value, pointer) ns_put32((value), ((pointer) += 4) - 4)
#define GETSHORT NS_GET16
#define GETLONG NS_GET32
#define PUTSHORT NS_PUT16
#define PUTLONG NS_PUT32

#ifdef __cplusplus
}
#endif

#endif
