/* SPDX-License-Identifier: MIT
 *
 * drivers/sharepage.h - what sharepage.c and its client agree on
 */
#pragma once

#define SHAREPAGE_CODE(function) \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900 + (function), METHOD_BUFFERED, FILE_ANY_ACCESS)
#define SHAREPAGE_MAP SHAREPAGE_CODE(0)   /* in: ULONG, 1: read-only; out: the address */
#define SHAREPAGE_UNMAP SHAREPAGE_CODE(1) /* in: the address */
#define SHAREPAGE_ADD SHAREPAGE_CODE(2)   /* in: ULONG; added to the page's first word */
#define SHAREPAGE_READ SHAREPAGE_CODE(3)  /* out: the page's first word, as the driver sees it */
#define SHAREPAGE_THROUGH                                                                         \
    SHAREPAGE_CODE(4)                         /* in: an address; out: the ULONG there, as seen in \
                                                 __try through the user address */
#define SHAREPAGE_NEIGHBOUR SHAREPAGE_CODE(5) /* out: 1: the pool is as it was */
