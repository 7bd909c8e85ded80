/* SPDX-License-Identifier: MIT
 *
 * ntdll/carrier.c - which kernel this process talks to, and the embedded one's start and end
 *
 * With drivers to load (`ntbox run`) the kernel is embedded, in this process. Else a host is looked
 * for, where NTBOX_HOST says or in the default places; without one the kernel is embedded, too.
 * NTBOX_HOST=embedded looks for none.
 *
 * The kernel starts before main when `ntbox run` named drivers, else at the first system call.
 * It ends in an exit handler that was registered before the program's own ones, so those may
 * still use their handles.
 *
 * Invariants  C1  NtdllStartState goes Idle, Starting, Running, and never back.
 *             C2  at most one thread runs the exit handlers; the others stop at the gate, at a
 *                 failed call or in WaitForOtherExit, as Windows terminates them.
 * Locks       none: both states are single words changed by compare-and-swap.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hal/halp.h"
#include "ntdll/ntdll.h"

#define EXIT_KERNEL_FAILED 3
#define EXIT_AUDIT 4
#define ITEM_SEPARATOR 0x1f /* between the items of a list in the environment */

enum { StartIdle, StartBusy, StartRunning };

static uint32_t NtdllStartState;                /* atomic; C1 */
static uint32_t NtdllEndingThread;              /* atomic; thread id of who ends the process */
static NTBOX_KERNEL_EXIT *NtdllKernelExit;      /* NULL for an injected table */
static const NTBOX_SYSTEM_CALLS *NtdllInjected; /* unit tests */
static int NtdllExitCode;     /* of ExitProcess; what main returned is not known here */
static BOOLEAN NtdllIsRemote; /* set at the start */

/* ---- options from the environment ---- */

/* Items of an environment variable, NULL-terminated, or NULL when it is unset or empty. */
static const char *const *
ReadList(const char *Name, char Separator)
{
    const char *value = getenv(Name);
    size_t count = 2;
    const char **list;
    char *copy;

    if (value == NULL || value[0] == '\0') {
        return NULL;
    }
    for (const char *c = value; *c != '\0'; c++) {
        count += *c == Separator;
    }
    copy = strdup(value);
    list = calloc(count, sizeof(*list));
    if (copy == NULL || list == NULL) {
        fprintf(stderr, "ntbox: no memory for %s\n", Name);
        NtdllHostExitNow(EXIT_KERNEL_FAILED);
    }
    count = 0;
    for (;;) {
        char *end = strchr(copy, Separator);

        list[count++] = copy;
        if (end == NULL) {
            return list;
        }
        *end = '\0';
        copy = end + 1;
    }
}

static ULONG
ReadNumber(const char *Name)
{
    const char *value = getenv(Name);
    char *end = NULL;
    ULONG64 number;

    if (value == NULL || value[0] == '\0') {
        return 0;
    }
    number = strtoull(value, &end, 10);
    if (*end != '\0' || number > MAXDWORD) {
        fprintf(stderr, "ntbox: %s=%s is not a number; unset it or correct it\n", Name, value);
        NtdllHostExitNow(EXIT_KERNEL_FAILED);
    }
    return (ULONG)number;
}

static VOID
ReadEventSource(NTBOX_START_OPTIONS *Options)
{
    static const struct {
        const char *Name;
        ULONG Source;
    } names[] = {
        {"auto", HALP_EVENTS_AUTO},
        {"bpf", HALP_EVENTS_BPF},
        {"perf", HALP_EVENTS_PERF},
        {"ptrace", HALP_EVENTS_PTRACE},
    };
    const char *value = getenv("NTBOX_EVENTS");

    if (value == NULL || value[0] == '\0') {
        return;
    }
    if (strcmp(value, "off") == 0) {
        Options->NoMachineEvents = TRUE;
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i].Name) == 0) {
            Options->EventSource = names[i].Source;
            return;
        }
    }
    fprintf(stderr, "ntbox: NTBOX_EVENTS=%s: say auto, bpf, perf, ptrace or off\n", value);
    NtdllHostExitNow(EXIT_KERNEL_FAILED);
}

/* ---- starting ---- */

static DECLSPEC_NORETURN VOID
ReportFailedStart(NTSTATUS Status, const char *Driver)
{
    const char *name = NtdllStatusName(Status);

    if (name == NULL) {
        name = "a status without a name";
    }
    if (Driver != NULL) {
        fprintf(stderr, "ntbox: driver %s did not start: %s (0x%08X); its own messages are above\n",
                Driver, name, (unsigned)Status);
    } else {
        fprintf(stderr,
                "ntbox: the kernel did not start: %s (0x%08X); check NTBOX_SETTINGS and the "
                "messages above\n",
                name, (unsigned)Status);
    }
    fflush(NULL);
    NtdllHostExitNow(EXIT_KERNEL_FAILED);
}

static const NTBOX_SYSTEM_CALLS *
LoadKernel(VOID)
{
    static NTBOX_START_OPTIONS options = {.Version = NTBOX_GATE_VERSION}; /* the kernel keeps it */
    const NTBOX_SYSTEM_CALLS *calls = NULL;
    const char *failedDriver = NULL;
    void *library = NtdllHostLoadKernel();
    NTBOX_KERNEL_ENTRY *entry;
    NTSTATUS status;

    if (library == NULL) {
        fprintf(stderr,
                "ntbox: cannot load the kernel: %s; set NTBOX_KERNEL to libntoskrnl.so's path\n",
                NtdllHostLoadError());
        NtdllHostExitNow(EXIT_KERNEL_FAILED);
    }
    entry = (NTBOX_KERNEL_ENTRY *)NtdllHostFindSymbol(library, "NtboxKernelEntry");
    NtdllKernelExit = (NTBOX_KERNEL_EXIT *)NtdllHostFindSymbol(library, "NtboxKernelExit");
    if (entry == NULL || NtdllKernelExit == NULL) {
        fprintf(stderr, "ntbox: libntoskrnl.so is not an ntbox kernel (no NtboxKernelEntry); "
                        "set NTBOX_KERNEL to the right one\n");
        NtdllHostExitNow(EXIT_KERNEL_FAILED);
    }
    options.Processors = ReadNumber("NTBOX_PROCESSORS");
    options.Drivers = ReadList("NTBOX_DRIVERS", ':');
    options.Settings = ReadList("NTBOX_SETTINGS", ITEM_SEPARATOR);
    options.Command = ReadList("NTBOX_FOLLOW", ITEM_SEPARATOR);
    options.RootProcessId = ReadNumber("NTBOX_TREE");
    ReadEventSource(&options);
    status = entry(&options, &calls, &failedDriver);
    if (!NT_SUCCESS(status)) {
        ReportFailedStart(status, failedDriver);
    }
    if (calls->Version != NTBOX_GATE_VERSION || calls->Size < sizeof(*calls)) {
        fprintf(stderr, "ntbox: libntoskrnl.so and libntbox.so are of different versions; "
                        "install both from one build\n");
        NtdllHostExitNow(EXIT_KERNEL_FAILED);
    }
    return calls;
}

VOID
NtdllLookForHost(VOID)
{
    const char *chosen = getenv("NTBOX_HOST");
    BOOLEAN isThere = chosen != NULL && chosen[0] != '\0' && strcmp(chosen, "embedded") != 0;
    char path[108];

    if (__atomic_load_n(&NtdllStartState, __ATOMIC_ACQUIRE) != StartIdle) {
        return;
    }
    if ((chosen == NULL || chosen[0] == '\0') && !NtdllHasDrivers()) {
        for (unsigned i = 0; !isThere && NtdllHostSocketPath(i, path, sizeof(path)); i++) {
            isThere = NtdllHostFileExists(path) != 0;
        }
    }
    if (isThere) {
        NtdllStartKernel();
    }
}

/* A host to join: TRUE, and joined. */
static BOOLEAN
FindHost(VOID)
{
    const char *chosen = getenv("NTBOX_HOST");
    char path[108];

    if (chosen != NULL && strcmp(chosen, "embedded") == 0) {
        return FALSE;
    }
    if (chosen != NULL && chosen[0] != '\0') {
        return NtdllConnectHost(chosen, TRUE);
    }
    if (NtdllHasDrivers()) {
        return FALSE;
    }
    for (unsigned i = 0; NtdllHostSocketPath(i, path, sizeof(path)); i++) {
        if (NtdllConnectHost(path, FALSE)) {
            return TRUE;
        }
    }
    return FALSE;
}

static const NTBOX_SYSTEM_CALLS *
ChooseKernel(VOID)
{
    if (NtdllInjected != NULL) {
        return NtdllInjected;
    }
    NtdllIsRemote = FindHost();
    NtdllDriverLoaded = NtdllIsRemote; /* the host's business */
    return NtdllIsRemote ? &NtdllRemoteCalls : LoadKernel();
}

VOID
NtdllStartKernel(VOID)
{
    uint32_t state = StartIdle;

    if (__atomic_compare_exchange_n(&NtdllStartState, &state, StartBusy, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        NtdllInstallCalls(ChooseKernel());
        NtdllOnKernelStart();
        __atomic_store_n(&NtdllStartState, StartRunning, __ATOMIC_RELEASE);
        NtdllHostWakeAddress(&NtdllStartState, UINT32_MAX);
        return;
    }
    while (state != StartRunning) {
        NtdllHostWaitAddress(&NtdllStartState, state, UINT64_MAX);
        state = __atomic_load_n(&NtdllStartState, __ATOMIC_ACQUIRE);
    }
}

VOID
NtboxInjectSystemCalls(const NTBOX_SYSTEM_CALLS *Calls)
{
    NtdllInjected = Calls;
    NtdllStartKernel();
    NtdllInstallCalls(Calls);
}

BOOLEAN NtdllDriverLoaded;

BOOLEAN
NtdllHasDrivers(VOID)
{
    const char *drivers = getenv("NTBOX_DRIVERS");

    return drivers != NULL && drivers[0] != '\0';
}

/* ---- ending ---- */

BOOLEAN
NtdllIsProcessEnding(VOID)
{
    uint32_t owner = __atomic_load_n(&NtdllEndingThread, __ATOMIC_ACQUIRE);

    return owner != 0 && owner != NtdllHostThreadId();
}

/* Makes the caller the one who ends the process, or never returns (C2). */
static VOID
ClaimProcessEnd(VOID)
{
    uint32_t nobody = 0;
    uint32_t self = NtdllHostThreadId();

    if (!__atomic_compare_exchange_n(&NtdllEndingThread, &nobody, self, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE) &&
        nobody != self) {
        NtdllHostPark();
    }
}

/* Exit handler, runs first of the two: ends the kernel and tells what its audit found. */
static void
EndKernel(void)
{
    const char *strict = getenv("NTBOX_STRICT");
    ULONG findings;

    ClaimProcessEnd();
    if (__atomic_load_n(&NtdllStartState, __ATOMIC_ACQUIRE) != StartRunning) {
        return;
    }
    NtdllCloseGate();
    if (NtdllIsRemote) {
        NtdllLeaveHost(NtdllExitCode);
        return;
    }
    if (NtdllKernelExit == NULL) {
        return;
    }
    findings = NtdllKernelExit();
    if (findings == 0) {
        return;
    }
    fprintf(stderr, "ntbox: the drivers left %u thing%s behind, reported above\n",
            (unsigned)findings, findings == 1 ? "" : "s");
    if (strict != NULL && strcmp(strict, "1") == 0) {
        fflush(NULL);
        NtdllHostExitNow(EXIT_AUDIT);
    }
}

/* Exit handler, runs second: a thread that gets here while another ends the process stays. */
static void
WaitForOtherExit(void)
{
    if (NtdllIsProcessEnding()) {
        NtdllHostPark();
    }
}

VOID
NtdllExitProcess(ULONG Code, BOOLEAN RunHandlers)
{
    /* A host keeps 8 bits of the code; a failure must not become a success on the way. */
    int code = (Code & 0xff) == 0 && Code != 0 ? 0xff : (int)(Code & 0xff);

    ClaimProcessEnd();
    NtdllExitCode = code;
    if (RunHandlers) {
        exit(code);
    }
    EndKernel();
    NtdllHostExitNow(code);
}

static void __attribute__((constructor)) AttachProcess(void)
{
    atexit(WaitForOtherExit);
    atexit(EndKernel);
    if (NtdllHasDrivers()) {
        NtdllStartKernel();
    }
}
