/* SPDX-License-Identifier: MIT
 *
 * crt/utf.c - UTF-8 to UTF-16 and back; what is malformed becomes U+FFFD
 *
 * Source  Unicode 15, chapter 3.9: table 3-7 (well-formed UTF-8), "maximal subpart" replacement.
 */
#include "utf.h"

/* One character of Text; *Used tells how many units it took (at least 1 of Length >= 1). */
uint32_t
NtcrtpDecode16(const uint16_t *Text, size_t Length, size_t *Used)
{
    uint32_t first = Text[0];

    *Used = 1;
    if (first < 0xd800 || first > 0xdfff) {
        return first;
    }
    if (first < 0xdc00 && Length > 1 && Text[1] >= 0xdc00 && Text[1] <= 0xdfff) {
        *Used = 2;
        return 0x10000 + ((first - 0xd800) << 10) + (Text[1] - 0xdc00u);
    }
    return NTCRTP_REPLACEMENT;
}

uint32_t
NtcrtpDecode8(const char *Text, size_t Length, size_t *Used)
{
    const unsigned char *text = (const unsigned char *)Text;
    uint32_t value = text[0];
    unsigned low = 0x80;
    unsigned high = 0xbf;
    size_t need;
    size_t i;

    *Used = 1;
    if (value < 0x80) {
        return value;
    }
    if (value < 0xc2 || value > 0xf4) {
        return NTCRTP_REPLACEMENT;
    }
    need = value < 0xe0 ? 1 : value < 0xf0 ? 2 : 3;
    if (value == 0xe0) {
        low = 0xa0;
    } else if (value == 0xed) {
        high = 0x9f;
    } else if (value == 0xf0) {
        low = 0x90;
    } else if (value == 0xf4) {
        high = 0x8f;
    }
    value &= 0x3fu >> need;
    for (i = 1; i <= need; i++) {
        if (i >= Length || text[i] < low || text[i] > high) {
            return NTCRTP_REPLACEMENT;
        }
        value = value << 6 | (text[i] & 0x3fu);
        low = 0x80;
        high = 0xbf;
        *Used = i + 1;
    }
    return value;
}

size_t
NtcrtpEncode8(char *Buffer, uint32_t Character)
{
    if (Character < 0x80) {
        Buffer[0] = (char)Character;
        return 1;
    }
    if (Character < 0x800) {
        Buffer[0] = (char)(0xc0 | Character >> 6);
        Buffer[1] = (char)(0x80 | (Character & 0x3f));
        return 2;
    }
    if (Character < 0x10000) {
        Buffer[0] = (char)(0xe0 | Character >> 12);
        Buffer[1] = (char)(0x80 | (Character >> 6 & 0x3f));
        Buffer[2] = (char)(0x80 | (Character & 0x3f));
        return 3;
    }
    Buffer[0] = (char)(0xf0 | Character >> 18);
    Buffer[1] = (char)(0x80 | (Character >> 12 & 0x3f));
    Buffer[2] = (char)(0x80 | (Character >> 6 & 0x3f));
    Buffer[3] = (char)(0x80 | (Character & 0x3f));
    return 4;
}

size_t
NtcrtpEncode16(uint16_t *Buffer, uint32_t Character)
{
    if (Character < 0x10000) {
        Buffer[0] = (uint16_t)Character;
        return 1;
    }
    Buffer[0] = (uint16_t)(0xd800 + ((Character - 0x10000) >> 10));
    Buffer[1] = (uint16_t)(0xdc00 + ((Character - 0x10000) & 0x3ff));
    return 2;
}

#pragma GCC visibility push(default)

size_t
NtcrtUtf16ToUtf8(char *Buffer, size_t Size, const uint16_t *Text, size_t Length)
{
    char piece[4];
    size_t total = 0;
    size_t used;
    size_t count;
    size_t i;

    for (; Length != 0; Text += used, Length -= used) {
        count = NtcrtpEncode8(piece, NtcrtpDecode16(Text, Length, &used));
        for (i = 0; total + count <= Size && i < count; i++) {
            Buffer[total + i] = piece[i];
        }
        total += count;
    }
    return total;
}

size_t
NtcrtUtf8ToUtf16(uint16_t *Buffer, size_t Size, const char *Text, size_t Length)
{
    uint16_t piece[2];
    size_t total = 0;
    size_t used;
    size_t count;
    size_t i;

    for (; Length != 0; Text += used, Length -= used) {
        count = NtcrtpEncode16(piece, NtcrtpDecode8(Text, Length, &used));
        for (i = 0; total + count <= Size && i < count; i++) {
            Buffer[total + i] = piece[i];
        }
        total += count;
    }
    return total;
}

#pragma GCC visibility pop
