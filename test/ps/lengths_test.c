/* SPDX-License-Identifier: MIT
 *
 * lengths_test.c - each class of the queries: its length, one byte less, one more, bad pointers
 */
#include "ps_test.h"

#define ROOM 256u
#define RIGHT_TO_LIMITED_QUERY 0x1000u
#define RIGHT_OF_THREAD_TO_QUERY 0x0040u
#define RIGHT_OF_THREAD_TO_LIMITED_QUERY 0x0800u
#define NO_RIGHT SYNCHRONIZE

typedef struct CLASS {
    ULONG Class;
    ULONG Size;
    BOOLEAN IsExact; /* more room is a mismatch, too */
} CLASS;

static const CLASS SystemClasses[] = {{0, 64, TRUE}, {3, 48, TRUE}, {35, 2, FALSE}};
static const CLASS ProcessClasses[] = {
    {ProcessBasicInformation, sizeof(PROCESS_BASIC_INFORMATION), TRUE},
    {ProcessTimes, sizeof(KERNEL_USER_TIMES), TRUE},
    {ProcessDebugPort, sizeof(ULONG_PTR), TRUE},
    {ProcessHandleCount, sizeof(ULONG), TRUE},
    {ProcessSessionInformation, sizeof(ULONG), TRUE},
    {ProcessWow64Information, sizeof(ULONG_PTR), TRUE},
    {ProcessBreakOnTermination, sizeof(ULONG), TRUE},
};
static const CLASS ThreadClasses[] = {{0, 48, TRUE}, {9, 8, TRUE}, {20, 4, TRUE}};

/* One of the three services, for one class. */
typedef NTSTATUS ASK(ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed);

static HANDLE Subject;

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
    Subject = NULL;
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

static NTSTATUS
AskSystem(ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed)
{
    return NtQuerySystemInformation(Class, Buffer, Length, Needed);
}

static NTSTATUS
AskProcess(ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed)
{
    return NtQueryInformationProcess(Subject != NULL ? Subject : NtCurrentProcess(),
                                     (PROCESSINFOCLASS)Class, Buffer, Length, Needed);
}

static NTSTATUS
AskThread(ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed)
{
    return NtQueryInformationThread(Subject != NULL ? Subject : NtCurrentThread(),
                                    (THREADINFOCLASS)Class, Buffer, Length, Needed);
}

static VOID
CheckClass(ASK *Ask, const CLASS *Class)
{
    UCHAR buffer[ROOM];
    ULONG needed;

    memset(buffer, 0xAA, sizeof(buffer));
    for (ULONG length = 0; length < Class->Size; ++length) {
        needed = 0;
        NT_EXPECT_STATUS(Ask(Class->Class, buffer, length, &needed), STATUS_INFO_LENGTH_MISMATCH);
        NT_EXPECT_EQ(needed, Class->Size);
        NT_EXPECT_EQ(buffer[0], 0xAA); /* a refusal writes nothing */
    }
    NT_EXPECT_STATUS(Ask(Class->Class, buffer, Class->Size - 1, NULL), STATUS_INFO_LENGTH_MISMATCH);
    needed = 0;
    NT_EXPECT_STATUS(Ask(Class->Class, buffer, Class->Size + 1, &needed),
                     Class->IsExact ? STATUS_INFO_LENGTH_MISMATCH : STATUS_SUCCESS);
    NT_EXPECT_EQ(needed, Class->Size);
    needed = 0;
    NT_EXPECT_STATUS(Ask(Class->Class, buffer, Class->Size, &needed), STATUS_SUCCESS);
    NT_EXPECT_EQ(needed, Class->Size);
    NT_EXPECT_EQ(buffer[Class->Size], 0xAA);
    NT_EXPECT_STATUS(Ask(Class->Class, buffer, Class->Size, NULL), STATUS_SUCCESS);
}

/* From user mode: pointers that lead into the kernel, or nowhere. */
static VOID
CheckPointers(ASK *Ask, const CLASS *Class)
{
    KTHREAD *self = KiGetCurrentThread();
    PUCHAR pool = ExAllocatePoolWithTag(NonPagedPoolNx, ROOM, 'tseT');
    UCHAR buffer[ROOM];
    NTSTATUS status[4];

    self->PreviousMode = UserMode;
    status[0] = Ask(Class->Class, pool, Class->Size, NULL);
    status[1] = Ask(Class->Class, (PVOID)16, Class->Size, NULL);
    status[2] = Ask(Class->Class, buffer, Class->Size, (PULONG)pool);
    status[3] = Ask(Class->Class, buffer, Class->Size, (PULONG)16);
    self->PreviousMode = KernelMode;
    for (ULONG i = 0; i < RTL_NUMBER_OF(status); ++i) {
        NT_EXPECT_STATUS(status[i], STATUS_ACCESS_VIOLATION);
    }
    ExFreePoolWithTag(pool, 'tseT');
}

NT_TEST(Lengths, OfTheSystemsClasses)
{
    NT_FOR_EACH (row, SystemClasses) {
        CheckClass(AskSystem, row);
        CheckPointers(AskSystem, row);
    }
}

NT_TEST(Lengths, OfAProcesssClasses)
{
    NT_FOR_EACH (row, ProcessClasses) {
        CheckClass(AskProcess, row);
        CheckPointers(AskProcess, row);
    }
}

NT_TEST(Lengths, OfAThreadsClasses)
{
    NT_FOR_EACH (row, ThreadClasses) {
        CheckClass(AskThread, row);
        CheckPointers(AskThread, row);
    }
}

/* An answer as long as the name; a process without one gets an empty string. */
NT_TEST(Lengths, OfImageNames)
{
    static const struct {
        const char *Image;
        PCWSTR Name;
    } rows[] = {{"/usr/bin/make", L"/usr/bin/make"}, {NULL, L""}};
    static const ULONG classes[] = {ProcessImageFileName, ProcessImageFileNameWin32};
    __attribute__((aligned(8))) UCHAR buffer[ROOM];
    UNICODE_STRING *name = (UNICODE_STRING *)buffer;
    ULONG processId = 700;

    NT_FOR_EACH (row, rows) {
        HALP_EVENT event = PsTestCreate(++processId, 1, row->Image, NULL);
        CLIENT_ID id = {ID(processId), NULL};
        OBJECT_ATTRIBUTES attributes;
        UNICODE_STRING expected;

        PspDeliverEvent(&event);
        RtlInitUnicodeString(&expected, row->Name);
        InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
        NT_EXPECT_STATUS(ZwOpenProcess(&Subject, RIGHT_TO_LIMITED_QUERY, &attributes, &id),
                         STATUS_SUCCESS);
        NT_FOR_EACH (class, classes) {
            ULONG size = (ULONG)sizeof(UNICODE_STRING) + expected.Length + 2;
            CLASS exact = {*class, size, FALSE};

            CheckClass(AskProcess, &exact);
            NT_EXPECT_STATUS(AskProcess(*class, buffer, size, NULL), STATUS_SUCCESS);
            NT_EXPECT_EQ(name->Length, expected.Length);
            NT_EXPECT_EQ(name->MaximumLength, expected.Length + 2);
            NT_EXPECT_EQ(name->Buffer, (PWCH)(name + 1));
            NT_EXPECT_WSTR(name->Buffer, row->Name);
        }
        NT_EXPECT_STATUS(ZwClose(Subject), STATUS_SUCCESS);
    }
}

NT_TEST(Lengths, CreationAndEndAreInTheTimes)
{
    HALP_EVENT start = PsTestCreate(777, 1, "/usr/bin/make", NULL);
    HALP_EVENT end = PsTestExit(777, 0x0300); /* a wait(2) status: exit(3) */
    CLIENT_ID id = {ID(777), NULL};
    PROCESS_BASIC_INFORMATION basic;
    OBJECT_ATTRIBUTES attributes;
    KERNEL_USER_TIMES times;

    PspDeliverEvent(&start);
    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenProcess(&Subject, RIGHT_TO_LIMITED_QUERY, &attributes, &id),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AskProcess(ProcessTimes, &times, sizeof(times), NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(times.CreateTime.QuadPart, start.Time);
    NT_EXPECT_EQ(times.ExitTime.QuadPart, 0);
    PspDeliverEvent(&end);
    NT_EXPECT_STATUS(AskProcess(ProcessTimes, &times, sizeof(times), NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(times.CreateTime.QuadPart, start.Time);
    NT_EXPECT_EQ(times.ExitTime.QuadPart, end.Time);
    NT_EXPECT_STATUS(AskProcess(ProcessBasicInformation, &basic, sizeof(basic), NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(basic.ExitStatus, 3);
    NT_EXPECT_STATUS(ZwClose(Subject), STATUS_SUCCESS);
}

/* An unknown class says so whatever the length; a bad handle does before the length is looked at.
 */
NT_TEST(Lengths, UnknownClassesAndBadHandles)
{
    static ASK *const asks[] = {AskSystem, AskProcess, AskThread};
    UCHAR buffer[ROOM];
    ULONG needed = 7;

    NT_FOR_EACH (ask, asks) {
        NT_EXPECT_STATUS((*ask)(4711, buffer, sizeof(buffer), &needed), STATUS_INVALID_INFO_CLASS);
        NT_EXPECT_STATUS((*ask)(4711, NULL, 0, &needed), STATUS_INVALID_INFO_CLASS);
        NT_EXPECT_EQ(needed, 7);
    }
    Subject = (HANDLE)0x4444;
    NT_EXPECT_STATUS(AskProcess(ProcessTimes, buffer, 0, NULL), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(AskThread(0, buffer, 0, NULL), STATUS_INVALID_HANDLE);
    Subject = NtCurrentThread();
    NT_EXPECT_STATUS(AskProcess(ProcessTimes, buffer, 0, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    Subject = NtCurrentProcess();
    NT_EXPECT_STATUS(AskThread(0, buffer, 0, NULL), STATUS_OBJECT_TYPE_MISMATCH);
}

/* User mode needs a right to query; the limited one is enough for these classes. */
NT_TEST(Lengths, RightsToQueryAThread)
{
    static const struct {
        ACCESS_MASK Access;
        NTSTATUS Status;
    } rows[] = {
        {RIGHT_OF_THREAD_TO_QUERY, STATUS_SUCCESS},
        {RIGHT_OF_THREAD_TO_LIMITED_QUERY, STATUS_SUCCESS},
        {NO_RIGHT, STATUS_ACCESS_DENIED},
    };
    KTHREAD *self = KiGetCurrentThread();
    NTSTATUS asUser;
    PVOID start;

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), NtCurrentThread(),
                                           NtCurrentProcess(), &Subject, row->Access, 0, 0),
                         STATUS_SUCCESS);
        self->PreviousMode = UserMode;
        asUser = AskThread(9, &start, sizeof(start), NULL);
        self->PreviousMode = KernelMode;
        NT_EXPECT_STATUS(asUser, row->Status);
        NT_EXPECT_STATUS(AskThread(9, &start, sizeof(start), NULL), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwClose(Subject), STATUS_SUCCESS);
    }
}
