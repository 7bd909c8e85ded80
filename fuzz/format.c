/* SPDX-License-Identifier: MIT
 *
 * fuzz/format.c - the format engine with a format and arguments from the input
 *
 * Whatever the format takes an argument for, it is a valid one: every integer argument is either a
 * small number (formats without strings) or the address of a block that can be read as a narrow
 * string, as a wide string and as a counted string.
 *
 * Input  1 byte: choices; 2 bytes: size of the buffer; 16 bytes of text; the rest: the format
 */
#include "fuzz.h"

#include "ntcrt.h"

#include <string.h>

#define MAX_FORMAT 512
#define MAX_ARGUMENTS 24 /* conversions and stars of one format */
#define MAX_OUTPUT 4096
#define ARGUMENTS(a)                                                                               \
    a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14], \
        a[15], a[16], a[17], a[18], a[19], a[20], a[21], a[22], a[23], a[24], a[25], a[26], a[27], \
        a[28], a[29], a[30], a[31]
#define FLOATS(f) f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]

/* As UNICODE_STRING, and as text: its address ends both a narrow and a wide string. */
typedef struct FUZZ_TEXT {
    uint16_t Length;
    uint16_t MaximumLength;
    uint32_t Padding;
    const void *Buffer;
    uint64_t End;
} FUZZ_TEXT;

#define CHOICE_WIDE 1
#define CHOICE_NUMBERS 2 /* integers are numbers; the format has no strings */
#define CHOICE_NULL 4    /* some strings are NULL */

static FUZZ_TEXT Texts[4];
static uint8_t Content[16];

static int
CountNarrow(void *Context, const char *Text, size_t Length)
{
    volatile char last = Length != 0 ? Text[Length - 1] : 0;

    (void)last;
    *(size_t *)Context += Length;
    return 0;
}

static int
CountWide(void *Context, const uint16_t *Text, size_t Length)
{
    volatile uint16_t last = Length != 0 ? Text[Length - 1] : 0;

    (void)last;
    *(size_t *)Context += Length;
    return 0;
}

static int
FormatA(char *Buffer, size_t Size, size_t *Counted, const char *Format, ...)
{
    va_list arguments;
    int result;

    va_start(arguments, Format);
    result = Counted != NULL ? NtcrtFormat(CountNarrow, Counted, Format, arguments)
                             : NtcrtFormatA(Buffer, Size, Format, arguments);
    va_end(arguments);
    return result;
}

static int
FormatW(uint16_t *Buffer, size_t Size, size_t *Counted, const uint16_t *Format, ...)
{
    va_list arguments;
    int result;

    va_start(arguments, Format);
    result = Counted != NULL ? NtcrtFormatWide(CountWide, Counted, Format, arguments)
                             : NtcrtFormatW(Buffer, Size, Format, arguments);
    va_end(arguments);
    return result;
}

/* The texts and the arguments that point to them. */
static void
MakeArguments(FUZZ_INPUT *Input, unsigned Choices, uint64_t *Integers, double *Floats)
{
    FuzzTakeBytes(Input, Content, sizeof(Content));
    for (unsigned i = 0; i < 4; i++) {
        Texts[i].Length = (uint16_t)(2 + i * 4);
        Texts[i].MaximumLength = Texts[i].Length;
        Texts[i].Padding = 0x01010101u * (1 + Content[i] % 255);
        Texts[i].Buffer = Content;
    }
    for (unsigned i = 0; i < 32; i++) {
        uint64_t number = 0;

        memcpy(&number, Content + i % 8, 1 + i % 8);
        Integers[i] =
            (Choices & CHOICE_NUMBERS) ? (i % 2 ? number : 0 - number) : (uintptr_t)&Texts[i % 4];
        if ((Choices & CHOICE_NULL) && i % 3 == 1) {
            Integers[i] = 0;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        memcpy(&Floats[i], Content + i, sizeof(Floats[i]));
    }
}

/* The rest of the input as a format that the arguments fit. */
static size_t
MakeFormat(FUZZ_INPUT *Input, unsigned Choices, char *Format)
{
    unsigned arguments = 0;
    size_t length = 0;

    while (Input->Size != 0 && length < MAX_FORMAT) {
        char unit = (char)FuzzTake(Input, 1);

        if ((Choices & CHOICE_NUMBERS) && strchr("sSZ", unit) != NULL) {
            unit = 'd';
        }
        if ((unit == '%' || unit == '*') && arguments++ == MAX_ARGUMENTS) {
            break;
        }
        if (unit == 0) {
            break;
        }
        Format[length++] = unit;
    }
    Format[length] = 0;
    return length;
}

static void
CheckNarrow(const char *Format, const uint64_t *a, const double *f, size_t Size)
{
    size_t counted = 0;
    char *buffer = FuzzAllocate(Size + 1);
    int result;

    buffer[Size] = 'X';
    result = FormatA(buffer, Size, NULL, Format, ARGUMENTS(a), FLOATS(f));
    FUZZ_CHECK(buffer[Size] == 'X');
    FUZZ_CHECK(result >= -1);
    FUZZ_CHECK(Size == 0 || memchr(buffer, 0, Size) != NULL);
    FUZZ_CHECK(FormatA(NULL, 0, &counted, Format, ARGUMENTS(a), FLOATS(f)) == result);
    FUZZ_CHECK(result == -1 || counted == (size_t)result);
    FuzzFree(buffer);
}

static void
CheckWide(const char *Format, const uint64_t *a, const double *f, size_t Size)
{
    uint16_t format[MAX_FORMAT + 1];
    uint16_t *buffer = FuzzAllocate((Size + 1) * sizeof(*buffer));
    size_t counted = 0;
    size_t i = 0;
    int result;

    do {
        format[i] = (unsigned char)Format[i];
    } while (Format[i++] != 0);
    buffer[Size] = 'X';
    result = FormatW(buffer, Size, NULL, format, ARGUMENTS(a), FLOATS(f));
    FUZZ_CHECK(buffer[Size] == 'X');
    FUZZ_CHECK(result >= -1);
    for (i = 0; i < Size && buffer[i] != 0; i++) {
    }
    FUZZ_CHECK(Size == 0 || i < Size);
    FUZZ_CHECK(FormatW(NULL, 0, &counted, format, ARGUMENTS(a), FLOATS(f)) == result);
    FUZZ_CHECK(result == -1 || counted == (size_t)result);
    FuzzFree(buffer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    FUZZ_INPUT input = {Data, Size};
    unsigned choices = (unsigned)FuzzTake(&input, 1);
    size_t size = FuzzTake(&input, 2) % MAX_OUTPUT;
    char format[MAX_FORMAT + 1];
    uint64_t integers[32];
    double floats[8];

    MakeArguments(&input, choices, integers, floats);
    MakeFormat(&input, choices, format);
    if (choices & CHOICE_WIDE) {
        CheckWide(format, integers, floats, size);
    } else {
        CheckNarrow(format, integers, floats, size);
    }
    return 0;
}
