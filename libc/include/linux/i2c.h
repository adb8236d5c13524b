/* <linux/i2c.h>: the I2C bus */
#ifndef _LINUX_I2C_H
#define _LINUX_I2C_H

#include <features.h>
#include <linux/types.h>

struct i2c_msg { __u16 addr, flags, len; __u8 *buf; };
#define I2C_SMBUS_BLOCK_MAX 32
union i2c_smbus_data { __u8 byte; __u16 word; __u8 block[I2C_SMBUS_BLOCK_MAX + 2]; };
#define I2C_SMBUS_QUICK                 0
#define I2C_SMBUS_WRITE                 0
#define I2C_FUNC_I2C                    1
#define I2C_M_RD                        1
#define I2C_SMBUS_BYTE                  1
#define I2C_SMBUS_READ                  1
#define I2C_FUNC_10BIT_ADDR             2
#define I2C_SMBUS_BYTE_DATA             2
#define I2C_SMBUS_WORD_DATA             3
#define I2C_FUNC_PROTOCOL_MANGLING      4
#define I2C_SMBUS_PROC_CALL             4
#define I2C_SMBUS_BLOCK_DATA            5
#define I2C_SMBUS_I2C_BLOCK_BROKEN      6
#define I2C_SMBUS_BLOCK_PROC_CALL       7
#define I2C_FUNC_SMBUS_PEC              8
#define I2C_SMBUS_I2C_BLOCK_DATA        8
#define I2C_FUNC_NOSTART                0x10
#define I2C_M_TEN                       0x10
#define I2C_FUNC_SLAVE                  0x20
#define I2C_M_DMA_SAFE                  0x200
#define I2C_M_RECV_LEN                  0x400
#define I2C_M_NO_RD_ACK                 0x800
#define I2C_M_IGNORE_NAK                0x1000
#define I2C_M_REV_DIR_ADDR              0x2000
#define I2C_M_NOSTART                   0x4000
#define I2C_FUNC_SMBUS_BLOCK_PROC_CALL  0x8000
#define I2C_M_STOP                      0x8000
#define I2C_FUNC_SMBUS_QUICK            0x10000
#define I2C_FUNC_SMBUS_READ_BYTE        0x20000
#define I2C_FUNC_SMBUS_WRITE_BYTE       0x40000
#define I2C_FUNC_SMBUS_BYTE             0x60000
#define I2C_FUNC_SMBUS_READ_BYTE_DATA   0x80000
#define I2C_FUNC_SMBUS_WRITE_BYTE_DATA  0x100000
#define I2C_FUNC_SMBUS_BYTE_DATA        0x180000
#define I2C_FUNC_SMBUS_READ_WORD_DATA   0x200000
#define I2C_FUNC_SMBUS_WRITE_WORD_DATA  0x400000
#define I2C_FUNC_SMBUS_WORD_DATA        0x600000
#define I2C_FUNC_SMBUS_PROC_CALL        0x800000
#define I2C_FUNC_SMBUS_READ_BLOCK_DATA  0x1000000
#define I2C_FUNC_SMBUS_WRITE_BLOCK_DATA 0x2000000
#define I2C_FUNC_SMBUS_BLOCK_DATA       0x3000000
#define I2C_FUNC_SMBUS_READ_I2C_BLOCK   0x4000000
#define I2C_FUNC_SMBUS_WRITE_I2C_BLOCK  0x8000000
#define I2C_FUNC_SMBUS_I2C_BLOCK        0xc000000
#define I2C_FUNC_SMBUS_EMUL             0xeff0008
#define I2C_FUNC_SMBUS_EMUL_ALL         0xfff8008
#define I2C_FUNC_SMBUS_HOST_NOTIFY      0x10000000

#endif
