/* SPDX-License-Identifier: MIT
 *
 * crt/ctype.c - classes and case of bytes in the C locale, which is the kernel's only one
 *
 * ASCII alone is in a class or has another case; EOF and what is no byte is in none. The locale of
 * the program that the kernel runs in has no part in it.
 *
 * Source  Microsoft C runtime docs: is, isw routines (table of the C locale); to functions.
 */
#include "ntcrt.h"

static int
NtcrtpIsIn(int Character, int First, int Last)
{
    return Character >= First && Character <= Last;
}

#pragma GCC visibility push(default)

int
ntcrt_islower(int Character)
{
    return NtcrtpIsIn(Character, 'a', 'z');
}

int
ntcrt_isupper(int Character)
{
    return NtcrtpIsIn(Character, 'A', 'Z');
}

int
ntcrt_isalpha(int Character)
{
    return ntcrt_islower(Character) || ntcrt_isupper(Character);
}

int
ntcrt_isdigit(int Character)
{
    return NtcrtpIsIn(Character, '0', '9');
}

int
ntcrt_isalnum(int Character)
{
    return ntcrt_isalpha(Character) || ntcrt_isdigit(Character);
}

int
ntcrt_isxdigit(int Character)
{
    return ntcrt_isdigit(Character) || NtcrtpIsIn(Character, 'a', 'f') ||
           NtcrtpIsIn(Character, 'A', 'F');
}

int
ntcrt_isspace(int Character)
{
    return Character == ' ' || NtcrtpIsIn(Character, '\t', '\r');
}

int
ntcrt_iscntrl(int Character)
{
    return NtcrtpIsIn(Character, 0, 0x1f) || Character == 0x7f;
}

int
ntcrt_isgraph(int Character)
{
    return NtcrtpIsIn(Character, 0x21, 0x7e);
}

int
ntcrt_isprint(int Character)
{
    return NtcrtpIsIn(Character, 0x20, 0x7e);
}

int
ntcrt_ispunct(int Character)
{
    return ntcrt_isgraph(Character) && !ntcrt_isalnum(Character);
}

int
ntcrt_tolower(int Character)
{
    return ntcrt_isupper(Character) ? Character + ('a' - 'A') : Character;
}

int
ntcrt_toupper(int Character)
{
    return ntcrt_islower(Character) ? Character - ('a' - 'A') : Character;
}

#pragma GCC visibility pop
