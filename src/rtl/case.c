/* SPDX-License-Identifier: MIT
 *
 * rtl/case.c - upper and lower case, of one UTF-16 unit at a time as Windows does it
 *
 * Differs  the table is that of the Unicode version named in case_table.h; Windows's is older
 * Source   WDK reference, ntifs.h RtlUpcaseUnicodeChar
 */
#include "rtl/rtl.h"

/* Every Stride-th unit of First..Last gets Delta added, modulo 65536. */
typedef struct RTLP_CASE_RUN {
    USHORT First;
    USHORT Last;
    USHORT Stride;
    USHORT Delta;
} RTLP_CASE_RUN;

#include "rtl/case_table.h"

static WCHAR
RtlpMapCase(const RTLP_CASE_RUN *Runs, ULONG Count, WCHAR Unit)
{
    ULONG low = 0;
    ULONG high = Count;

    while (low < high) {
        ULONG middle = (low + high) / 2;
        const RTLP_CASE_RUN *run = &Runs[middle];
        if (Unit < run->First) {
            high = middle;
        } else if (Unit > run->Last) {
            low = middle + 1;
        } else {
            return (Unit - run->First) % run->Stride == 0 ? (WCHAR)(Unit + run->Delta) : Unit;
        }
    }
    return Unit;
}

#pragma GCC visibility push(default)

WCHAR NTAPI
RtlUpcaseUnicodeChar(WCHAR SourceCharacter)
{
    NT_ENTER(RtlUpcaseUnicodeChar);
    if (SourceCharacter < 0x80) {
        return SourceCharacter >= 'a' && SourceCharacter <= 'z' ? SourceCharacter - 32
                                                                : SourceCharacter;
    }
    return RtlpMapCase(RtlpUpcaseRuns, RTL_NUMBER_OF(RtlpUpcaseRuns), SourceCharacter);
}

WCHAR NTAPI
RtlDowncaseUnicodeChar(WCHAR SourceCharacter)
{
    NT_ENTER(RtlDowncaseUnicodeChar);
    if (SourceCharacter < 0x80) {
        return SourceCharacter >= 'A' && SourceCharacter <= 'Z' ? SourceCharacter + 32
                                                                : SourceCharacter;
    }
    return RtlpMapCase(RtlpDowncaseRuns, RTL_NUMBER_OF(RtlpDowncaseRuns), SourceCharacter);
}

/* A byte of UTF-8 has a case only if it is ASCII. */
CHAR NTAPI
RtlUpperChar(CHAR Character)
{
    NT_ENTER(RtlUpperChar);
    return Character >= 'a' && Character <= 'z' ? Character - 32 : Character;
}

VOID NTAPI
RtlUpperString(PSTRING DestinationString, const PSTRING SourceString)
{
    NT_ENTER(RtlUpperString);
    USHORT length = SourceString->Length < DestinationString->MaximumLength
                        ? SourceString->Length
                        : DestinationString->MaximumLength;

    for (USHORT i = 0; i < length; i++) {
        DestinationString->Buffer[i] = RtlUpperChar(SourceString->Buffer[i]);
    }
    DestinationString->Length = length;
}

#pragma GCC visibility pop

static NTSTATUS
RtlpMapString(PUNICODE_STRING Destination, PCUNICODE_STRING Source, BOOLEAN Allocate,
              WCHAR(NTAPI *Map)(WCHAR))
{
    if (Allocate) {
        PWSTR buffer = RtlpAllocate(Source->Length != 0 ? Source->Length : sizeof(WCHAR));
        if (buffer == NULL) {
            return STATUS_NO_MEMORY;
        }
        Destination->Buffer = buffer;
        Destination->MaximumLength = Source->Length;
    } else if (Source->Length > Destination->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    for (USHORT i = 0; i < Source->Length / sizeof(WCHAR); i++) {
        Destination->Buffer[i] = Map(Source->Buffer[i]);
    }
    Destination->Length = Source->Length;
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

/*
 * RtlUpcaseUnicodeString - copy a string in upper case; source and destination may be one
 *
 * Errors   STATUS_BUFFER_OVERFLOW; STATUS_NO_MEMORY
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                       BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlUpcaseUnicodeString);
    return RtlpMapString(DestinationString, SourceString, AllocateDestinationString,
                         RtlUpcaseUnicodeChar);
}

NTSTATUS NTAPI
RtlDowncaseUnicodeString(PUNICODE_STRING UniDest, PCUNICODE_STRING UniSource,
                         BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlDowncaseUnicodeString);
    return RtlpMapString(UniDest, UniSource, AllocateDestinationString, RtlDowncaseUnicodeChar);
}

#pragma GCC visibility pop
