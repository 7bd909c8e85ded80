/* SPDX-License-Identifier: MIT
 *
 * ex/lookaside.c - lookaside lists; allocating from and freeing to them is inline in the headers
 *
 * The depth stays what it is set to here: no thread adjusts it to the load.
 *
 * Source      WDK reference, wdm.h ExInitializeNPagedLookasideList, ExInitializePagedLookasideList,
 *             ExInitializeLookasideListEx; bug check 0xC4 0xCA, 0xCB for misuse.
 */
#include "ex/ex.h"

#define EXP_BUGCHECK_VERIFIER 0xC4
#define EXP_DEFAULT_DEPTH 4
#define EXP_MAXIMUM_DEPTH 256

static VOID
ExpPrepareLookaside(GENERAL_LOOKASIDE_POOL *List, POOL_TYPE Type, SIZE_T Size, ULONG Tag,
                    ULONG_PTR Caller)
{
    ULONG_PTR before = ExpTrackObject(List, ExpTrackedLookaside, Caller);
    char where[400];

    if (ExpVerifying && before != 0) {
        ExpNameCode(before, where, sizeof(where));
        KiBugCheckDetail(
            EXP_BUGCHECK_VERIFIER, 0xCA, (ULONG_PTR)List, 0, 0,
            "The lookaside list %p is initialised, but it is already, by %s: delete it "
            "first.",
            (void *)List, where);
    }
    memset(List, 0, sizeof(*List));
    InitializeSListHead(&List->ListHead);
    List->Depth = EXP_DEFAULT_DEPTH;
    List->MaximumDepth = EXP_MAXIMUM_DEPTH;
    List->Type = Type;
    List->Tag = Tag;
    List->Size = (ULONG)(Size < LOOKASIDE_MINIMUM_BLOCK_SIZE ? LOOKASIDE_MINIMUM_BLOCK_SIZE : Size);
    InitializeListHead(&List->ListEntry);
}

/* Paged or not, at a cache line or not, of the session or not, executable or not. */
static BOOLEAN
ExpIsPoolType(ULONG Type)
{
    const ULONG bits = PagedPool | NonPagedPoolCacheAligned | NonPagedPoolSession | NonPagedPoolNx;

    return (Type & ~bits) == 0 && ((Type & NonPagedPoolNx) == 0 || (Type & PagedPool) == 0);
}

static PVOID NTAPI
ExpDefaultAllocate(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, PLOOKASIDE_LIST_EX Lookaside)
{
    ULONG type = (ULONG)PoolType & ~(ULONG)POOL_QUOTA_FAIL_INSTEAD_OF_RAISE;

    return ExpAllocatePool((POOL_TYPE)type, Size, Tag, NT_CALLER());
}

static VOID NTAPI
ExpDefaultFree(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside)
{
    ExFreePoolWithTag(Buffer, Lookaside->L.Tag);
}

static VOID
ExpInitializeLookaside(GENERAL_LOOKASIDE_POOL *List, PALLOCATE_FUNCTION Allocate,
                       PFREE_FUNCTION Free, POOL_TYPE Type, ULONG Flags, SIZE_T Size, ULONG Tag,
                       ULONG_PTR Caller)
{
    ExpPrepareLookaside(List,
                        (POOL_TYPE)(Type | (Flags & (POOL_RAISE_IF_ALLOCATION_FAILURE | 512))),
                        Size, Tag, Caller);
    List->Allocate = Allocate != NULL ? Allocate : ExAllocatePoolWithTag;
    List->Free = Free != NULL ? Free : ExFreePool;
}

/* Gives every cached entry back. IsEx: through the extended free routine. */
static VOID
ExpFlushLookaside(GENERAL_LOOKASIDE_POOL *List, BOOLEAN IsEx)
{
    PSLIST_ENTRY entry = ExpInterlockedFlushSList(&List->ListHead);

    while (entry != NULL) {
        PSLIST_ENTRY next = entry->Next;

        if (IsEx) {
            List->FreeEx(entry, (PLOOKASIDE_LIST_EX)List);
        } else {
            List->Free(entry);
        }
        entry = next;
    }
}

static VOID
ExpDeleteLookaside(GENERAL_LOOKASIDE_POOL *List, BOOLEAN IsEx)
{
    if (List->Allocate == NULL || List->Free == NULL) {
        KiBugCheckDetail(EXP_BUGCHECK_VERIFIER, 0xCB, (ULONG_PTR)List, 0, 0,
                         "The lookaside list %p is deleted, but it was never initialised or was "
                         "deleted before: pair each initialisation with one deletion.",
                         (void *)List);
    }
    ExpUntrackObject(List);
    ExpFlushLookaside(List, IsEx);
    List->Depth = 0;
    List->Allocate = NULL;
    List->Free = NULL;
}

#pragma GCC visibility push(default)

VOID NTAPI
ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                                PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag,
                                USHORT Depth)
{
    NT_ENTER(ExInitializeNPagedLookasideList);
    ExpInitializeLookaside((GENERAL_LOOKASIDE_POOL *)&Lookaside->L, Allocate, Free, NonPagedPool,
                           Flags, Size, Tag, NT_CALLER());
}

VOID NTAPI
ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    NT_ENTER(ExDeleteNPagedLookasideList);
    ExpDeleteLookaside((GENERAL_LOOKASIDE_POOL *)&Lookaside->L, FALSE);
}

VOID NTAPI
ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate,
                               PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag,
                               USHORT Depth)
{
    NT_ENTER(ExInitializePagedLookasideList);
    ExpInitializeLookaside((GENERAL_LOOKASIDE_POOL *)&Lookaside->L, Allocate, Free, PagedPool,
                           Flags & ~512u, Size, Tag, NT_CALLER());
}

VOID NTAPI
ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    NT_ENTER(ExDeletePagedLookasideList);
    ExpDeleteLookaside((GENERAL_LOOKASIDE_POOL *)&Lookaside->L, FALSE);
}

/*
 * ExInitializeLookasideListEx - a list whose routines get the list
 *
 * Flags    EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL or _FAIL_NO_RAISE, which become bits of the
 *          pool type that Allocate is called with; the default routine takes no notice of the
 * latter
 *
 * Errors   STATUS_INVALID_PARAMETER_4 (no pool, or a must-succeed one), _5 (flags), _8 (depth)
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-exinitializelookasidelistex
 */
NTSTATUS NTAPI
ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
                            PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size,
                            ULONG Tag, USHORT Depth)
{
    NT_ENTER(ExInitializeLookasideListEx);
    ULONG type = (ULONG)PoolType;

    if (!ExpIsPoolType(type)) {
        return STATUS_INVALID_PARAMETER_4;
    }
    /* The flags exclude each other. */
    if (Flags > EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE) {
        return STATUS_INVALID_PARAMETER_5;
    }
    if (Depth != 0) {
        return STATUS_INVALID_PARAMETER_8;
    }
    if (Flags == EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL) {
        type |= POOL_RAISE_IF_ALLOCATION_FAILURE;
    } else if (Flags == EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE) {
        type |= POOL_QUOTA_FAIL_INSTEAD_OF_RAISE;
    }
    ExpPrepareLookaside(&Lookaside->L, (POOL_TYPE)type, Size, Tag, NT_CALLER());
    Lookaside->L.AllocateEx = Allocate != NULL ? Allocate : ExpDefaultAllocate;
    Lookaside->L.FreeEx = Free != NULL ? Free : ExpDefaultFree;
    return STATUS_SUCCESS;
}

VOID NTAPI
ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    NT_ENTER(ExDeleteLookasideListEx);
    ExpDeleteLookaside(&Lookaside->L, TRUE);
}

VOID NTAPI
ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    NT_ENTER(ExFlushLookasideListEx);
    ExpFlushLookaside(&Lookaside->L, TRUE);
}

#pragma GCC visibility pop
