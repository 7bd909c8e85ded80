/* SPDX-License-Identifier: MIT
 *
 * crt/format.c - the format engine: Microsoft's printf language, to 8 or 16 bit sinks
 *
 * One parser serves both widths: a format is read unit by unit, an output piece is either text of
 * the output's own width, or of the other and converted on its way. No allocation, no locks.
 *
 * The contract is in ntcrt.h.
 */
#include "utf.h"

#include <stdio.h>
#include <string.h>

typedef enum NTCRTP_SIZE { SIZE_NONE, SIZE_HH, SIZE_H, SIZE_L, SIZE_64, SIZE_W } NTCRTP_SIZE;

typedef struct NTCRTP_SPEC {
    unsigned Left : 1, Plus : 1, Space : 1, Alternate : 1, Zero : 1;
    int Width;
    int Precision; /* -1: none given */
    NTCRTP_SIZE Size;
} NTCRTP_SPEC;

typedef struct NTCRTP_OUTPUT {
    NTCRT_SINK *Narrow; /* exactly one of the two */
    NTCRT_WIDE_SINK *Wide;
    void *Context;
    size_t Count; /* units so far */
    int Failed;
} NTCRTP_OUTPUT;

/* A format of either width. */
typedef struct NTCRTP_INPUT {
    const char *Narrow;
    const uint16_t *Wide;
    size_t Next;
} NTCRTP_INPUT;

#define MAX_FIELD 4096 /* a wider field, or an integer of more digits, is cut to this */
#define MAX_DIGITS 64  /* of an integer: 22 octal ones */
#define MAX_FLOAT 1024 /* text of one floating-point number */
#define MAX_DECIMALS 500
#define MAX_PRECISION 100000000 /* of a string: it only ever shortens */

static unsigned
NtcrtpPeek(const NTCRTP_INPUT *Input)
{
    return Input->Wide != NULL ? Input->Wide[Input->Next]
                               : (unsigned char)Input->Narrow[Input->Next];
}

/* ---- output ---- */

static void
NtcrtpPutNarrow(NTCRTP_OUTPUT *Output, const char *Text, size_t Length)
{
    if (!Output->Failed && Length != 0) {
        Output->Count += Length;
        Output->Failed = Output->Narrow(Output->Context, Text, Length) != 0;
    }
}

static void
NtcrtpPutWide(NTCRTP_OUTPUT *Output, const uint16_t *Text, size_t Length)
{
    if (!Output->Failed && Length != 0) {
        Output->Count += Length;
        Output->Failed = Output->Wide(Output->Context, Text, Length) != 0;
    }
}

/* 8 bit text, UTF-8. */
static void
NtcrtpPut8(NTCRTP_OUTPUT *Output, const char *Text, size_t Length)
{
    uint16_t piece[64];
    size_t count = 0;
    size_t used;

    if (Output->Narrow != NULL) {
        NtcrtpPutNarrow(Output, Text, Length);
        return;
    }
    for (; Length != 0; Text += used, Length -= used) {
        if (count + 2 > sizeof(piece) / sizeof(piece[0])) {
            NtcrtpPutWide(Output, piece, count);
            count = 0;
        }
        count += NtcrtpEncode16(piece + count, NtcrtpDecode8(Text, Length, &used));
    }
    NtcrtpPutWide(Output, piece, count);
}

/* 16 bit text, UTF-16. */
static void
NtcrtpPut16(NTCRTP_OUTPUT *Output, const uint16_t *Text, size_t Length)
{
    char piece[128];
    size_t count = 0;
    size_t used;

    if (Output->Wide != NULL) {
        NtcrtpPutWide(Output, Text, Length);
        return;
    }
    for (; Length != 0; Text += used, Length -= used) {
        if (count + 4 > sizeof(piece)) {
            NtcrtpPutNarrow(Output, piece, count);
            count = 0;
        }
        count += NtcrtpEncode8(piece + count, NtcrtpDecode16(Text, Length, &used));
    }
    NtcrtpPutNarrow(Output, piece, count);
}

static void
NtcrtpPad(NTCRTP_OUTPUT *Output, char Character, int Count)
{
    char piece[32];

    memset(piece, Character, sizeof(piece));
    for (; Count > 0; Count -= (int)sizeof(piece)) {
        NtcrtpPut8(Output, piece, (size_t)Count < sizeof(piece) ? (size_t)Count : sizeof(piece));
    }
}

/* ---- text
 * ----------------------------------------------------------------------------------------------------
 */

static size_t
NtcrtpLength(int IsWide, const void *Text, size_t Limit)
{
    const uint16_t *wide = Text;
    const char *narrow = Text;
    size_t length = 0;

    while (length < Limit && (IsWide ? wide[length] != 0 : narrow[length] != 0)) {
        length++;
    }
    return length;
}

static void
NtcrtpPutText(NTCRTP_OUTPUT *Output, const NTCRTP_SPEC *Spec, int IsWide, const void *Text,
              size_t Length)
{
    int fill = Length < (size_t)Spec->Width ? Spec->Width - (int)Length : 0;

    if (!Spec->Left) {
        NtcrtpPad(Output, Spec->Zero ? '0' : ' ', fill);
    }
    if (IsWide) {
        NtcrtpPut16(Output, Text, Length);
    } else {
        NtcrtpPut8(Output, Text, Length);
    }
    if (Spec->Left) {
        NtcrtpPad(Output, ' ', fill);
    }
}

/* Text is NULL, or terminated, or at least the precision long. */
static void
NtcrtpPutString(NTCRTP_OUTPUT *Output, const NTCRTP_SPEC *Spec, int IsWide, const void *Text)
{
    size_t limit = Spec->Precision < 0 ? SIZE_MAX : (size_t)Spec->Precision;

    if (Text == NULL) {
        IsWide = 0;
        Text = "(null)";
    }
    NtcrtpPutText(Output, Spec, IsWide, Text, NtcrtpLength(IsWide, Text, limit));
}

/* ANSI_STRING and UNICODE_STRING: a length and a size in bytes, then the text. */
typedef struct NTCRTP_COUNTED {
    uint16_t Length;
    uint16_t MaximumLength;
    const void *Buffer;
} NTCRTP_COUNTED;

static void
NtcrtpPutCounted(NTCRTP_OUTPUT *Output, const NTCRTP_SPEC *Spec, int IsWide,
                 const NTCRTP_COUNTED *String)
{
    size_t length;

    if (String == NULL || String->Buffer == NULL) {
        NtcrtpPutString(Output, Spec, 0, NULL);
        return;
    }
    length = IsWide ? String->Length / 2u : String->Length;
    if (Spec->Precision >= 0 && length > (size_t)Spec->Precision) {
        length = (size_t)Spec->Precision;
    }
    NtcrtpPutText(Output, Spec, IsWide, String->Buffer, length);
}

/* ---- numbers
 * ---------------------------------------------------------------------------------------------------
 */

/* Sign or base prefix, then digits, in the field. */
static void
NtcrtpPutNumber(NTCRTP_OUTPUT *Output, const NTCRTP_SPEC *Spec, const char *Prefix,
                const char *Digits, int Length, int Zeros)
{
    int fill = Spec->Width - (int)strlen(Prefix) - Zeros - Length;

    if (!Spec->Left && !Spec->Zero) {
        NtcrtpPad(Output, ' ', fill);
    }
    NtcrtpPut8(Output, Prefix, strlen(Prefix));
    if (!Spec->Left && Spec->Zero) {
        NtcrtpPad(Output, '0', fill);
    }
    NtcrtpPad(Output, '0', Zeros);
    NtcrtpPut8(Output, Digits, (size_t)Length);
    if (Spec->Left) {
        NtcrtpPad(Output, ' ', fill);
    }
}

static void
NtcrtpPutInteger(NTCRTP_OUTPUT *Output, NTCRTP_SPEC *Spec, uint64_t Value, unsigned Conversion,
                 const char *Sign)
{
    const char *alphabet = Conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned base = Conversion == 'o' ? 8 : Conversion == 'x' || Conversion == 'X' ? 16 : 10;
    char digits[MAX_DIGITS];
    int first = MAX_DIGITS;
    int zeros;

    if (Spec->Alternate && base == 16 && Value != 0) {
        Sign = Conversion == 'x' ? "0x" : "0X";
    }
    for (; Value != 0; Value /= base) {
        digits[--first] = alphabet[Value % base];
    }
    if (Spec->Precision < 0 && first == MAX_DIGITS) {
        digits[--first] = '0';
    }
    zeros = (Spec->Precision > MAX_FIELD ? MAX_FIELD : Spec->Precision) - (MAX_DIGITS - first);
    zeros = zeros < 0 ? 0 : zeros;
    if (Spec->Alternate && base == 8 && zeros == 0 &&
        (first == MAX_DIGITS || digits[first] != '0')) {
        zeros = 1;
    }
    if (Spec->Precision >= 0) {
        Spec->Zero = 0;
    }
    NtcrtpPutNumber(Output, Spec, Sign, digits + first, MAX_DIGITS - first, zeros);
}

static void
NtcrtpPutSigned(NTCRTP_OUTPUT *Output, NTCRTP_SPEC *Spec, int64_t Value)
{
    const char *sign = Value < 0 ? "-" : Spec->Plus ? "+" : Spec->Space ? " " : "";

    NtcrtpPutInteger(Output, Spec, Value < 0 ? 0 - (uint64_t)Value : (uint64_t)Value, 'u', sign);
}

static void
NtcrtpPutPointer(NTCRTP_OUTPUT *Output, NTCRTP_SPEC *Spec, const void *Value)
{
    Spec->Precision = 16;
    if (Spec->Alternate) {
        Spec->Alternate = 0;
        NtcrtpPutInteger(Output, Spec, (uintptr_t)Value, 'X', "0X");
        return;
    }
    NtcrtpPutInteger(Output, Spec, (uintptr_t)Value, 'X', "");
}

static void
NtcrtpPutFloat(NTCRTP_OUTPUT *Output, const NTCRTP_SPEC *Spec, double Value, unsigned Conversion)
{
    int decimals = Spec->Precision > MAX_DECIMALS ? MAX_DECIMALS : Spec->Precision;
    char format[16];
    char text[MAX_FLOAT];
    const char *digits = text;
    char prefix[2] = "";
    NTCRTP_SPEC spec = *Spec;
    int length;

    snprintf(format, sizeof(format), "%%%s%s%s.*%c", Spec->Plus ? "+" : "", Spec->Space ? " " : "",
             Spec->Alternate ? "#" : "", Conversion);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    length = snprintf(text, sizeof(text), format, decimals, Value);
#pragma GCC diagnostic pop
    if (text[0] == '-' || text[0] == '+' || text[0] == ' ') {
        prefix[0] = text[0];
        digits++;
        length--;
    }
    if (!__builtin_isfinite(Value)) {
        spec.Zero = 0;
    }
    NtcrtpPutNumber(Output, &spec, prefix, digits, length, 0);
}

/* ---- the parser
 * --------------------------------------------------------------------------------------------------
 */

static void
NtcrtpParseFlags(NTCRTP_INPUT *Input, NTCRTP_SPEC *Spec)
{
    for (;; Input->Next++) {
        switch (NtcrtpPeek(Input)) {
        case '-':
            Spec->Left = 1;
            break;
        case '+':
            Spec->Plus = 1;
            break;
        case ' ':
            Spec->Space = 1;
            break;
        case '#':
            Spec->Alternate = 1;
            break;
        case '0':
            Spec->Zero = 1;
            break;
        default:
            return;
        }
    }
}

static int
NtcrtpParseNumber(NTCRTP_INPUT *Input, int Limit)
{
    int value = 0;
    unsigned unit;

    for (; unit = NtcrtpPeek(Input), unit >= '0' && unit <= '9'; Input->Next++) {
        value = value * 10 + (int)(unit - '0');
        value = value > Limit ? Limit : value;
    }
    return value;
}

/* h hh l ll w I I32 I64 z t j L. A size that changes nothing here is SIZE_NONE. */
static void
NtcrtpParseSize(NTCRTP_INPUT *Input, NTCRTP_SPEC *Spec)
{
    NTCRTP_INPUT ahead;

    switch (NtcrtpPeek(Input)) {
    case 'h':
        Input->Next++;
        Spec->Size = SIZE_H;
        if (NtcrtpPeek(Input) == 'h') {
            Input->Next++;
            Spec->Size = SIZE_HH;
        }
        return;
    case 'l':
        Input->Next++;
        Spec->Size = SIZE_L;
        if (NtcrtpPeek(Input) == 'l') {
            Input->Next++;
            Spec->Size = SIZE_64;
        }
        return;
    case 'w':
        Input->Next++;
        Spec->Size = SIZE_W;
        return;
    case 'L':
        Input->Next++;
        return;
    case 'z':
    case 't':
    case 'j':
        Input->Next++;
        Spec->Size = SIZE_64;
        return;
    case 'I':
        Input->Next++;
        Spec->Size = SIZE_64;
        ahead = *Input;
        if (NtcrtpPeek(&ahead) == '6' && (ahead.Next++, NtcrtpPeek(&ahead) == '4')) {
            Input->Next += 2;
        } else if (ahead = *Input,
                   NtcrtpPeek(&ahead) == '3' && (ahead.Next++, NtcrtpPeek(&ahead) == '2')) {
            Input->Next += 2;
            Spec->Size = SIZE_NONE;
        }
        return;
    default:
        return;
    }
}

typedef struct NTCRTP_ARGUMENTS {
    va_list List; /* in a structure, so that it can be passed on by address */
} NTCRTP_ARGUMENTS;

static void
NtcrtpParseSpec(NTCRTP_INPUT *Input, NTCRTP_SPEC *Spec, NTCRTP_ARGUMENTS *Arguments)
{
    int value;

    memset(Spec, 0, sizeof(*Spec));
    Spec->Precision = -1;
    NtcrtpParseFlags(Input, Spec);
    if (NtcrtpPeek(Input) == '*') {
        Input->Next++;
        value = va_arg(Arguments->List, int);
        Spec->Left |= value < 0;
        value = value < -MAX_FIELD ? -MAX_FIELD : value;
        value = value < 0 ? -value : value;
        Spec->Width = value > MAX_FIELD ? MAX_FIELD : value;
    } else {
        Spec->Width = NtcrtpParseNumber(Input, MAX_FIELD);
    }
    if (NtcrtpPeek(Input) == '.') {
        Input->Next++;
        if (NtcrtpPeek(Input) == '*') {
            Input->Next++;
            value = va_arg(Arguments->List, int);
            Spec->Precision = value < 0 ? -1 : value;
        } else {
            Spec->Precision = NtcrtpParseNumber(Input, MAX_PRECISION);
        }
    }
    NtcrtpParseSize(Input, Spec);
}

static int64_t
NtcrtpTakeSigned(NTCRTP_ARGUMENTS *Arguments, const NTCRTP_SPEC *Spec)
{
    switch (Spec->Size) {
    case SIZE_64:
        return va_arg(Arguments->List, int64_t);
    case SIZE_HH:
        return (signed char)va_arg(Arguments->List, int);
    case SIZE_H:
        return (short)va_arg(Arguments->List, int);
    default:
        return va_arg(Arguments->List, int);
    }
}

static uint64_t
NtcrtpTakeUnsigned(NTCRTP_ARGUMENTS *Arguments, const NTCRTP_SPEC *Spec)
{
    switch (Spec->Size) {
    case SIZE_64:
        return va_arg(Arguments->List, uint64_t);
    case SIZE_HH:
        return (unsigned char)va_arg(Arguments->List, unsigned);
    case SIZE_H:
        return (unsigned short)va_arg(Arguments->List, unsigned);
    default:
        return va_arg(Arguments->List, unsigned);
    }
}

/* %c %C %s %S: an upper-case letter means the other width, a size prefix overrides both. */
static int
NtcrtpIsWideText(const NTCRTP_OUTPUT *Output, const NTCRTP_SPEC *Spec, int IsUpper)
{
    if (Spec->Size == SIZE_H || Spec->Size == SIZE_HH) {
        return 0;
    }
    if (Spec->Size == SIZE_L || Spec->Size == SIZE_W || Spec->Size == SIZE_64) {
        return 1;
    }
    return (Output->Wide != NULL) != IsUpper;
}

static void
NtcrtpPutCharacter(NTCRTP_OUTPUT *Output, const NTCRTP_SPEC *Spec, int IsWide, int Value)
{
    uint16_t wide = (uint16_t)Value;
    char narrow = (char)Value;

    NtcrtpPutText(Output, Spec, IsWide, IsWide ? (const void *)&wide : &narrow, 1);
}

/* Works off the conversion letter; 0 for %n, which ends the output. */
static int
NtcrtpConvert(NTCRTP_OUTPUT *Output, NTCRTP_SPEC *Spec, unsigned Letter,
              NTCRTP_ARGUMENTS *Arguments)
{
    uint16_t unit = (uint16_t)Letter;
    char byte = (char)Letter;

    switch (Letter) {
    case 'd':
    case 'i':
        NtcrtpPutSigned(Output, Spec, NtcrtpTakeSigned(Arguments, Spec));
        return 1;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        NtcrtpPutInteger(Output, Spec, NtcrtpTakeUnsigned(Arguments, Spec), Letter, "");
        return 1;
    case 'p':
        NtcrtpPutPointer(Output, Spec, va_arg(Arguments->List, void *));
        return 1;
    case 'c':
    case 'C':
        NtcrtpPutCharacter(Output, Spec, NtcrtpIsWideText(Output, Spec, Letter == 'C'),
                           va_arg(Arguments->List, int));
        return 1;
    case 's':
    case 'S':
        NtcrtpPutString(Output, Spec, NtcrtpIsWideText(Output, Spec, Letter == 'S'),
                        va_arg(Arguments->List, void *));
        return 1;
    case 'Z':
        NtcrtpPutCounted(Output, Spec, Spec->Size == SIZE_W || Spec->Size == SIZE_L,
                         va_arg(Arguments->List, void *));
        return 1;
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        NtcrtpPutFloat(Output, Spec, va_arg(Arguments->List, double), Letter);
        return 1;
    case 'n':
        return 0;
    default: /* Microsoft's too prints what it does not know, %% among it */
        if (Output->Wide != NULL) {
            NtcrtpPutWide(Output, &unit, 1);
        } else {
            NtcrtpPutNarrow(Output, &byte, 1);
        }
        return 1;
    }
}

static int
NtcrtpRun(NTCRTP_OUTPUT *Output, NTCRTP_INPUT *Input, NTCRTP_ARGUMENTS *Arguments)
{
    NTCRTP_SPEC spec;
    unsigned unit;
    size_t start;

    while (!Output->Failed) {
        start = Input->Next;
        while (unit = NtcrtpPeek(Input), unit != 0 && unit != '%') {
            Input->Next++;
        }
        if (Input->Wide != NULL) {
            NtcrtpPutWide(Output, Input->Wide + start, Input->Next - start);
        } else {
            NtcrtpPutNarrow(Output, Input->Narrow + start, Input->Next - start);
        }
        if (unit == 0) {
            break;
        }
        Input->Next++;
        NtcrtpParseSpec(Input, &spec, Arguments);
        unit = NtcrtpPeek(Input);
        if (unit == 0) {
            break;
        }
        Input->Next++;
        if (!NtcrtpConvert(Output, &spec, unit, Arguments)) {
            return -1;
        }
    }
    if (Output->Failed || Output->Count > INT32_MAX) {
        return -1;
    }
    return (int)Output->Count;
}

/* ---- what the _s forms take ---- */

static void
NtcrtpSkipNumber(NTCRTP_INPUT *Input)
{
    if (NtcrtpPeek(Input) == '*') {
        Input->Next++;
        return;
    }
    (void)NtcrtpParseNumber(Input, MAX_PRECISION);
}

static int
NtcrtpIsFormat(NTCRTP_INPUT *Input)
{
    NTCRTP_SPEC ignored;
    unsigned unit;

    while (unit = NtcrtpPeek(Input), unit != 0) {
        Input->Next++;
        if (unit != '%') {
            continue;
        }
        if (NtcrtpPeek(Input) != '%') {
            NtcrtpParseFlags(Input, &ignored);
            NtcrtpSkipNumber(Input);
            if (NtcrtpPeek(Input) == '.') {
                Input->Next++;
                NtcrtpSkipNumber(Input);
            }
            NtcrtpParseSize(Input, &ignored);
            unit = NtcrtpPeek(Input);
            if (unit == 0 || unit > 0x7f || strchr("diuoxXpcCsSZaAeEfFgG", (int)unit) == NULL) {
                return 0;
            }
        }
        Input->Next++;
    }
    return 1;
}

int
NtcrtpIsFormatA(const char *Format)
{
    NTCRTP_INPUT input = {.Narrow = Format};

    return NtcrtpIsFormat(&input);
}

int
NtcrtpIsFormatW(const uint16_t *Format)
{
    NTCRTP_INPUT input = {.Wide = Format};

    return NtcrtpIsFormat(&input);
}

/* ---- entry points ---- */

typedef struct NTCRTP_BUFFER {
    char *Narrow;
    uint16_t *Wide;
    size_t Size;
    size_t Used;
} NTCRTP_BUFFER;

static int
NtcrtpFillNarrow(void *Context, const char *Text, size_t Length)
{
    NTCRTP_BUFFER *buffer = Context;
    size_t room = buffer->Size - buffer->Used;
    size_t count = Length < room ? Length : room;

    if (count != 0) {
        memcpy(buffer->Narrow + buffer->Used, Text, count);
        buffer->Used += count;
    }
    return 0;
}

static int
NtcrtpFillWide(void *Context, const uint16_t *Text, size_t Length)
{
    NTCRTP_BUFFER *buffer = Context;
    size_t room = buffer->Size - buffer->Used;
    size_t count = Length < room ? Length : room;

    if (count != 0) {
        memcpy(buffer->Wide + buffer->Used, Text, count * sizeof(*Text));
        buffer->Used += count;
    }
    return 0;
}

#pragma GCC visibility push(default)

int
NtcrtFormat(NTCRT_SINK *Sink, void *Context, const char *Format, va_list Arguments)
{
    NTCRTP_OUTPUT output = {.Narrow = Sink, .Context = Context};
    NTCRTP_INPUT input = {.Narrow = Format};
    NTCRTP_ARGUMENTS arguments;
    int result;

    va_copy(arguments.List, Arguments);
    result = NtcrtpRun(&output, &input, &arguments);
    va_end(arguments.List);
    return result;
}

int
NtcrtFormatWide(NTCRT_WIDE_SINK *Sink, void *Context, const uint16_t *Format, va_list Arguments)
{
    NTCRTP_OUTPUT output = {.Wide = Sink, .Context = Context};
    NTCRTP_INPUT input = {.Wide = Format};
    NTCRTP_ARGUMENTS arguments;
    int result;

    va_copy(arguments.List, Arguments);
    result = NtcrtpRun(&output, &input, &arguments);
    va_end(arguments.List);
    return result;
}

int
NtcrtFormatA(char *Buffer, size_t Size, const char *Format, va_list Arguments)
{
    NTCRTP_BUFFER buffer = {.Narrow = Buffer, .Size = Size == 0 ? 0 : Size - 1};
    int result = NtcrtFormat(NtcrtpFillNarrow, &buffer, Format, Arguments);
    size_t end = buffer.Used;

    if (Size == 0) {
        return result;
    }
    if (end == buffer.Size && result > (int)end) {
        /* Cut: step back over a character of which only a part is there. */
        while (end != 0 && ((unsigned char)Buffer[end - 1] & 0xc0) == 0x80) {
            end--;
        }
        if (end != 0 && ((unsigned char)Buffer[end - 1] & 0xc0) == 0xc0) {
            unsigned char lead = (unsigned char)Buffer[end - 1];
            size_t whole = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

            end = buffer.Used - (end - 1) >= whole ? buffer.Used : end - 1;
        } else {
            end = buffer.Used;
        }
    }
    Buffer[end] = 0;
    return result;
}

int
NtcrtFormatW(uint16_t *Buffer, size_t Size, const uint16_t *Format, va_list Arguments)
{
    NTCRTP_BUFFER buffer = {.Wide = Buffer, .Size = Size == 0 ? 0 : Size - 1};
    int result = NtcrtFormatWide(NtcrtpFillWide, &buffer, Format, Arguments);

    if (Size != 0) {
        Buffer[buffer.Used] = 0;
    }
    return result;
}

#pragma GCC visibility pop
