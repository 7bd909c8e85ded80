/* SPDX-License-Identifier: MIT
 *
 * lpc/command.c - what the host's owner asks of the kernel: status, lists, loading, unloading
 *
 * A command may take as long as a driver does: it runs on a system thread of its own, and the
 * thread that brought it sleeps meanwhile, as one that the kernel does not know.
 */
#include "lpc/lpcp.h"

#define LPCP_SEPARATOR '\x1f'
#define LPCP_MAX_WORDS 64u

typedef struct LPCP_COMMAND {
    char Line[LPC_MAX_TEXT];
    const char *Words[LPCP_MAX_WORDS];
    ULONG Count;
    LPCP_TEXT Text;
    NTSTATUS Status;
    uint32_t Done; /* atomic */
} LPCP_COMMAND;

static NTSTATUS
LpcpSplit(LPCP_COMMAND *Command, const char *Line)
{
    SIZE_T length = strlen(Line);
    char *word = Command->Line;

    if (length >= sizeof(Command->Line)) {
        return STATUS_NAME_TOO_LONG;
    }
    RtlCopyMemory(Command->Line, Line, length + 1);
    while (word != NULL) {
        if (Command->Count == LPCP_MAX_WORDS) {
            return STATUS_INVALID_PARAMETER;
        }
        Command->Words[Command->Count++] = word;
        word = strchr(word, LPCP_SEPARATOR);
        if (word != NULL) {
            *word++ = '\0';
        }
    }
    return STATUS_SUCCESS;
}

/* load PATH [SETTING...] */
static NTSTATUS
LpcpLoad(const LPCP_COMMAND *Command)
{
    for (ULONG i = 2; i < Command->Count; i++) {
        NTSTATUS status = InitpApplySetting(Command->Words[i]);

        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    return LdrpLoadDriver(Command->Words[1], NULL);
}

static NTSTATUS
LpcpDo(LPCP_COMMAND *Command)
{
    const char *verb = Command->Words[0];

    if (strcmp(verb, "status") == 0 && Command->Count == 1) {
        LpcpPutStatus(&Command->Text);
        return STATUS_SUCCESS;
    }
    if (strcmp(verb, "list") == 0 && Command->Count == 2) {
        return LpcpList(Command->Words[1], &Command->Text);
    }
    if (strcmp(verb, "load") == 0 && Command->Count >= 2) {
        return LpcpLoad(Command);
    }
    if (strcmp(verb, "unload") == 0 && Command->Count == 2) {
        return LdrpUnloadByName(Command->Words[1]);
    }
    return STATUS_INVALID_PARAMETER;
}

static VOID NTAPI
LpcpRunCommand(PVOID Context)
{
    LPCP_COMMAND *command = Context;

    command->Status = LpcpDo(command);
    if (NT_SUCCESS(command->Status) && command->Text.IsShort) {
        command->Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    __atomic_store_n(&command->Done, 1, __ATOMIC_RELEASE);
    HalpWakeAddress(&command->Done, 1);
}

/* On a borrowed KTHREAD. The thread that runs it lets go of Command last of all. */
static NTSTATUS
LpcpStartCommand(LPCP_COMMAND *Command)
{
    PETHREAD thread;
    NTSTATUS status;

    status = PspCreateReferencedSystemThread(LpcpRunCommand, Command, &thread);
    if (NT_SUCCESS(status)) {
        ObDereferenceObject(thread);
        while (__atomic_load_n(&Command->Done, __ATOMIC_ACQUIRE) == 0) {
            HalpWaitAddress(&Command->Done, 0, HALP_NEVER);
        }
        status = Command->Status;
    }
    return status;
}

int32_t
LpcpCommand(const char *Line, NTBOX_HOST_SINK *Sink, void *Context)
{
    LPCP_COMMAND *command;
    KTHREAD borrowed;
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;

    if (strcmp(Line, "counters") == 0) {
        return LpcpCounters(Sink, Context);
    }
    PspBorrowSystemThread(&borrowed);
    command = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*command), LPCP_TAG);
    if (command != NULL) {
        status = LpcpSplit(command, Line);
        if (NT_SUCCESS(status)) {
            status = LpcpStartCommand(command);
        }
        if (NT_SUCCESS(status) && command->Text.Length != 0) {
            Sink(Context, command->Text.Data, command->Text.Length);
        }
        if (command->Text.Data != NULL) {
            ExFreePoolWithTag(command->Text.Data, LPCP_TAG);
        }
        ExFreePoolWithTag(command, LPCP_TAG);
    }
    PspReturnSystemThread(&borrowed);
    return status;
}
