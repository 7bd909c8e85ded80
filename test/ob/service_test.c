/* SPDX-License-Identifier: MIT
 *
 * test/ob/service_test.c - the Nt services on events, mutants, semaphores, links and directories:
 * results, bad pointers, and memory running out at every point
 */
#include "ob_test.h"

/* Pages of the client: one usable, one that nobody can touch. */
static PUCHAR
UserPage(void)
{
    PVOID pages;

    NT_EXPECT_EQ(HalpReserveMemory(2 * PAGE_SIZE, HALP_PAGE_SIZE, &pages), HALP_OK);
    NT_EXPECT_EQ(HalpCommitMemory(pages, PAGE_SIZE, HALP_READ | HALP_WRITE), HALP_OK);
    return pages;
}

static LARGE_INTEGER
Milliseconds(LONGLONG Count)
{
    LARGE_INTEGER time = {.QuadPart = -10000 * Count};

    return time;
}

NT_TEST(ObService, Events)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    HANDLE event;
    LONG previous;

    NT_EXPECT_STATUS(
        AS_USER(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE)),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, &none)), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(AS_USER(NtSetEvent(event, &previous)), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, NULL)), STATUS_WAIT_0);
    NT_EXPECT_STATUS(AS_USER(NtResetEvent(event, &previous)), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 1);
    NT_EXPECT_STATUS(AS_USER(NtSetEvent(event, &previous)), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(AS_USER(NtClearEvent(event)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, &none)), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(AS_USER(NtSetEvent(event, NULL)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClearEvent(event), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtSetEvent(event, &previous)), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(AS_USER(NtPulseEvent(event, &previous)), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 1);
    NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, &none)), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(AS_USER(NtPulseEvent(event, &previous)), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, &none)), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(AS_USER(NtClose(event)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, (EVENT_TYPE)7, FALSE)),
                     STATUS_INVALID_PARAMETER_4);
}

typedef struct PULSED {
    HANDLE Event;
    LONG Waiting; /* atomic: about to wait */
    LONG Released;
} PULSED;

static void
WaitForPulse(void *Context)
{
    PULSED *pulsed = Context;
    LARGE_INTEGER limit = Milliseconds(10000);

    __atomic_fetch_add(&pulsed->Waiting, 1, __ATOMIC_ACQ_REL);
    if (NtWaitForSingleObject(pulsed->Event, FALSE, &limit) == STATUS_WAIT_0) {
        __atomic_fetch_add(&pulsed->Released, 1, __ATOMIC_ACQ_REL);
    }
}

/* Releases all who wait at a notification event, one at a synchronization event, and leaves it. */
NT_TEST_SEEDS(ObService, APulseReleasesWhoWaits, 10)
{
    static const EVENT_TYPE types[] = {NotificationEvent, SynchronizationEvent};

    NT_FOR_EACH (type, types) {
        LARGE_INTEGER pause = Milliseconds(1000);
        LARGE_INTEGER none = {.QuadPart = 0};
        PULSED pulsed = {0};
        TEST_THREAD threads[3];

        NT_EXPECT_STATUS(NtCreateEvent(&pulsed.Event, EVENT_ALL_ACCESS, NULL, *type, FALSE),
                         STATUS_SUCCESS);
        for (ULONG i = 0; i < 3; i++) {
            StartThread(&threads[i], WaitForPulse, &pulsed);
        }
        KeDelayExecutionThread(KernelMode, FALSE, &pause); /* of the simulated clock: all wait */
        NT_EXPECT_EQ(pulsed.Waiting, 3);
        NT_EXPECT_STATUS(*type == NotificationEvent ? NtPulseEvent(pulsed.Event, NULL)
                                                    : ZwPulseEvent(pulsed.Event, NULL),
                         STATUS_SUCCESS);
        for (ULONG i = 0; i < 3; i++) {
            JoinThread(&threads[i]);
        }
        NT_EXPECT_EQ(pulsed.Released, *type == NotificationEvent ? 3 : 1);
        NT_EXPECT_STATUS(NtWaitForSingleObject(pulsed.Event, FALSE, &none), STATUS_TIMEOUT);
        NT_EXPECT_STATUS(NtClose(pulsed.Event), STATUS_SUCCESS);
    }
}

NT_TEST(ObService, AccessIsChecked)
{
    HANDLE event;

    NT_EXPECT_STATUS(AS_USER(NtCreateEvent(&event, SYNCHRONIZE, NULL, NotificationEvent, TRUE)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtSetEvent(event, NULL)), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(ZwSetEvent(event, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, NULL)), STATUS_WAIT_0);
    NT_EXPECT_STATUS(AS_USER(NtClose(event)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtCreateEvent(&event, 2, NULL, NotificationEvent, TRUE)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, NULL)), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS_USER(NtClose(event)), STATUS_SUCCESS);
}

NT_TEST(ObService, Mutants)
{
    HANDLE mutant;
    LONG previous;

    NT_EXPECT_STATUS(NtCreateMutant(&mutant, MAXIMUM_ALLOWED, NULL, TRUE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtWaitForSingleObject(mutant, FALSE, NULL), STATUS_WAIT_0);
    NT_EXPECT_STATUS(NtReleaseMutant(mutant, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, -1);
    NT_EXPECT_STATUS(NtReleaseMutant(mutant, &previous), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtReleaseMutant(mutant, &previous), STATUS_MUTANT_NOT_OWNED);
    NT_EXPECT_STATUS(NtSetEvent(mutant, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(NtClose(mutant), STATUS_SUCCESS);
}

/* A mutant may go while its owner owns it; the owner's next one, and its end, come through. */
NT_TEST(ObService, AMutantGoesWhileOwned)
{
    HANDLE mutant;

    for (ULONG i = 0; i < 3; i++) {
        NT_EXPECT_STATUS(NtCreateMutant(&mutant, MAXIMUM_ALLOWED, NULL, TRUE), STATUS_SUCCESS);
        NT_EXPECT_STATUS(NtClose(mutant), STATUS_SUCCESS);
    }
    NT_EXPECT_TRUE(IsListEmpty(&KiGetCurrentThread()->MutantList));
}

NT_TEST(ObService, Semaphores)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    HANDLE semaphore;
    LONG previous;

    NT_EXPECT_STATUS(NtCreateSemaphore(&semaphore, MAXIMUM_ALLOWED, NULL, 2, 1),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(NtCreateSemaphore(&semaphore, MAXIMUM_ALLOWED, NULL, 1, 3), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtWaitForSingleObject(semaphore, FALSE, &none), STATUS_WAIT_0);
    NT_EXPECT_STATUS(NtWaitForSingleObject(semaphore, FALSE, &none), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(NtReleaseSemaphore(semaphore, 3, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(NtReleaseSemaphore(semaphore, 1, &previous), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    NT_EXPECT_STATUS(NtReleaseSemaphore(semaphore, 0, &previous), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(NtClose(semaphore), STATUS_SUCCESS);
}

NT_TEST(ObService, WaitingForSeveral)
{
    LARGE_INTEGER soon = Milliseconds(5);
    HANDLE handles[4];

    for (ULONG i = 0; i < 4; i++) {
        NT_EXPECT_STATUS(
            NtCreateEvent(&handles[i], EVENT_ALL_ACCESS, NULL, SynchronizationEvent, i == 2),
            STATUS_SUCCESS);
    }
    NT_EXPECT_STATUS(AS_USER(NtWaitForMultipleObjects(4, handles, WaitAny, FALSE, &soon)),
                     STATUS_WAIT_2);
    NT_EXPECT_STATUS(AS_USER(NtWaitForMultipleObjects(4, handles, WaitAll, FALSE, &soon)),
                     STATUS_TIMEOUT);
    for (ULONG i = 0; i < 4; i++) {
        NT_EXPECT_STATUS(NtSetEvent(handles[i], NULL), STATUS_SUCCESS);
    }
    NT_EXPECT_STATUS(AS_USER(NtWaitForMultipleObjects(4, handles, WaitAll, FALSE, &soon)),
                     STATUS_WAIT_0);
    NT_EXPECT_STATUS(NtWaitForMultipleObjects(0, handles, WaitAny, FALSE, NULL),
                     STATUS_INVALID_PARAMETER_1);
    NT_EXPECT_STATUS(NtWaitForMultipleObjects(65, handles, WaitAny, FALSE, NULL),
                     STATUS_INVALID_PARAMETER_1);
    NT_EXPECT_STATUS(NtWaitForMultipleObjects(1, handles, (WAIT_TYPE)9, FALSE, NULL),
                     STATUS_INVALID_PARAMETER_3);
    handles[3] = handles[0];
    NT_EXPECT_STATUS(NtWaitForMultipleObjects(4, handles, WaitAll, FALSE, &soon),
                     STATUS_INVALID_PARAMETER_MIX);
    NT_EXPECT_STATUS(
        NtWaitForMultipleObjects(2, (HANDLE[]){handles[0], (HANDLE)0x8888}, WaitAny, FALSE, &soon),
        STATUS_INVALID_HANDLE);
    ObpDestroyHandleTable(ObTestClient->Table);
    NT_EXPECT_STATUS(ObpCreateHandleTable((PEPROCESS)ObTestClient, &ObTestClient->Table),
                     STATUS_SUCCESS);
}

NT_TEST(ObService, DelayTakesTheTime)
{
    LARGE_INTEGER interval = Milliseconds(50);
    ULONG64 before = HalpMonotonicTime();

    NT_EXPECT_STATUS(AS_USER(NtDelayExecution(FALSE, &interval)), STATUS_SUCCESS);
    NT_EXPECT_TRUE(HalpMonotonicTime() - before >= 50000000);
    NT_EXPECT_STATUS(AS_USER(NtDelayExecution(FALSE, NULL)), STATUS_ACCESS_VIOLATION);
}

/* Every pointer a service takes from user mode, bad in every way: a status, and nothing leaks. */
NT_TEST(ObService, BadPointersFromUserMode)
{
    PUCHAR page = UserPage();
    PVOID kernel = ExAllocatePoolWithTag(NonPagedPool, 256, OB_TAG);
    PVOID bad[] = {NULL,
                   (PVOID)16,
                   page + PAGE_SIZE,
                   page + PAGE_SIZE - 2,
                   kernel,
                   (PVOID)(ULONG_PTR)-16,
                   (PVOID)0x0000900000000000ull};
    UNICODE_STRING name = Name(L"\\BaseNamedObjects\\X");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    LARGE_INTEGER none = {.QuadPart = 0};
    HANDLE event;
    HANDLE handle;

    memset(kernel, 0, 256);
    NT_EXPECT_STATUS(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, TRUE),
                     STATUS_SUCCESS);
    NT_FOR_EACH (item, bad) {
        PVOID pointer = *item;
        OBJECT_ATTRIBUTES badName = attributes;

        badName.ObjectName = pointer != NULL ? pointer : (PVOID)8;
        NT_EXPECT_STATUS(
            AS_USER(NtCreateEvent(pointer, EVENT_ALL_ACCESS, NULL, NotificationEvent, 0)),
            STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(NtOpenEvent(pointer, EVENT_ALL_ACCESS, &attributes)),
                         STATUS_OBJECT_NAME_NOT_FOUND);
        NT_EXPECT_STATUS(AS_USER(NtOpenEvent(&handle, EVENT_ALL_ACCESS, &badName)),
                         STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(NtCreateSymbolicLinkObject(&handle, 1, NULL, pointer)),
                         STATUS_ACCESS_VIOLATION);
        if (pointer == NULL) {
            continue;
        }
        NT_EXPECT_STATUS(AS_USER(NtOpenEvent(&handle, EVENT_ALL_ACCESS, pointer)),
                         STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(NtSetEvent(event, pointer)), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(NtWaitForSingleObject(event, FALSE, pointer)),
                         STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(NtWaitForMultipleObjects(2, pointer, WaitAny, FALSE, &none)),
                         STATUS_ACCESS_VIOLATION);
    }
    name.Buffer = kernel;
    NT_EXPECT_STATUS(AS_USER(NtOpenEvent(&handle, EVENT_ALL_ACCESS, &attributes)),
                     STATUS_ACCESS_VIOLATION);
    name = Name(L"\\BaseNamedObjects\\X");
    name.Length--;
    NT_EXPECT_STATUS(AS_USER(NtOpenEvent(&handle, EVENT_ALL_ACCESS, &attributes)),
                     STATUS_OBJECT_NAME_INVALID);
    attributes.Length--;
    NT_EXPECT_STATUS(AS_USER(NtOpenEvent(&handle, EVENT_ALL_ACCESS, &attributes)),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(NtClose(event), STATUS_SUCCESS);
    ExFreePool(kernel);
}

NT_TEST(ObService, OpenIfFindsTheExistingObject)
{
    UNICODE_STRING name = Name(L"\\BaseNamedObjects\\X");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, OBJ_OPENIF | OBJ_CASE_INSENSITIVE);
    HANDLE first;
    HANDLE second;
    HANDLE third;

    NT_EXPECT_STATUS(NtCreateEvent(&first, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        NtCreateEvent(&second, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
        STATUS_OBJECT_NAME_EXISTS);
    NT_EXPECT_STATUS(NtCreateMutant(&third, MAXIMUM_ALLOWED, &attributes, FALSE),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(NtSetEvent(second, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtWaitForSingleObject(first, FALSE, NULL), STATUS_WAIT_0);
    NT_EXPECT_STATUS(NtClose(first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtClose(second), STATUS_SUCCESS);
}

NT_TEST(ObService, SymbolicLinks)
{
    UNICODE_STRING name = Name(L"\\??\\X");
    UNICODE_STRING target = Name(L"\\Device\\Somewhere");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, OBJ_CASE_INSENSITIVE);
    WCHAR room[64] = {0};
    UNICODE_STRING read = {.Buffer = room, .MaximumLength = sizeof(room)};
    HANDLE made;
    HANDLE link;
    ULONG length = 0;

    NT_EXPECT_STATUS(
        ZwCreateSymbolicLinkObject(&made, SYMBOLIC_LINK_ALL_ACCESS, &attributes, &target),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtOpenSymbolicLinkObject(&link, SYMBOLIC_LINK_QUERY, &attributes)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtQuerySymbolicLinkObject(link, &read, &length)), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlEqualUnicodeString(&read, &target, FALSE));
    NT_EXPECT_EQ(length, target.Length + sizeof(WCHAR));
    read.MaximumLength = target.Length;
    NT_EXPECT_STATUS(AS_USER(NtQuerySymbolicLinkObject(link, &read, &length)),
                     STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(AS_USER(NtQuerySymbolicLinkObject(link, &read, NULL)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtClose(link), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtClose(made), STATUS_SUCCESS);
}

/* ---- memory runs out ---- */

/* A bit of everything; the first failure ends it. Everything made is undone. */
static NTSTATUS
Scenario(void)
{
    UNICODE_STRING folderName = Name(L"\\BaseNamedObjects\\Folder");
    UNICODE_STRING linkName = Name(L"\\BaseNamedObjects\\Folder\\Link");
    UNICODE_STRING eventName = Name(L"\\BaseNamedObjects\\Folder\\Link\\Event");
    OBJECT_ATTRIBUTES attributes;
    HANDLE handles[5] = {NULL};
    LARGE_INTEGER none = {.QuadPart = 0};
    NTSTATUS status;

    attributes = Attributes(&folderName, 0);
    status = ZwCreateDirectoryObject(&handles[0], DIRECTORY_ALL_ACCESS, &attributes);
    if (NT_SUCCESS(status)) {
        attributes = Attributes(&linkName, 0);
        status = ZwCreateSymbolicLinkObject(&handles[1], SYMBOLIC_LINK_ALL_ACCESS, &attributes,
                                            &folderName);
    }
    if (NT_SUCCESS(status)) {
        attributes = Attributes(&eventName, OBJ_KERNEL_HANDLE);
        status = ZwCreateEvent(&handles[2], EVENT_ALL_ACCESS, &attributes, NotificationEvent, TRUE);
    }
    if (NT_SUCCESS(status)) {
        status = ZwOpenEvent(&handles[3], EVENT_ALL_ACCESS, &attributes);
    }
    if (NT_SUCCESS(status)) {
        status = ZwDuplicateObject(NtCurrentProcess(), handles[3], NtCurrentProcess(), &handles[4],
                                   0, 0, DUPLICATE_SAME_ACCESS);
    }
    if (NT_SUCCESS(status)) {
        status = ZwWaitForMultipleObjects(1, &handles[4], WaitAny, FALSE, &none);
    }
    for (ULONG i = 5; i-- > 0;) {
        if (handles[i] != NULL) {
            NT_EXPECT_STATUS(ZwClose(handles[i]), STATUS_SUCCESS);
        }
    }
    return status;
}

NT_TEST(ObService, SurvivesEveryFailedAllocation)
{
    ULONG64 points;

    /* Once for the tables' pages, which stay. */
    NT_EXPECT_STATUS(Scenario(), STATUS_SUCCESS);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(Scenario(), STATUS_SUCCESS);
    points = SimFaultPoints();
    NT_EXPECT_TRUE(points > 10);
    for (ULONG64 point = 1; point <= points; point++) {
        ULONG64 blocks = ObTestBlocks();

        SimSetFaultPlan(NULL, point);
        NT_EXPECT_STATUS(Scenario(), STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
        NT_EXPECT_EQ(ObTestBlocks(), blocks);
        NT_EXPECT_EQ(ObpObjectsInUse(NULL), ObTestObjects);
    }
}
