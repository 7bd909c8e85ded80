/* SPDX-License-Identifier: MIT
 *
 * conio.h - keys from the console
 *
 * Source  Microsoft C runtime docs: _getch.
 */
#ifndef NTBOX_CONIO_H
#define NTBOX_CONIO_H
#pragma GCC system_header

#include "ntbox/rename.h"
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif
int _getch(void) NTCRT_NAME(_getch);
int getch(void) NTCRT_NAME(_getch);
int _getche(void) NTCRT_NAME(_getche);
int _kbhit(void) NTCRT_NAME(_kbhit);
int _putch(int Character) __asm__("putchar");
int _cprintf(const char *Format, ...) NTCRT_NAME(printf);
#ifdef __cplusplus
}
#endif

#endif
