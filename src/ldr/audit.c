/* SPDX-License-Identifier: MIT
 *
 * ldr/audit.c - what a driver left behind
 *
 * Windows finds these with Driver Verifier, or when it crashes in code that is gone. Here each is
 * one line in the log, with the source line of the allocation where there is one. Taken away:
 * notify routines, symbolic links, devices, pool blocks. Timers, DPCs and system threads cannot be:
 * then image and pool blocks stay, so that what still runs finds them.
 *
 * Source  WDK reference, Driver Verifier's checks at unload; bug check 0xCE, 0xC4/0x62.
 */
#include <stdio.h>

#include "ldr/ldrp.h"

#define LDRP_BATCH 64 /* blocks looked at in one walk */

typedef struct LDRP_AUDIT {
    LDRP_MODULE *Module;
    const char *When; /* NULL: quiet */
    ULONG Findings;
    ULONG Blocks; /* collected in Block */
    ULONG Skip;   /* blocks of earlier rounds that stay */
    EXP_POOL_BLOCK Block[LDRP_BATCH];
} LDRP_AUDIT;

static ULONG LdrpFindings; /* atomic */

ULONG
LdrpAuditFindings(VOID)
{
    return __atomic_load_n(&LdrpFindings, __ATOMIC_RELAXED);
}

/* Blocks that the executive allocates for a driver: it frees them, we only name them. */
static const char *const LdrpExecutiveTags[] = {"Irp ", "IoSB", "IoNm", "Devi", "Driv",
                                                "IoSd", "IoWi", "IoCp", "IoCx", "IoEr",
                                                "Mdl ", "CmRp", "Obj "};

static VOID
LdrpReport(LDRP_AUDIT *Audit, ULONG Count, const char *What)
{
    if (Count == 0) {
        return;
    }
    Audit->Findings += Count;
    if (Audit->When != NULL) {
        LdrpLog("%s left %u %s%s behind after %s", Audit->Module->Name, Count, What,
                Count == 1 ? "" : "s", Audit->When);
    }
}

/* ---- things that run: they pin the image ---- */

/* Names each timer and DPC: its routine says whose it is. */
static VOID
LdrpNameActivity(LDRP_AUDIT *Audit, ULONG_PTR Base, SIZE_T Size)
{
    KI_BUSY_OBJECT found;
    char text[400];

    for (ULONG i = 0; Audit->When != NULL && KiFindTimerInRange(Base, Size, i, &found); ++i) {
        KiDescribeBusyObject(&found, text, sizeof(text));
        LdrpLog("%s:   %s: KeCancelTimer it, then KeFlushQueuedDpcs", Audit->Module->Name, text);
    }
    for (ULONG i = 0; Audit->When != NULL && KiFindDpcInRange(Base, Size, i, &found); ++i) {
        KiDescribeBusyObject(&found, text, sizeof(text));
        LdrpLog("%s:   %s: KeFlushQueuedDpcs first", Audit->Module->Name, text);
    }
}

static VOID
LdrpAuditActivity(LDRP_AUDIT *Audit)
{
    ULONG_PTR base = Audit->Module->Base;
    SIZE_T size = Audit->Module->Size;
    ULONG timers = KiCountTimersInRange(base, size);
    ULONG dpcs = KiCountDpcsInRange(base, size);
    ULONG threads = PspCountSystemThreadsInRange(base, size);

    LdrpReport(Audit, timers, "armed timer");
    LdrpReport(Audit, dpcs, "queued DPC");
    LdrpReport(Audit, threads, "running system thread");
    LdrpNameActivity(Audit, base, size);
    if (timers + dpcs + threads != 0) {
        Audit->Module->Pinned = TRUE;
        if (Audit->When != NULL) {
            LdrpLog("%s: its image and memory stay, because that may still run; on Windows this is "
                    "bugcheck 0xCE DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS",
                    Audit->Module->Name);
        }
    }
}

/* ---- objects that were initialised and not deleted ---- */

/* Resources and lookaside lists in the range: told, and forgotten, as their memory goes. */
static VOID
LdrpAuditTracked(LDRP_AUDIT *Audit, ULONG_PTR Base, SIZE_T Size)
{
    EXP_TRACKED tracked;
    char where[400];

    while (ExpFindTracked(Base, Size, &tracked)) {
        ExpUntrackObject(tracked.Object);
        ++Audit->Findings;
        if (Audit->When != NULL) {
            LdrpDescribeCode(tracked.Caller - 1, where, sizeof(where));
            LdrpLog("%s left %s behind after %s: initialised in %s, %s is missing (on Windows "
                    "bugcheck 0xC4 0x%02X)",
                    Audit->Module->Name,
                    tracked.Kind == ExpTrackedResource ? "an ERESOURCE" : "a lookaside list",
                    Audit->When, where,
                    tracked.Kind == ExpTrackedResource ? "ExDeleteResourceLite"
                                                       : "ExDelete[N]PagedLookasideList",
                    tracked.Kind == ExpTrackedResource ? 0xD2u : 0xCCu);
        }
    }
}

/* ---- notify routines ---- */

static VOID
LdrpAuditNotify(LDRP_AUDIT *Audit)
{
    const char *kind = "notify routine";
    ULONG count = PspCountNotifyRoutinesInRange(Audit->Module->Base, Audit->Module->Size, &kind);

    LdrpReport(Audit, count, kind);
    PspRemoveNotifyRoutinesInRange(Audit->Module->Base, Audit->Module->Size);
}

static VOID
LdrpTellRegistration(PVOID Context, const char *Kind, ULONG_PTR Owner)
{
    LDRP_AUDIT *audit = Context;
    char where[400];

    ++audit->Findings;
    if (audit->When != NULL) {
        LdrpDescribeCode(Owner, where, sizeof(where));
        LdrpLog("%s left a %s behind after %s: %s", audit->Module->Name, Kind, audit->When, where);
    }
}

/* ---- devices and links ---- */

/* For the log: what is not ASCII becomes '?'. */
static VOID
LdrpNarrow(PCUNICODE_STRING Name, char *Text, SIZE_T Size)
{
    SIZE_T length = min(Name->Length / sizeof(WCHAR), Size - 1);

    for (SIZE_T i = 0; i < length; ++i) {
        Text[i] = Name->Buffer[i] < 0x80 ? (char)Name->Buffer[i] : '?';
    }
    Text[length] = 0;
}

static VOID
LdrpTellLink(PVOID Context, PCUNICODE_STRING Name, ULONG_PTR Caller)
{
    LDRP_AUDIT *audit = Context;
    char where[400];
    char text[128];

    ++audit->Findings;
    if (audit->When != NULL) {
        LdrpNarrow(Name, text, sizeof(text));
        LdrpDescribeCode(Caller - 1, where, sizeof(where));
        LdrpLog("%s left symbolic link %s behind after %s: made in %s", audit->Module->Name, text,
                audit->When, where);
    }
}

static VOID
LdrpTellDevice(LDRP_AUDIT *Audit, PCUNICODE_STRING Name)
{
    char text[128];

    ++Audit->Findings;
    if (Audit->When != NULL) {
        LdrpNarrow(Name, text, sizeof(text));
        LdrpLog("%s left device %s behind after %s: IoDeleteDevice is missing", Audit->Module->Name,
                text[0] != 0 ? text : "without a name", Audit->When);
    }
}

static VOID
LdrpAuditDevices(LDRP_AUDIT *Audit)
{
    PDRIVER_OBJECT driver = Audit->Module->DriverObject;
    IOP_DRIVER_AUDIT counts = {0};
    PDEVICE_OBJECT device;

    IopAuditDriver(driver, &counts);
    IopRemoveDriverLinks(driver, LdrpTellLink, Audit);
    LdrpReport(Audit, counts.PendingIrps, "pending IRP");
    LdrpReport(Audit, counts.OpenFiles, "open file");
    if (counts.OpenFiles != 0 || counts.PendingIrps != 0) {
        Audit->Module->Pinned = TRUE;
    }
    while ((device = driver->DeviceObject) != NULL) {
        WCHAR buffer[128];
        UNICODE_STRING name;
        ObpQueryName(device, buffer, sizeof(buffer));
        RtlInitUnicodeString(&name, buffer);
        LdrpTellDevice(Audit, &name);
        IoDeleteDevice(device);
        if (driver->DeviceObject == device) {
            break; /* still open: io lets go of it with the last file */
        }
    }
}

/* ---- pool ---- */

static BOOLEAN
LdrpIsExecutiveTag(ULONG Tag)
{
    NT_FOR_EACH (known, LdrpExecutiveTags) {
        if (memcmp(*known, &Tag, sizeof(Tag)) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN
LdrpVisitBlock(PVOID Context, const EXP_POOL_BLOCK *Block)
{
    LDRP_AUDIT *audit = Context;

    if (Block->Caller - audit->Module->Base < audit->Module->Size) {
        audit->Block[audit->Blocks++] = *Block;
    }
    return audit->Blocks < LDRP_BATCH;
}

static VOID
LdrpNameBlock(LDRP_AUDIT *Audit, const EXP_POOL_BLOCK *Block)
{
    char where[400];
    char tag[5] = {0};

    ++Audit->Findings;
    if (Audit->When == NULL) {
        return;
    }
    memcpy(tag, &Block->Tag, 4);
    for (ULONG i = 0; i < 4; ++i) {
        tag[i] = tag[i] >= ' ' && tag[i] < 0x7F ? tag[i] : '.';
    }
    LdrpDescribeCode(Block->Caller - 1, where, sizeof(where));
    LdrpLog("%s left %llu bytes of pool, tag '%s', behind after %s: allocated in %s",
            Audit->Module->Name, (unsigned long long)Block->Size, tag, Audit->When, where);
}

/* Names the blocks and frees the driver's own, batch by batch, unless something may use them. */
static VOID
LdrpAuditPool(LDRP_AUDIT *Audit)
{
    KI_BUSY_OBJECT busy;
    BOOLEAN freed;

    do {
        freed = FALSE;
        Audit->Blocks = 0;
        ExpForEachPoolBlock(LdrpVisitBlock, Audit);
        for (ULONG i = 0; i < Audit->Blocks; ++i) {
            const EXP_POOL_BLOCK *block = &Audit->Block[i];
            ULONG running = KiCountTimersInRange((ULONG_PTR)block->Address, block->Size) +
                            KiCountDpcsInRange((ULONG_PTR)block->Address, block->Size);
            LdrpNameBlock(Audit, block);
            LdrpReport(Audit, running, "armed timer or queued DPC in that block");
            LdrpNameActivity(Audit, (ULONG_PTR)block->Address, block->Size);
            if (!LdrpIsExecutiveTag(block->Tag)) {
                LdrpAuditTracked(Audit, (ULONG_PTR)block->Address, block->Size);
            }
            /* A thread may wait for an event in it, too. */
            Audit->Module->Pinned |=
                running != 0 || KiFindBusyObject((ULONG_PTR)block->Address, block->Size, &busy);
            if (!Audit->Module->Pinned && !LdrpIsExecutiveTag(block->Tag)) {
                ExFreePoolWithTag(block->Address, block->Tag);
                freed = TRUE;
            }
        }
    } while (freed && Audit->Blocks == LDRP_BATCH);
}

VOID
LdrpAuditModule(LDRP_MODULE *Module, const char *When)
{
    LDRP_AUDIT *audit = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*audit), LDRP_TAG);

    if (audit == NULL) {
        LdrpLog("%s: no memory to look for what it left behind", Module->Name);
        Module->Pinned = TRUE;
        __atomic_fetch_add(&LdrpFindings, 1, __ATOMIC_RELAXED);
        return;
    }
    RtlZeroMemory(audit, sizeof(*audit));
    audit->Module = Module;
    audit->When = When;
    LdrpAuditNotify(audit);
    ExpDropRegistrationsInRange(Module->Base, Module->Size, LdrpTellRegistration, audit);
    LdrpAuditActivity(audit);
    LdrpAuditTracked(audit, Module->Base, Module->Size);
    LdrpAuditDevices(audit);
    LdrpAuditPool(audit);
    if (When != NULL) {
        __atomic_fetch_add(&LdrpFindings, audit->Findings, __ATOMIC_RELAXED);
    }
    ExFreePoolWithTag(audit, LDRP_TAG);
}
