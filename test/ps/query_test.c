/* SPDX-License-Identifier: MIT
 *
 * query_test.c - what is asked about the system, processes, threads and tokens
 */
#include "ps_test.h"

#define QUERY_LIMITED 0x1000u
#define TOKEN_QUERY_RIGHT 0x0008u

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

/* ---- the system ---- */

NT_TEST(QuerySystem, FixedClassesCheckTheirLength)
{
    static const struct {
        ULONG Class;
        ULONG Size;
    } rows[] = {{0, 64}, {3, 48}};
    UCHAR buffer[128];
    ULONG length;

    NT_FOR_EACH (row, rows) {
        memset(buffer, 0xAA, sizeof(buffer));
        NT_EXPECT_STATUS(ZwQuerySystemInformation(row->Class, buffer, row->Size, &length),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(length, row->Size);
        NT_EXPECT_EQ(buffer[row->Size], 0xAA);
        NT_EXPECT_STATUS(ZwQuerySystemInformation(row->Class, buffer, row->Size, NULL),
                         STATUS_SUCCESS);
        length = 0;
        NT_EXPECT_STATUS(ZwQuerySystemInformation(row->Class, buffer, row->Size - 1, &length),
                         STATUS_INFO_LENGTH_MISMATCH);
        NT_EXPECT_EQ(length, row->Size);
        NT_EXPECT_STATUS(ZwQuerySystemInformation(row->Class, buffer, row->Size + 1, &length),
                         STATUS_INFO_LENGTH_MISMATCH);
    }
    NT_EXPECT_STATUS(ZwQuerySystemInformation(0, buffer, 64, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(*(ULONG *)(buffer + 8), PAGE_SIZE);
    NT_EXPECT_EQ(buffer[56], 2); /* processors */
    NT_EXPECT_STATUS(ZwQuerySystemInformation(3, buffer, 48, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(*(ULONG64 *)(buffer + 8), HalpSystemTime());
    NT_EXPECT_STATUS(ZwQuerySystemInformation(35, buffer, 2, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer[0], 0);
    NT_EXPECT_EQ(buffer[1], 1);
    NT_EXPECT_STATUS(ZwQuerySystemInformation(4711, buffer, 64, &length),
                     STATUS_INVALID_INFO_CLASS);
    NT_EXPECT_STATUS(ZwQuerySystemInformation(2, buffer, 64, &length), STATUS_INVALID_INFO_CLASS);
}

/* Offsets of SYSTEM_PROCESS_INFORMATION and SYSTEM_THREAD_INFORMATION. */
#define NEXT(entry) (*(ULONG *)(entry))
#define THREADS(entry) (*(ULONG *)((entry) + 4))
#define NAME(entry) ((UNICODE_STRING *)((entry) + 56))
#define PROCESS_ID(entry) (*(HANDLE *)((entry) + 80))
#define PARENT_ID(entry) (*(HANDLE *)((entry) + 88))
#define THREAD_ID(entry, index) (*(HANDLE *)((entry) + 256 + 80 * (index) + 48))

static PUCHAR
FindProcess(PUCHAR Entry, HANDLE ProcessId)
{
    while (PROCESS_ID(Entry) != ProcessId) {
        NT_EXPECT_NE(NEXT(Entry), 0);
        Entry += NEXT(Entry);
    }
    return Entry;
}

NT_TEST(QuerySystem, ProcessesWithTheirThreads)
{
    HALP_EVENT event = PsTestCreate(777, 700, "/usr/bin/make", "make all");
    __attribute__((aligned(8))) UCHAR buffer[8192];
    BOOLEAN found = FALSE;
    ULONG length = 0;
    ULONG exact;
    PUCHAR entry;

    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(NULL, FALSE), STATUS_INVALID_PARAMETER);
    PspDeliverEvent(&event);
    NT_EXPECT_STATUS(ZwQuerySystemInformation(5, NULL, 0, &length), STATUS_INFO_LENGTH_MISMATCH);
    exact = length;
    NT_EXPECT_STATUS(ZwQuerySystemInformation(5, buffer, exact - 1, &length),
                     STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(ZwQuerySystemInformation(5, buffer, exact, &length), STATUS_SUCCESS);
    NT_EXPECT_EQ(length, exact);
    entry = FindProcess(buffer, ID(4));
    NT_EXPECT_WSTR(NAME(entry)->Buffer, L"System");
    NT_EXPECT_TRUE(THREADS(entry) > 0);
    entry = FindProcess(buffer, PsGetCurrentProcessId());
    for (ULONG i = 0; i < THREADS(entry); ++i) {
        found |= THREAD_ID(entry, i) == PsGetCurrentThreadId();
    }
    NT_EXPECT_TRUE(found);
    entry = FindProcess(buffer, ID(777));
    NT_EXPECT_WSTR(NAME(entry)->Buffer, L"make");
    NT_EXPECT_EQ(NAME(entry)->Length, 8);
    NT_EXPECT_EQ(PARENT_ID(entry), ID(700));
    NT_EXPECT_EQ(THREADS(entry), 0);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(ZwQuerySystemInformation(5, buffer, sizeof(buffer), &length),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
}

NT_TEST(QuerySystem, ModulesAreDriversNotViews)
{
    __attribute__((aligned(8))) UCHAR buffer[4096];
    LARGE_INTEGER size = {.QuadPart = PAGE_SIZE};
    SIZE_T viewSize = 0;
    ULONG length;
    PVOID section;
    HANDLE handle;
    PVOID view;

    NT_EXPECT_STATUS(ZwQuerySystemInformation(11, buffer, sizeof(buffer), &length), STATUS_SUCCESS);
    NT_EXPECT_EQ(length, 8);
    NT_EXPECT_STATUS(MiAddKernelImage((ULONG_PTR)NtTestSetUp & ~(ULONG_PTR)4095, PAGE_SIZE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ZwCreateSection(&handle, SECTION_ALL_ACCESS, NULL, &size, PAGE_READWRITE, 0x08000000, NULL),
        STATUS_SUCCESS);
    ObReferenceObjectByHandle(handle, 0, *MmSectionObjectType, KernelMode, &section, NULL);
    NT_EXPECT_STATUS(MmMapViewInSystemSpace(section, &view, &viewSize), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwQuerySystemInformation(11, buffer, 8, &length), STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_EQ(length, 8 + 296);
    NT_EXPECT_STATUS(ZwQuerySystemInformation(11, buffer, length, &length), STATUS_SUCCESS);
    NT_EXPECT_EQ(*(ULONG *)buffer, 1);
    NT_EXPECT_EQ(*(ULONG_PTR *)(buffer + 8 + 16), (ULONG_PTR)NtTestSetUp & ~(ULONG_PTR)4095);
    NT_EXPECT_EQ(*(ULONG *)(buffer + 8 + 24), PAGE_SIZE);
    MmUnmapViewInSystemSpace(view);
    ObDereferenceObject(section);
    ZwClose(handle);
}

NT_TEST(QuerySystem, UserPointersAreChecked)
{
    KTHREAD *thread = KiGetCurrentThread();
    UCHAR *pool = ExAllocatePoolWithTag(NonPagedPoolNx, 8192, 'tseT');
    UCHAR buffer[64];

    thread->PreviousMode = UserMode;
    NT_EXPECT_STATUS(NtQuerySystemInformation(0, pool, 64, NULL), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtQuerySystemInformation(5, pool, 8192, NULL), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtQuerySystemInformation(11, pool, 8192, NULL), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtQuerySystemInformation(0, buffer, 64, (PULONG)8), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(
        NtQueryInformationProcess(NtCurrentProcess(), ProcessImageFileName, pool, 8192, NULL),
        STATUS_ACCESS_VIOLATION);
    thread->PreviousMode = KernelMode;
    ExFreePoolWithTag(pool, 'tseT');
}

/* ---- a process ---- */

NT_TEST(QueryProcess, Classes)
{
    PROCESS_BASIC_INFORMATION basic;
    __attribute__((aligned(8))) UCHAR buffer[2048];
    UNICODE_STRING *name = (UNICODE_STRING *)buffer;
    HALP_EVENT event = PsTestCreate(777, 700, "/usr/bin/make", "make all");
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID id = {ID(777), NULL};
    ULONG_PTR pointer = 9;
    HANDLE handle;
    ULONG length;
    ULONG count;

    PspDeliverEvent(&event);
    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, QUERY_LIMITED, &attributes, &id), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ZwQueryInformationProcess(handle, ProcessBasicInformation, &basic, sizeof(basic), &length),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(length, sizeof(basic));
    NT_EXPECT_EQ(basic.UniqueProcessId, 777);
    NT_EXPECT_EQ(basic.InheritedFromUniqueProcessId, 700);
    NT_EXPECT_STATUS(basic.ExitStatus, STATUS_PENDING);
    NT_EXPECT_STATUS(
        ZwQueryInformationProcess(handle, ProcessImageFileName, buffer, sizeof(buffer), &length),
        STATUS_SUCCESS);
    NT_EXPECT_WSTR(name->Buffer, L"/usr/bin/make");
    NT_EXPECT_EQ(name->Length, 26);
    NT_EXPECT_EQ(length, sizeof(UNICODE_STRING) + 28);
    NT_EXPECT_STATUS(
        ZwQueryInformationProcess(handle, ProcessImageFileName, buffer, length - 1, &length),
        STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_EQ(length, sizeof(UNICODE_STRING) + 28);
    NT_EXPECT_STATUS(ZwQueryInformationProcess(handle, ProcessDebugPort, &pointer, 8, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(pointer, 0);
    NT_EXPECT_STATUS(
        ZwQueryInformationProcess(handle, ProcessBasicInformation, &basic, sizeof(basic) - 1, NULL),
        STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(
        ZwQueryInformationProcess(handle, ProcessBasicInformation, buffer, sizeof(buffer), NULL),
        STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(ZwQueryInformationProcess(handle, ProcessLdtSize, &basic, sizeof(basic), NULL),
                     STATUS_INVALID_INFO_CLASS);
    NT_EXPECT_STATUS(
        ZwQueryInformationProcess(NtCurrentProcess(), ProcessHandleCount, &count, 4, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(count, 1);
    ZwClose(handle);
    NT_EXPECT_STATUS(ZwQueryInformationProcess((HANDLE)0x444, ProcessHandleCount, &count, 4, NULL),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(
        ZwQueryInformationProcess(NtCurrentThread(), ProcessHandleCount, &count, 4, NULL),
        STATUS_OBJECT_TYPE_MISMATCH);
}

/* A handle without a query right answers nothing to user mode. */
NT_TEST(QueryProcess, TheHandlesAccessCounts)
{
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID id = {PsGetCurrentProcessId(), NULL};
    KTHREAD *thread = KiGetCurrentThread();
    HANDLE handle;
    ULONG count;

    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, SYNCHRONIZE, &attributes, &id), STATUS_SUCCESS);
    thread->PreviousMode = UserMode;
    NT_EXPECT_STATUS(NtQueryInformationProcess(handle, ProcessHandleCount, &count, 4, NULL),
                     STATUS_ACCESS_DENIED);
    thread->PreviousMode = KernelMode;
    NT_EXPECT_STATUS(ZwQueryInformationProcess(handle, ProcessHandleCount, &count, 4, NULL),
                     STATUS_SUCCESS);
    ZwClose(handle);
}

NT_TEST(QueryThread, Classes)
{
    struct {
        NTSTATUS ExitStatus;
        PVOID Teb;
        CLIENT_ID Id;
        ULONG_PTR Affinity;
        LONG Priority[2];
    } basic;
    ULONG length;
    ULONG ended = 5;
    PVOID start;

    NT_EXPECT_STATUS(ZwQueryInformationThread(NtCurrentThread(), 0, &basic, sizeof(basic), &length),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(length, 48);
    NT_EXPECT_EQ(basic.Id.UniqueThread, PsGetCurrentThreadId());
    NT_EXPECT_EQ(basic.Id.UniqueProcess, PsGetCurrentProcessId());
    NT_EXPECT_STATUS(basic.ExitStatus, STATUS_PENDING);
    NT_EXPECT_STATUS(ZwQueryInformationThread(NtCurrentThread(), 20, &ended, 4, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ended, 0);
    NT_EXPECT_STATUS(ZwQueryInformationThread(NtCurrentThread(), 9, &start, 8, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwQueryInformationThread(NtCurrentThread(), 9, &start, 4, NULL),
                     STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(ZwQueryInformationThread(NtCurrentThread(), 3, &start, 8, NULL),
                     STATUS_INVALID_INFO_CLASS);
    NT_EXPECT_STATUS(ZwQueryInformationThread(NtCurrentProcess(), 9, &start, 8, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
}

/* ---- tokens ---- */

NT_TEST(Token, TheProcesssTokenIsLocalSystem)
{
    PACCESS_TOKEN token = PsReferencePrimaryToken((PEPROCESS)KiGetCurrentThread()->Process);
    TOKEN_PRIVILEGES *privileges;
    SECURITY_SUBJECT_CONTEXT subject;
    TOKEN_GROUPS *groups;
    ULONG64 number = ~0ull;
    TOKEN_USER *user;
    BOOLEAN flag;
    SECURITY_IMPERSONATION_LEVEL level;

    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenUser, (PVOID *)&user), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlEqualSid(user->User.Sid, SeExports->SeLocalSystemSid));
    ExFreePool(user);
    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenGroups, (PVOID *)&groups), STATUS_SUCCESS);
    NT_EXPECT_EQ(groups->GroupCount, 4);
    NT_EXPECT_TRUE(RtlEqualSid(groups->Groups[0].Sid, SeExports->SeAliasAdminsSid));
    ExFreePool(groups);
    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenPrivileges, (PVOID *)&privileges),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(privileges->PrivilegeCount, 34);
    ExFreePool(privileges);
    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenSessionId, (PVOID *)&number),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ((ULONG)number, 0);
    NT_EXPECT_EQ(number >> 32, 0xFFFFFFFF); /* the number itself, 32 bits of it */
    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenIntegrityLevel, (PVOID *)&number),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ((ULONG)number, 0x4000);
    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenImpersonationLevel, (PVOID *)&number),
                     STATUS_INVALID_INFO_CLASS);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenUser, (PVOID *)&user),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_TRUE(SeTokenIsAdmin(token));
    NT_EXPECT_FALSE(SeTokenIsRestricted(token));
    NT_EXPECT_EQ(SeTokenType(token), TokenPrimary);
    SeCaptureSubjectContext(&subject);
    NT_EXPECT_EQ(SeQuerySubjectContextToken(&subject), token);
    SeReleaseSubjectContext(&subject);
    NT_EXPECT_EQ(
        PsReferenceImpersonationToken((PETHREAD)KiGetCurrentThread(), &flag, &flag, &level), NULL);
    PsDereferencePrimaryToken(token);
}

NT_TEST(Token, Handles)
{
    __attribute__((aligned(8))) UCHAR buffer[256];
    KTHREAD *thread = KiGetCurrentThread();
    TOKEN_USER *user = (TOKEN_USER *)buffer;
    ULONG length;
    HANDLE token;
    HANDLE weak;

    NT_EXPECT_STATUS(
        ZwOpenProcessTokenEx(NtCurrentProcess(), TOKEN_QUERY_RIGHT, OBJ_KERNEL_HANDLE, &token),
        STATUS_SUCCESS);
    NT_EXPECT_TRUE(ObIsKernelHandle(token));
    NT_EXPECT_STATUS(ZwQueryInformationToken(token, TokenUser, NULL, 0, &length),
                     STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(length, sizeof(TOKEN_USER) + 12);
    NT_EXPECT_STATUS(ZwQueryInformationToken(token, TokenUser, buffer, length - 1, &length),
                     STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(ZwQueryInformationToken(token, TokenUser, buffer, length, &length),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(user->User.Sid, buffer + sizeof(TOKEN_USER));
    NT_EXPECT_TRUE(RtlEqualSid(user->User.Sid, SeExports->SeLocalSystemSid));
    NT_EXPECT_STATUS(
        ZwQueryInformationToken(token, (TOKEN_INFORMATION_CLASS)99, buffer, 256, &length),
        STATUS_INVALID_INFO_CLASS);
    ZwClose(token);
    NT_EXPECT_STATUS(ZwOpenProcessTokenEx(NtCurrentThread(), TOKEN_QUERY_RIGHT, 0, &token),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(ZwOpenProcessTokenEx((HANDLE)0x444, TOKEN_QUERY_RIGHT, 0, &token),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwOpenThreadTokenEx(NtCurrentThread(), TOKEN_QUERY_RIGHT, TRUE, 0, &token),
                     STATUS_NO_TOKEN);
    thread->PreviousMode = UserMode;
    NT_EXPECT_STATUS(NtOpenProcessToken(NtCurrentProcess(), 0x20, &weak), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtQueryInformationToken(weak, TokenUser, buffer, 256, &length),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(NtOpenProcessToken(NtCurrentProcess(), TOKEN_QUERY_RIGHT, (PHANDLE)8),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtOpenProcessToken(NtCurrentProcess(), TOKEN_QUERY_RIGHT, &token),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtQueryInformationToken(token, TokenUser, (PVOID)8, 256, &length),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtQueryInformationToken(token, TokenUser, buffer, 256, (PULONG)8),
                     STATUS_ACCESS_VIOLATION);
    NtClose(token);
    NtClose(weak);
    thread->PreviousMode = KernelMode;
}
