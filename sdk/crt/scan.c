/* SPDX-License-Identifier: MIT
 *
 * crt/scan.c - sscanf, scanf, fscanf and their _s forms with Microsoft's meaning
 *
 * Differs from the host's: long is 32 bits; I64, I32 and I are sizes; in the _s forms %s, %c and %[
 * are followed by the size of their buffer in units, which ends up empty if the field does not fit.
 * %S, %C and an l make the target 16 bit text, of which the input is the UTF-8.
 *
 * Source  Microsoft C runtime docs, "Format specification fields: scanf and wscanf functions",
 *         "scanf Type Field Characters", sscanf_s; ISO C 7.21.6.2.
 */
#include "utf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ntcrt_isspace(int Character);

#define MAX_FIELD 512 /* of a number, as text */

typedef struct SCAN {
    const char *Text; /* or NULL: Stream */
    FILE *Stream;
    int Secure;
    long Taken; /* characters read, for %n */
} SCAN;

/* One conversion: %[*][Width][size]Type */
typedef struct SCAN_FIELD {
    int Suppress;
    size_t Width;    /* SIZE_MAX: no limit */
    size_t Size;     /* of the target in bytes, 0: the type's own */
    int IsLong;      /* l, L or w */
    int IsWide;      /* of text: the target has 16 bit units */
    char Type;       /* S is s, C is c */
    const char *Set; /* of %[: behind the bracket */
    size_t SetLength;
} SCAN_FIELD;

static int
Take(SCAN *Scan)
{
    int unit;

    if (Scan->Text == NULL) {
        unit = getc(Scan->Stream);
    } else {
        unit = *Scan->Text != '\0' ? (unsigned char)*Scan->Text++ : EOF;
    }
    Scan->Taken += unit != EOF;
    return unit;
}

static void
PutBack(SCAN *Scan, int Unit)
{
    if (Unit == EOF) {
        return;
    }
    Scan->Taken--;
    if (Scan->Text == NULL) {
        ungetc(Unit, Scan->Stream);
    } else {
        Scan->Text--;
    }
}

/* 0 at the end of the input. */
static int
SkipBlanks(SCAN *Scan)
{
    int unit;

    do {
        unit = Take(Scan);
    } while (unit != EOF && ntcrt_isspace(unit));
    PutBack(Scan, unit);
    return unit != EOF;
}

/* ---- the format ---- */

static const char *
ReadSize(const char *Format, SCAN_FIELD *Field)
{
    static const struct {
        char Text[4];
        size_t Size;
    } rows[] = {{"hh", 1},  {"h", 2},   {"ll", 8}, {"l", 4}, {"w", 4}, {"L", 8},
                {"I64", 8}, {"I32", 4}, {"I", 8},  {"z", 8}, {"t", 8}, {"j", 8}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t length = strlen(rows[i].Text);

        if (strncmp(Format, rows[i].Text, length) == 0) {
            Field->Size = rows[i].Size;
            Field->IsLong = length == 1 && strchr("lLw", Format[0]) != NULL;
            return Format + length;
        }
    }
    return Format;
}

/* The set of %[...]: a leading ^ and a first ] belong to it. NULL: it is not closed. */
static const char *
ReadSet(const char *Format, SCAN_FIELD *Field)
{
    const char *end = Format + (Format[0] == '^');

    end = *end != '\0' ? strchr(end + 1, ']') : NULL;
    if (end == NULL) {
        return NULL;
    }
    Field->Set = Format;
    Field->SetLength = (size_t)(end - Format);
    return end + 1;
}

/* Format: behind the %. Returns what follows the conversion, or NULL: it is none. */
static const char *
ReadField(const char *Format, SCAN_FIELD *Field)
{
    char *end;

    memset(Field, 0, sizeof(*Field));
    Field->Suppress = *Format == '*';
    Format += Field->Suppress;
    Field->Width = SIZE_MAX;
    if (*Format >= '0' && *Format <= '9') {
        Field->Width = strtoul(Format, &end, 10);
        Format = end;
    }
    Format = ReadSize(Format, Field);
    Field->Type = *Format++;
    if (Field->Width == 0 || Field->Type == '\0' ||
        strchr("diuoxXpaAeEfFgGcCsS[n", Field->Type) == NULL) {
        return NULL;
    }
    if (strchr("cCsS[", Field->Type) != NULL) {
        int isOther = Field->Type == 'S' || Field->Type == 'C'; /* the function's is 8 bit text */

        Field->IsWide = Field->Size == 0 ? isOther : Field->IsLong;
        Field->Type = isOther ? (char)(Field->Type | 0x20) : Field->Type;
    }
    return Field->Type == '[' ? ReadSet(Format, Field) : Format;
}

/* ---- numbers ---- */

/* Collects while Accepts does; the field's text, terminated. Returns its length. */
static size_t
Collect(SCAN *Scan, const SCAN_FIELD *Field, const char *Accept, char Text[MAX_FIELD])
{
    size_t limit = Field->Width < MAX_FIELD - 1 ? Field->Width : MAX_FIELD - 1;
    size_t length = 0;
    int unit = EOF;

    while (length < limit && (unit = Take(Scan)) != EOF) {
        if (unit == '\0' || strchr(Accept, unit) == NULL) {
            PutBack(Scan, unit);
            break;
        }
        Text[length++] = (char)unit;
    }
    Text[length] = '\0';
    return length;
}

/* What was collected but belongs to no number goes back; from text any number of characters. */
static void
PutBackRest(SCAN *Scan, const char *Text, const char *End)
{
    for (const char *at = Text + strlen(Text); at > End; at--) {
        PutBack(Scan, (unsigned char)at[-1]);
    }
}

static void
StoreInteger(const SCAN_FIELD *Field, unsigned long long Value, void *Target)
{
    size_t size = Field->Type == 'p' ? 8 : Field->Size != 0 ? Field->Size : 4;

    memcpy(Target, &Value, size); /* little-endian */
}

static int
ScanInteger(SCAN *Scan, const SCAN_FIELD *Field, void *Target)
{
    int base = Field->Type == 'i' ? 0 : Field->Type == 'o' ? 8 : 10;
    char text[MAX_FIELD];
    unsigned long long value;
    char *end;

    if (strchr("xXp", Field->Type) != NULL) {
        base = 16;
    }
    Collect(Scan, Field,
            base == 10  ? "+-0123456789"
            : base == 8 ? "+-01234567"
                        : "+-0123456789abcdefABCDEFxX",
            text);
    value = strtoull(text, &end, base); /* a sign negates, as in both of ISO C's */
    PutBackRest(Scan, text, end);
    if (end == text) {
        return 0;
    }
    if (Target != NULL) {
        StoreInteger(Field, value, Target);
    }
    return 1;
}

static int
ScanFloat(SCAN *Scan, const SCAN_FIELD *Field, void *Target)
{
    char text[MAX_FIELD];
    double value;
    char *end;

    Collect(Scan, Field, "+-.0123456789abcdefABCDEFxXpPnNiItTyY", text);
    value = strtod(text, &end);
    PutBackRest(Scan, text, end);
    if (end == text) {
        return 0;
    }
    if (Target == NULL) {
        return 1;
    }
    if (Field->Size == 8 && Field->IsLong) {
        *(long double *)Target = value; /* L: this compiler's long double */
    } else if (Field->Size != 0) {
        *(double *)Target = value;
    } else {
        *(float *)Target = (float)value;
    }
    return 1;
}

/* ---- text ---- */

static int
IsInSet(const SCAN_FIELD *Field, int Unit)
{
    const char *set = Field->Set;
    const char *end = set + Field->SetLength;
    int inverted = *set == '^';
    int found = 0;

    for (set += inverted; set < end; set++) {
        unsigned char low = (unsigned char)set[0];

        if (set + 2 < end && set[1] == '-') {
            unsigned char high = (unsigned char)set[2];

            /* %[z-a] is %[a-z]. */
            found |= (Unit >= low && Unit <= high) || (Unit >= high && Unit <= low);
            set += 2;
        } else {
            found |= Unit == low;
        }
    }
    return found != inverted;
}

static int
Belongs(const SCAN_FIELD *Field, int Unit)
{
    return Field->Type == 'c' || (Field->Type == 's' ? !ntcrt_isspace(Unit) : IsInSet(Field, Unit));
}

/* One character of the field, as its bytes; 0: the field or the input ends here. */
static size_t
TakeCharacter(SCAN *Scan, const SCAN_FIELD *Field, char Bytes[4])
{
    int unit = Take(Scan);
    size_t need;
    size_t count = 1;

    if (unit == EOF || !Belongs(Field, unit)) {
        PutBack(Scan, unit);
        return 0;
    }
    Bytes[0] = (char)unit;
    need = !Field->IsWide || unit < 0xc2 || unit > 0xf4 ? 1 : unit < 0xe0 ? 2 : unit < 0xf0 ? 3 : 4;
    while (count < need) {
        unit = Take(Scan);
        if (unit == EOF || (unit & 0xc0) != 0x80) {
            PutBack(Scan, unit);
            break;
        }
        Bytes[count++] = (char)unit;
    }
    return count;
}

typedef struct SCAN_TARGET {
    void *Units; /* NULL: nothing is kept */
    size_t Room; /* in units; SIZE_MAX: unknown */
    size_t Used;
    int IsWide;
} SCAN_TARGET;

static void
StoreUnit(const SCAN_TARGET *Target, size_t Index, uint16_t Unit)
{
    if (Target->IsWide) {
        ((uint16_t *)Target->Units)[Index] = Unit;
    } else {
        ((char *)Target->Units)[Index] = (char)Unit;
    }
}

/* 0: no room; Reserved units are kept free. */
static int
Append(SCAN_TARGET *Target, const char *Bytes, size_t Count, size_t Reserved)
{
    uint16_t units[8] = {(unsigned char)Bytes[0]};
    size_t count = Target->IsWide ? NtcrtUtf8ToUtf16(units, 8, Bytes, Count) : 1;

    if (Target->Units == NULL) {
        return 1;
    }
    if (Target->Room < Reserved || Target->Room - Reserved - Target->Used < count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        StoreUnit(Target, Target->Used++, units[i]);
    }
    return 1;
}

/* Room: units that Target holds, with a terminator for %s and %[. Width counts characters. */
static int
ScanText(SCAN *Scan, const SCAN_FIELD *Field, void *Target, size_t Room)
{
    int isCharacters = Field->Type == 'c';
    SCAN_TARGET target = {.Units = Target, .Room = Room, .IsWide = Field->IsWide};
    size_t limit = isCharacters && Field->Width == SIZE_MAX ? 1 : Field->Width;
    size_t length;
    size_t count;
    char bytes[4];

    for (length = 0; length < limit; length++) {
        count = TakeCharacter(Scan, Field, bytes);
        if (count == 0) {
            break;
        }
        if (!Append(&target, bytes, count, !isCharacters)) {
            if (Room != 0) {
                StoreUnit(&target, 0, 0);
            }
            return 0;
        }
    }
    if (isCharacters) {
        return length == limit;
    }
    if (length != 0 && Target != NULL) {
        StoreUnit(&target, target.Used, 0);
    }
    return length != 0;
}

/* ---- all of it ---- */

/* 1: done, -1: the input ended before, 0: it does not fit. */
static int
Convert(SCAN *Scan, const SCAN_FIELD *Field, va_list *Arguments)
{
    void *target = Field->Suppress ? NULL : va_arg(*Arguments, void *);
    int isText = strchr("cs[", Field->Type) != NULL;
    size_t room = SIZE_MAX;
    int unit;

    if (isText && Scan->Secure && !Field->Suppress) {
        room = va_arg(*Arguments, unsigned);
    }
    if (Field->Type == 'n') {
        if (target != NULL) {
            StoreInteger(Field, (unsigned long long)Scan->Taken, target);
        }
        return 1;
    }
    if (Field->Type != 'c' && Field->Type != '[') {
        SkipBlanks(Scan);
    }
    unit = Take(Scan);
    if (unit == EOF) {
        return -1;
    }
    PutBack(Scan, unit);
    if (isText) {
        return ScanText(Scan, Field, target, room);
    }
    return strchr("aAeEfFgG", Field->Type) != NULL ? ScanFloat(Scan, Field, target)
                                                   : ScanInteger(Scan, Field, target);
}

/* A literal character of the format: 1 if the input has it; -1 at its end. */
static int
MatchLiteral(SCAN *Scan, char Literal)
{
    int unit = Take(Scan);

    if (unit == (unsigned char)Literal) {
        return 1;
    }
    PutBack(Scan, unit);
    return unit == EOF ? -1 : 0;
}

static int
ScanAll(SCAN *Scan, const char *Format, va_list *Arguments)
{
    int stored = 0;
    int isFirst = 1; /* no conversion was done: the input's end is EOF */

    if ((Scan->Text == NULL && Scan->Stream == NULL) || Format == NULL) {
        errno = EINVAL;
        return EOF;
    }
    while (*Format != '\0') {
        SCAN_FIELD field;
        int result;

        if (ntcrt_isspace((unsigned char)*Format)) {
            SkipBlanks(Scan);
            Format++;
            continue;
        }
        if (Format[0] != '%' || Format[1] == '%') {
            if (*Format == '%') {
                SkipBlanks(Scan);
                Format++;
            }
            result = MatchLiteral(Scan, *Format++);
        } else {
            Format = ReadField(Format + 1, &field);
            if (Format == NULL) {
                return stored;
            }
            result = Convert(Scan, &field, Arguments);
            stored += result == 1 && !field.Suppress && field.Type != 'n';
            isFirst &= result != 1;
        }
        if (result != 1) {
            return result < 0 && isFirst ? EOF : stored;
        }
    }
    return stored;
}

#pragma GCC visibility push(default)

int
ntcrt_vsscanf(const char *Text, const char *Format, va_list Arguments)
{
    SCAN scan = {.Text = Text};
    va_list arguments;
    int result;

    va_copy(arguments, Arguments);
    result = ScanAll(&scan, Format, &arguments);
    va_end(arguments);
    return result;
}

/* The variadic functions: which input, and whether buffers carry their size. */
#define SCAN_FUNCTION(name, parameters, ...)         \
    int name parameters                              \
    {                                                \
        SCAN scan = {__VA_ARGS__};                   \
        va_list arguments;                           \
        int result;                                  \
                                                     \
        va_start(arguments, Format);                 \
        result = ScanAll(&scan, Format, &arguments); \
        va_end(arguments);                           \
        return result;                               \
    }

SCAN_FUNCTION(ntcrt_sscanf, (const char *Text, const char *Format, ...), .Text = Text)
SCAN_FUNCTION(ntcrt_sscanf_s, (const char *Text, const char *Format, ...), .Text = Text,
              .Secure = 1)
SCAN_FUNCTION(ntcrt_scanf, (const char *Format, ...), .Stream = stdin)
SCAN_FUNCTION(ntcrt_scanf_s, (const char *Format, ...), .Stream = stdin, .Secure = 1)
SCAN_FUNCTION(ntcrt_fscanf, (FILE * Stream, const char *Format, ...), .Stream = Stream)
SCAN_FUNCTION(ntcrt_fscanf_s, (FILE * Stream, const char *Format, ...), .Stream = Stream,
              .Secure = 1)

#pragma GCC visibility pop
