/* <asm/byteorder.h>: byte order */
#ifndef _ASM_BYTEORDER_H
#define _ASM_BYTEORDER_H

#include <features.h>
#include <endian.h>
#include <linux/types.h>

#define __cpu_to_le16(value) htole16(value)
#define __cpu_to_le32(value) htole32(value)
#define __cpu_to_le64(value) htole64(value)
#define __le16_to_cpu(value) le16toh(value)
#define __le32_to_cpu(value) le32toh(value)
#define __le64_to_cpu(value) le64toh(value)
#define __cpu_to_be16(value) htobe16(value)
#define __cpu_to_be32(value) htobe32(value)
#define __cpu_to_be64(value) htobe64(value)
#define __be16_to_cpu(value) be16toh(value)
#define __be32_to_cpu(value) be32toh(value)
#define __be64_to_cpu(value) be64toh(value)

#endif
