/* SPDX-License-Identifier: MIT
 *
 * io/fsrtl.c - names and statuses, as file systems and filters look at them
 *
 * The pure routines of the file-system run-time library: they keep nothing and call nobody.
 *
 * Source   WDK reference, ntifs.h, ntddk.h: each function's page
 */
#include "io/iop.h"

#define IOP_TAG_FSRTL IOP_MAKE_TAG('F', 's', 'R', 't')
#define IOP_STACK_STATES 256u

static BOOLEAN
IopIsWild(ULONG Character)
{
    return Character == '*' || Character == '?' || Character == DOS_STAR || Character == DOS_QM ||
           Character == DOS_DOT;
}

/* ---- matching: the set of places in the expression that the name read so far may have reached */

typedef struct IOP_MATCH {
    const WCHAR *Expression;
    ULONG Length;
    PUCHAR State; /* Length + 1 */
    PUCHAR Next;
} IOP_MATCH;

/* Places that are reached without reading a character, when Character (0: the end) comes next. */
static VOID
IopSkipEmpty(IOP_MATCH *Match, PUCHAR State, WCHAR Character, BOOLEAN AtEnd)
{
    for (ULONG i = 0; i < Match->Length; ++i) {
        WCHAR c = Match->Expression[i];
        if (State[i] && (c == L'*' || c == DOS_STAR || (c == DOS_DOT && AtEnd) ||
                         (c == DOS_QM && (AtEnd || Character == L'.')))) {
            State[i + 1] = TRUE;
        }
    }
}

/* FinalDot: Character is the last '.' of the name. Returns FALSE if no place is left. */
static BOOLEAN
IopReadCharacter(IOP_MATCH *Match, WCHAR Character, BOOLEAN FinalDot)
{
    BOOLEAN any = FALSE;
    PUCHAR swap;

    IopSkipEmpty(Match, Match->State, Character, FALSE);
    memset(Match->Next, 0, Match->Length + 1);
    for (ULONG i = 0; i < Match->Length; ++i) {
        WCHAR c = Match->Expression[i];
        if (!Match->State[i]) {
            continue;
        }
        if (c == L'*' || (c == DOS_STAR && !FinalDot)) {
            Match->Next[i] = TRUE;
            any = TRUE;
        } else if (c == L'?' || (c == DOS_QM && Character != L'.') ||
                   (c == DOS_DOT && Character == L'.') || (!IopIsWild(c) && c == Character)) {
            Match->Next[i + 1] = TRUE;
            any = TRUE;
        }
    }
    swap = Match->State;
    Match->State = Match->Next;
    Match->Next = swap;
    return any;
}

static WCHAR
IopFold(WCHAR Character, BOOLEAN IgnoreCase, const WCHAR *UpcaseTable)
{
    if (!IgnoreCase) {
        return Character;
    }
    return UpcaseTable != NULL ? UpcaseTable[Character] : RtlUpcaseUnicodeChar(Character);
}

typedef struct IOP_MATCH_NAME {
    const WCHAR *Buffer;
    ULONG Length; /* in characters */
    BOOLEAN IgnoreCase;
    const WCHAR *UpcaseTable; /* NULL: the system's */
} IOP_MATCH_NAME;

static BOOLEAN
IopMatchName(IOP_MATCH *Match, const IOP_MATCH_NAME *Name)
{
    ULONG length = Name->Length;
    ULONG lastDot = length;

    for (ULONG i = 0; i < length; ++i) {
        lastDot = Name->Buffer[i] == L'.' ? i : lastDot;
    }
    memset(Match->State, 0, Match->Length + 1);
    Match->State[0] = TRUE;
    for (ULONG i = 0; i < length; ++i) {
        WCHAR c = IopFold(Name->Buffer[i], Name->IgnoreCase, Name->UpcaseTable);
        if (!IopReadCharacter(Match, c, i == lastDot)) {
            return FALSE;
        }
    }
    IopSkipEmpty(Match, Match->State, 0, TRUE);
    return Match->State[Match->Length];
}

/* Lengths in characters. STATUS_NO_MEMORY: a long pattern has no room for its places. */
static NTSTATUS
IopMatchExpression(const WCHAR *Expression, ULONG Length, const IOP_MATCH_NAME *Name,
                   BOOLEAN *Matches)
{
    UCHAR states[2 * IOP_STACK_STATES];
    IOP_MATCH match = {.Expression = Expression, .Length = Length};
    PUCHAR memory = states;

    if (Length == 0 || Name->Length == 0) {
        *Matches = Length == Name->Length;
        return STATUS_SUCCESS;
    }
    if (Length >= IOP_STACK_STATES) {
        memory = ExAllocatePoolWithTag(PagedPool, 2 * ((SIZE_T)Length + 1), IOP_TAG_FSRTL);
        if (memory == NULL) {
            return STATUS_NO_MEMORY;
        }
    }
    match.State = memory;
    match.Next = memory + Length + 1;
    *Matches = IopMatchName(&match, Name);
    if (memory != states) {
        ExFreePoolWithTag(memory, IOP_TAG_FSRTL);
    }
    return STATUS_SUCCESS;
}

/* A copy in UTF-16, which the caller frees; *Length in characters. NULL: no memory. */
static PWCH
IopWiden(const ANSI_STRING *String, PULONG Length)
{
    ULONG size = max((ULONG)String->Length, 1u) * (ULONG)sizeof(WCHAR);
    PWCH wide = ExAllocatePoolWithTag(PagedPool, size, IOP_TAG_FSRTL);
    ULONG bytes = 0;

    if (wide != NULL) {
        RtlMultiByteToUnicodeN(wide, size, &bytes, String->Buffer, String->Length);
    }
    *Length = bytes / (ULONG)sizeof(WCHAR);
    return wide;
}

static NTSTATUS
IopMatchDbcs(const ANSI_STRING *Expression, const ANSI_STRING *Name, BOOLEAN *Matches)
{
    NTSTATUS status = STATUS_NO_MEMORY;
    IOP_MATCH_NAME wideName = {0};
    ULONG length;
    PWCH pattern = IopWiden(Expression, &length);
    PWCH name = IopWiden(Name, &wideName.Length);

    if (pattern != NULL && name != NULL) {
        wideName.Buffer = name;
        status = IopMatchExpression(pattern, length, &wideName, Matches);
    }
    if (name != NULL) {
        ExFreePoolWithTag(name, IOP_TAG_FSRTL);
    }
    if (pattern != NULL) {
        ExFreePoolWithTag(pattern, IOP_TAG_FSRTL);
    }
    return status;
}

/* ---- file names of FAT and HPFS, of one component ---- */

static BOOLEAN
IopIsLegalByte(UCHAR Byte, const char *Illegal, BOOLEAN WildCards)
{
    if (IopIsWild(Byte)) {
        return WildCards;
    }
    return Byte >= 0x20 && strchr(Illegal, Byte) == NULL;
}

static BOOLEAN
IopIsLegalFatComponent(const char *Name, SIZE_T Length, BOOLEAN WildCards)
{
    SIZE_T dot = Length;
    ULONG dots = 0;
    BOOLEAN isWild = FALSE;

    for (SIZE_T i = 0; i < Length; ++i) {
        if (!IopIsLegalByte((UCHAR)Name[i], "\"/:|+,;=[]\\", WildCards)) {
            return FALSE;
        }
        isWild = isWild || IopIsWild((UCHAR)Name[i]);
        if (Name[i] == '.') {
            dot = i;
            ++dots;
        }
    }
    if (isWild) {
        return TRUE; /* its parts have no fixed length */
    }
    if (dots > 1 || dot == 0 || dot > 8 || Name[dot - 1] == ' ') {
        return FALSE;
    }
    return dot == Length ||
           (Length - dot - 1 >= 1 && Length - dot - 1 <= 3 && Name[Length - 1] != ' ');
}

static BOOLEAN
IopIsLegalHpfsComponent(const char *Name, SIZE_T Length, BOOLEAN WildCards)
{
    for (SIZE_T i = 0; i < Length; ++i) {
        if (!IopIsLegalByte((UCHAR)Name[i], "\"/:<>?|*\\", WildCards)) {
            return FALSE;
        }
    }
    return Length != 0 && Length <= 255 && Name[Length - 1] != '.' && Name[Length - 1] != ' ';
}

typedef BOOLEAN IOP_IS_LEGAL(const char *Name, SIZE_T Length, BOOLEAN WildCards);

/* "." and ".." are names of FAT and HPFS folders. */
static BOOLEAN
IopIsLegalPath(const ANSI_STRING *Path, IOP_IS_LEGAL *IsLegal, BOOLEAN WildCards, BOOLEAN IsPath,
               BOOLEAN LeadingBackslash)
{
    const char *at = Path->Buffer;
    const char *end = at + Path->Length;

    if (at == end) {
        return FALSE;
    }
    if (*at == '\\') {
        if (!LeadingBackslash) {
            return FALSE;
        }
        if (++at == end) {
            return TRUE;
        }
    }
    for (;;) {
        const char *next = memchr(at, '\\', (SIZE_T)(end - at));
        SIZE_T length = (SIZE_T)((next != NULL ? next : end) - at);
        BOOLEAN isDots =
            (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.');
        if (!isDots && !IsLegal(at, length, WildCards)) {
            return FALSE;
        }
        if (next == NULL) {
            return TRUE;
        }
        if (!IsPath) {
            return FALSE;
        }
        at = next + 1;
    }
}

#pragma GCC visibility push(default)

/* ---- statuses ---- */

/* FALSE: the exception is a defect of the code itself; a file system does not handle it. */
BOOLEAN NTAPI
FsRtlIsNtstatusExpected(NTSTATUS Exception)
{
    return Exception != STATUS_ACCESS_VIOLATION && Exception != STATUS_DATATYPE_MISALIGNMENT &&
           Exception != STATUS_ILLEGAL_INSTRUCTION && Exception != STATUS_INSTRUCTION_MISALIGNMENT;
}

/* Exception if it is expected, else GenericException. */
NTSTATUS NTAPI
FsRtlNormalizeNtstatus(NTSTATUS Exception, NTSTATUS GenericException)
{
    return FsRtlIsNtstatusExpected(Exception) ? Exception : GenericException;
}

/* TRUE: an error of the device as a whole, not of one sector. */
BOOLEAN NTAPI
FsRtlIsTotalDeviceFailure(NTSTATUS Status)
{
    return !NT_SUCCESS(Status) && Status != STATUS_CRC_ERROR && Status != STATUS_DEVICE_DATA_ERROR;
}

/* ---- names ---- */

BOOLEAN NTAPI
FsRtlDoesNameContainWildCards(PUNICODE_STRING Name)
{
    NT_ENTER(FsRtlDoesNameContainWildCards);
    for (ULONG i = 0; i < Name->Length / sizeof(WCHAR); ++i) {
        if (IopIsWild(Name->Buffer[i])) {
            return TRUE;
        }
    }
    return FALSE;
}

BOOLEAN NTAPI
FsRtlDoesDbcsContainWildCards(PANSI_STRING Name)
{
    NT_ENTER(FsRtlDoesDbcsContainWildCards);
    for (ULONG i = 0; i < Name->Length; ++i) {
        if (IopIsWild((UCHAR)Name->Buffer[i])) {
            return TRUE;
        }
    }
    return FALSE;
}

/*
 * FsRtlIsNameInExpression - does the name match the pattern?
 *
 * Expression   in upper case if IgnoreCase: of the name alone the case is ignored
 * UpcaseTable  an array indexed by character; NULL: the system's
 *
 * Returns  TRUE also for two empty strings; an empty one matches nothing else
 * Raises   STATUS_NO_MEMORY (patterns of 256 characters and more)
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-fsrtlisnameinexpression
 */
BOOLEAN NTAPI
FsRtlIsNameInExpression(PUNICODE_STRING Expression, PUNICODE_STRING Name, BOOLEAN IgnoreCase,
                        PWCHAR UpcaseTable)
{
    NT_ENTER(FsRtlIsNameInExpression);
    IOP_MATCH_NAME name = {Name->Buffer, Name->Length / (ULONG)sizeof(WCHAR), IgnoreCase,
                           UpcaseTable};
    BOOLEAN matches = FALSE;
    NTSTATUS status;

    status = IopMatchExpression(Expression->Buffer, Expression->Length / (ULONG)sizeof(WCHAR),
                                &name, &matches);
    if (!NT_SUCCESS(status)) {
        ExRaiseStatus(status);
    }
    return matches;
}

/* The same for 8-bit names, the case of which counts. Raises STATUS_NO_MEMORY. */
BOOLEAN NTAPI
FsRtlIsDbcsInExpression(PANSI_STRING Expression, PANSI_STRING Name)
{
    NT_ENTER(FsRtlIsDbcsInExpression);
    BOOLEAN matches = FALSE;
    NTSTATUS status = IopMatchDbcs(Expression, Name, &matches);

    if (!NT_SUCCESS(status)) {
        ExRaiseStatus(status);
    }
    return matches;
}

/* Both without wild cards. UpcaseTable as above. IRQL PASSIVE_LEVEL. nf-ntifs-fsrtlarenamesequal */
BOOLEAN NTAPI
FsRtlAreNamesEqual(PCUNICODE_STRING ConstantNameA, PCUNICODE_STRING ConstantNameB,
                   BOOLEAN IgnoreCase, PCWCH UpcaseTable)
{
    NT_ENTER(FsRtlAreNamesEqual);
    if (ConstantNameA->Length != ConstantNameB->Length) {
        return FALSE;
    }
    for (ULONG i = 0; i < ConstantNameA->Length / sizeof(WCHAR); ++i) {
        if (IopFold(ConstantNameA->Buffer[i], IgnoreCase, UpcaseTable) !=
            IopFold(ConstantNameB->Buffer[i], IgnoreCase, UpcaseTable)) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * FsRtlDissectName - the first component of a path, and the rest without the separator
 *
 * A leading backslash is left out. Both results point into Path's buffer.
 *
 * Source   WDK reference, nf-ntifs-fsrtldissectname
 */
VOID NTAPI
FsRtlDissectName(UNICODE_STRING Path, PUNICODE_STRING FirstName, PUNICODE_STRING RemainingName)
{
    NT_ENTER(FsRtlDissectName);
    ULONG length = Path.Length / sizeof(WCHAR);
    ULONG start = length != 0 && Path.Buffer[0] == L'\\' ? 1 : 0;
    ULONG end = start;

    while (end < length && Path.Buffer[end] != L'\\') {
        ++end;
    }
    RtlZeroMemory(FirstName, sizeof(*FirstName));
    RtlZeroMemory(RemainingName, sizeof(*RemainingName));
    if (length == 0) {
        return;
    }
    FirstName->Buffer = &Path.Buffer[start];
    FirstName->Length = (USHORT)((end - start) * sizeof(WCHAR));
    FirstName->MaximumLength = FirstName->Length;
    if (end < length) {
        RemainingName->Buffer = &Path.Buffer[end + 1];
        RemainingName->Length = (USHORT)((length - end - 1) * sizeof(WCHAR));
        RemainingName->MaximumLength = RemainingName->Length;
    }
}

/* The same for 8-bit paths. Source: WDK reference, nf-ntifs-fsrtldissectdbcs */
VOID NTAPI
FsRtlDissectDbcs(ANSI_STRING Path, PANSI_STRING FirstName, PANSI_STRING RemainingName)
{
    NT_ENTER(FsRtlDissectDbcs);
    ULONG start = Path.Length != 0 && Path.Buffer[0] == '\\' ? 1 : 0;
    ULONG end = start;

    while (end < Path.Length && Path.Buffer[end] != '\\') {
        ++end;
    }
    RtlZeroMemory(FirstName, sizeof(*FirstName));
    RtlZeroMemory(RemainingName, sizeof(*RemainingName));
    if (Path.Length == 0) {
        return;
    }
    FirstName->Buffer = &Path.Buffer[start];
    FirstName->Length = (USHORT)(end - start);
    FirstName->MaximumLength = FirstName->Length;
    if (end < Path.Length) {
        RemainingName->Buffer = &Path.Buffer[end + 1];
        RemainingName->Length = (USHORT)(Path.Length - end - 1);
        RemainingName->MaximumLength = RemainingName->Length;
    }
}

/* A name, or path, in FAT's 8.3 form? Source: WDK reference, nf-ntifs-fsrtlisfatdbcslegal */
BOOLEAN NTAPI
FsRtlIsFatDbcsLegal(ANSI_STRING DbcsName, BOOLEAN WildCardsPermissible, BOOLEAN PathNamePermissible,
                    BOOLEAN LeadingBackslashPermissible)
{
    NT_ENTER(FsRtlIsFatDbcsLegal);
    return IopIsLegalPath(&DbcsName, IopIsLegalFatComponent, WildCardsPermissible,
                          PathNamePermissible, LeadingBackslashPermissible);
}

/* The same for HPFS's names of up to 255 bytes. nf-ntifs-fsrtlishpfsdbcslegal */
BOOLEAN NTAPI
FsRtlIsHpfsDbcsLegal(ANSI_STRING DbcsName, BOOLEAN WildCardsPermissible,
                     BOOLEAN PathNamePermissible, BOOLEAN LeadingBackslashPermissible)
{
    NT_ENTER(FsRtlIsHpfsDbcsLegal);
    return IopIsLegalPath(&DbcsName, IopIsLegalHpfsComponent, WildCardsPermissible,
                          PathNamePermissible, LeadingBackslashPermissible);
}

#pragma GCC visibility pop
