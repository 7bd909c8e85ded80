/* SPDX-License-Identifier: MIT
 *
 * mm/arena.c - a client's arena as its own process has it mapped
 *
 * Invariant  AR1  Runs cover the arena without gaps, ascending; neighbours differ in access. The
 *                 host's protection of the client's half of the slice is what they say.
 * Locks      MI_CLIENT.ZoneLock guards the runs.
 */
#include "mm/mip.h"

NTSTATUS
MiMapClientArena(MI_CLIENT *Client, HALP_SHARED_MEMORY *Arena)
{
    ULONG_PTR alias = Client->End;
    PVOID mapped;

    if (HalpMapSharedMemory(Arena, 0, MI_CLIENT_ARENA_SIZE, 0, (PVOID)Client->Base, &mapped) !=
            HALP_OK ||
        HalpMapSharedMemory(Arena, 0, MI_CLIENT_ARENA_SIZE, HALP_READ | HALP_WRITE, (PVOID)alias,
                            &mapped) != HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return MiAddSystemView(alias, MI_CLIENT_ARENA_SIZE);
}

VOID
MiUnmapClientArena(MI_CLIENT *Client)
{
    MiRemoveSystemView(Client->End);
}

ULONG_PTR
MiArenaAlias(const MI_CLIENT *Client, const VOID *Address)
{
    ULONG_PTR offset = (ULONG_PTR)Address - Client->Base;

    return offset < MI_CLIENT_ARENA_SIZE ? Client->End + offset : 0;
}

/* Appends a run, or makes the last one longer. FALSE: there are too many. */
static BOOLEAN
MiAppendRun(MI_ARENA_RUN *Runs, ULONG *Count, ULONG_PTR End, ULONG Access)
{
    if (*Count != 0 && Runs[*Count - 1].Access == Access) {
        Runs[*Count - 1].End = End;
        return TRUE;
    }
    if (*Count == MI_MAX_RUNS) {
        return FALSE;
    }
    Runs[(*Count)++] = (MI_ARENA_RUN){.End = End, .Access = Access};
    return TRUE;
}

/* The runs as they are when [First, End) has Access; FALSE: too many. */
static BOOLEAN
MiChangeRuns(const MI_CLIENT *Client, ULONG_PTR First, ULONG_PTR End, ULONG Access,
             MI_ARENA_RUN *Runs, ULONG *Count)
{
    ULONG_PTR start = Client->Base;
    BOOLEAN fits = TRUE;

    *Count = 0;
    for (ULONG i = 0; i < Client->RunCount && fits; i++) {
        const MI_ARENA_RUN *run = &Client->Runs[i];

        if (start < First) {
            fits = MiAppendRun(Runs, Count, min(run->End, First), run->Access);
        }
        if (fits && start < End && run->End > First) {
            fits = MiAppendRun(Runs, Count, min(run->End, End), Access);
        }
        if (fits && run->End > End) {
            fits = MiAppendRun(Runs, Count, run->End, run->Access);
        }
        start = run->End;
    }
    return fits;
}

NTSTATUS
MiSetArenaAccess(MI_CLIENT *Client, ULONG_PTR Address, SIZE_T Size, ULONG Access)
{
    ULONG_PTR offset = Address - Client->Base;
    MI_ARENA_RUN runs[MI_MAX_RUNS];
    NTSTATUS status = STATUS_QUOTA_EXCEEDED;
    ULONG count;

    if (offset >= MI_CLIENT_ARENA_SIZE || Size == 0 || Size > MI_CLIENT_ARENA_SIZE - offset ||
        ((Address | Size) & (PAGE_SIZE - 1)) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    ExAcquireFastMutex(&Client->ZoneLock);
    if (MiChangeRuns(Client, Address, Address + Size, Access, runs, &count)) {
        status = HalpProtectMemory((PVOID)Address, Size, Access) == HALP_OK
                     ? STATUS_SUCCESS
                     : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(status)) {
        RtlCopyMemory(Client->Runs, runs, count * sizeof(*runs));
        Client->RunCount = count;
    }
    ExReleaseFastMutex(&Client->ZoneLock);
    return status;
}

VOID
MiQueryClientMemory(MI_CLIENT *Client, ULONG64 *ArenaBytes, ULONG64 *ZoneBytes)
{
    ULONG_PTR start = Client->Base;

    *ArenaBytes = 0;
    *ZoneBytes = 0;
    ExAcquireFastMutex(&Client->ZoneLock);
    for (ULONG i = 0; i < Client->RunCount; i++) {
        *ArenaBytes += Client->Runs[i].Access != 0 ? Client->Runs[i].End - start : 0;
        start = Client->Runs[i].End;
    }
    for (PLIST_ENTRY link = Client->Regions.Flink; link != &Client->Regions; link = link->Flink) {
        *ZoneBytes += CONTAINING_RECORD(link, MI_REGION, Link)->Size;
    }
    ExReleaseFastMutex(&Client->ZoneLock);
}
