/* SPDX-License-Identifier: MIT
 *
 * ex/report.c - finding blocks by address, and saying what is wrong with them
 *
 * Source: reference of bug checks 0x19 BAD_POOL_HEADER, 0xC1
 * SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION and 0xC2 BAD_POOL_CALLER (2017).
 */
#include "ex/expool.h"

#include <stdio.h>

#define EXP_BUGCHECK_HEADER 0x19
#define EXP_BUGCHECK_DAMAGE 0xC1
#define EXP_BUGCHECK_CALLER 0xC2
#define EXP_BUGCHECK_VERIFIER 0xC4
#define EXP_TAG_IRP 0x20707249u /* 'Irp ' */

static VOID
ExpCopyStacks(EXP_POOL_BLOCK *Block, const EXP_STACKS *Stacks)
{
    if (Stacks == NULL) {
        return;
    }
    if (EXP_ASAN) {
        HalpUnpoisonMemory(Stacks, sizeof(*Stacks));
    }
    Block->StackDepth = Stacks->Depth;
    Block->FreeStackDepth = Stacks->FreeDepth;
    memcpy(Block->Stack, Stacks->Frames, sizeof(Block->Stack));
    memcpy(Block->FreeStack, Stacks->FreeFrames, sizeof(Block->FreeStack));
    if (EXP_ASAN) {
        HalpPoisonMemory(Stacks, sizeof(*Stacks));
    }
}

/* A free block's link decodes to nothing or to another block (P3); damage rarely does. */
EXP_NO_ASAN static BOOLEAN
ExpIsLinked(EXP_HEADER *Header)
{
    ULONG_PTR next = ~ExpCookie ^ (ULONG_PTR)Header ^ Header->Check;

    return next == 0 || (ExpIsPoolAddress(next) && (next & 15) == 0);
}

/* FALSE: never allocated. */
EXP_NO_ASAN static BOOLEAN
ExpFillSmall(EXP_HEADER *Header, ULONG Class, EXP_POOL_BLOCK *Block, BOOLEAN *IsFree)
{
    if (Header->Caller == 0 && Header->FreeCaller == 0 && ExpIsLinked(Header)) {
        return FALSE;
    }
    memset(Block, 0, sizeof(*Block));
    *IsFree = Header->Check != ExpHeaderCheck(Header) && ExpIsLinked(Header);
    Block->Address = ExpBody(Header);
    /* A damaged header says anything. */
    Block->Size = Header->Size <= ExpClassPayload[Class] ? Header->Size : 0;
    Block->Tag = Header->Tag;
    Block->NonPaged = ExpKindOf((ULONG_PTR)Header) == EXP_KIND_NONPAGED;
    Block->Caller = Header->Caller;
    Block->FreeCaller = *IsFree ? Header->FreeCaller : 0;
    ExpCopyStacks(Block, ExpSmallStacks(Header, Class));
    return TRUE;
}

/*
 * A walk over the pool meets blocks that come and go meanwhile. What it is for are blocks that
 * stay; of the others it gets what was there, or something that does not add up, and passes on.
 */
#define EXP_UNLOCKED_LOOK __attribute__((no_sanitize("thread")))

EXP_UNLOCKED_LOOK static BOOLEAN
ExpFillLarge(ULONG Index, EXP_POOL_BLOCK *Block, BOOLEAN *IsFree)
{
    EXP_PAGE *page = &ExpPages[Index];
    UCHAR state = ExpPageState(page);

    if (page->Caller == 0 || state == EXP_PAGE_SLAB || state == EXP_PAGE_INTERNAL) {
        return FALSE;
    }
    memset(Block, 0, sizeof(*Block));
    *IsFree = state != EXP_PAGE_LARGE;
    Block->Address = (PVOID)ExpPageAddress(Index);
    if (state != EXP_PAGE_FREE) {
        Block->Size = ((SIZE_T)(page->Pages - ExpExtraPages) << PAGE_SHIFT) - page->Slack;
        ExpCopyStacks(Block, ExpLargeStacks(Index));
    }
    Block->Tag = page->Tag;
    Block->NonPaged = ExpKindOf((ULONG_PTR)Block->Address) == EXP_KIND_NONPAGED;
    Block->Caller = page->Caller;
    Block->FreeCaller = *IsFree ? page->FreeCaller : 0;
    return TRUE;
}

BOOLEAN
ExpDescribePoolAddress(ULONG_PTR Address, EXP_POOL_BLOCK *Block, BOOLEAN *IsFree)
{
    ULONG index;
    ULONG stride;
    ULONG slot;
    EXP_PAGE *page;

    if (ExpKernelBase == 0 || !ExpIsPoolAddress(Address)) {
        return FALSE;
    }
    index = ExpPageIndex(Address);
    if (!ExpIsCommitted(index, ExpKindOf(Address))) {
        return FALSE;
    }
    page = &ExpPages[index];
    switch (ExpPageState(page)) {
    case EXP_PAGE_SLAB:
        stride = ExpClassPayload[page->Class] + sizeof(EXP_HEADER);
        slot = (ULONG)(Address & (PAGE_SIZE - 1)) / stride;
        if ((slot + 1) * stride > PAGE_SIZE) {
            return FALSE;
        }
        return ExpFillSmall((EXP_HEADER *)(ExpPageAddress(index) + slot * stride), page->Class,
                            Block, IsFree);
    case EXP_PAGE_TAIL:
        index -= page->Pages;
        /* fallthrough */
    case EXP_PAGE_LARGE:
    case EXP_PAGE_QUARANTINE:
    case EXP_PAGE_FREE:
        return ExpFillLarge(index, Block, IsFree);
    default:
        return FALSE;
    }
}

/* A copy of a header, and whether it is a live block's (P2). */
EXP_NO_ASAN EXP_UNLOCKED_LOOK static BOOLEAN
ExpLookAtHeader(const volatile EXP_HEADER *Header, EXP_HEADER *Copy)
{
    Copy->Tag = Header->Tag;
    Copy->Size = Header->Size;
    Copy->Caller = Header->Caller;
    Copy->Check = Header->Check;
    return Copy->Check == (ExpCookie ^ (ULONG_PTR)Header ^
                           (((ULONG64)Copy->Size << 32) | Copy->Tag) ^ (Copy->Caller << 7));
}

/* Visits the live blocks of one slab; FALSE: stop. */
EXP_NO_ASAN EXP_UNLOCKED_LOOK static BOOLEAN
ExpVisitSlab(ULONG Index, BOOLEAN (*Visit)(PVOID Context, const EXP_POOL_BLOCK *Block),
             PVOID Context)
{
    ULONG sizeClass = ExpPages[Index].Class;
    ULONG stride = ExpClassPayload[sizeClass] + sizeof(EXP_HEADER);

    for (ULONG offset = 0; offset + stride <= PAGE_SIZE; offset += stride) {
        EXP_HEADER *header = (EXP_HEADER *)(ExpPageAddress(Index) + offset);
        EXP_POOL_BLOCK block = {.Address = ExpBody(header)};
        EXP_HEADER copy;

        if (!ExpLookAtHeader(header, &copy)) {
            continue;
        }
        block.Size = copy.Size;
        block.Tag = copy.Tag;
        block.NonPaged = ExpKindOf((ULONG_PTR)header) == EXP_KIND_NONPAGED;
        block.Caller = copy.Caller;
        ExpCopyStacks(&block, ExpSmallStacks(header, sizeClass));
        if (!Visit(Context, &block)) {
            return FALSE;
        }
    }
    return TRUE;
}

EXP_UNLOCKED_LOOK VOID
ExpForEachPoolBlock(BOOLEAN (*Visit)(PVOID Context, const EXP_POOL_BLOCK *Block), PVOID Context)
{
    for (ULONG kind = 0; kind < 2; kind++) {
        ULONG index;
        ULONG end;
        ULONG pages;

        ExpPageBounds(kind, &index, &end);
        for (; index < end; index += pages) {
            EXP_PAGE *page = &ExpPages[index];
            EXP_POOL_BLOCK block;
            BOOLEAN isFree;

            pages = page->Pages != 0 ? page->Pages : 1;
            if (ExpPageState(page) == EXP_PAGE_SLAB && !ExpVisitSlab(index, Visit, Context)) {
                return;
            }
            if (ExpPageState(page) == EXP_PAGE_LARGE && ExpFillLarge(index, &block, &isFree) &&
                !Visit(Context, &block)) {
                return;
            }
        }
    }
}

/* ---- words ---- */

/* "function+0x12 (file.c:34)" */
VOID
ExpNameCode(ULONG_PTR Address, char *Buffer, SIZE_T Size)
{
    HALP_SYMBOL symbol;

    if (Address <= 1 || !HalpDescribeAddress(Address - 1, &symbol)) {
        snprintf(Buffer, Size, "%#llx", (ULONG64)Address);
        return;
    }
    if (symbol.File[0] != '\0') {
        snprintf(Buffer, Size, "%s (%s:%u)", symbol.Function, symbol.File, symbol.Line);
    } else {
        snprintf(Buffer, Size, "%s!%s+%#llx", symbol.Module, symbol.Function,
                 (ULONG64)symbol.Offset);
    }
}

static VOID
ExpNameTag(ULONG Tag, char Text[5])
{
    for (ULONG i = 0; i < 4; i++) {
        UCHAR letter = (UCHAR)(Tag >> (8 * i)) & 0x7F;

        Text[i] = letter >= 0x20 && letter < 0x7F ? (char)letter : '.';
    }
    Text[4] = '\0';
}

VOID
ExpDescribePoolText(ULONG_PTR Address, char *Buffer, SIZE_T Size)
{
    EXP_POOL_BLOCK block;
    BOOLEAN isFree;
    char caller[400];
    char freer[400];
    char tag[5];

    Buffer[0] = '\0';
    if (!ExpDescribePoolAddress(Address, &block, &isFree)) {
        return;
    }
    ExpNameTag(block.Tag, tag);
    ExpNameCode(block.Caller, caller, sizeof(caller));
    ExpNameCode(block.FreeCaller, freer, sizeof(freer));
    snprintf(Buffer, Size,
             "%#llx is %lld bytes into a %s %spaged pool block of %llu bytes, tag '%s', "
             "allocated by %s%s%s",
             (ULONG64)Address, (LONG64)(Address - (ULONG_PTR)block.Address),
             isFree ? "freed" : "live", block.NonPaged ? "non-" : "", (ULONG64)block.Size, tag,
             caller, isFree ? ", freed by " : "", isFree ? freer : "");
}

/* ---- bugchecks ---- */

/* Words for the small block that lies before this one in its page, the usual suspect. */
EXP_NO_ASAN static VOID
ExpDescribeNeighbour(ULONG_PTR Address, char *Buffer, SIZE_T Size)
{
    ULONG sizeClass = ExpPages[ExpPageIndex(Address)].Class;
    ULONG stride = ExpClassPayload[sizeClass] + sizeof(EXP_HEADER);
    EXP_HEADER *header = (EXP_HEADER *)(Address - sizeof(EXP_HEADER) - stride);
    char text[1024];

    if ((Address & (PAGE_SIZE - 1)) < stride) {
        snprintf(Buffer, Size, "It is the first block of its page: suspect the block itself.");
        return;
    }
    ExpDescribePoolText((ULONG_PTR)ExpBody(header), text, sizeof(text));
    snprintf(Buffer, Size, "The block before it%s: %s.",
             header->Check == ExpHeaderCheck(header) && ExpFindOverrun(header, sizeClass) != 0
                 ? " was written past its end, so that is where to look"
             : header->Check == ExpHeaderCheck(header) && ExpTail(header, sizeClass) != NULL
                 ? " has nothing written right behind its end; suspect this one's own code, or a "
                   "stray pointer"
                 : "",
             text[0] != 0 ? text : "never allocated");
}

/* A driver gave a request packet to ExFreePool: 0xC4/0x105. */
static VOID
ExpReportIrpFree(ULONG_PTR Address, const EXP_POOL_BLOCK *Block, const char *Caller)
{
    char where[400];

    if (Block->Tag != EXP_TAG_IRP) {
        return;
    }
    ExpNameCode(Block->Caller, where, sizeof(where));
    KiBugCheckDetail(
        EXP_BUGCHECK_VERIFIER, 0x105, Address, 0, 0,
        "%s frees an IRP with ExFreePool: an IRP of IoAllocateIrp goes with IoFreeIrp, "
        "any other with IoCompleteRequest. It was allocated by %s.",
        Caller, where);
}

/* The address is no pool address at all. */
static DECLSPEC_NORETURN VOID
ExpReportForeignFree(ULONG_PTR Address, const char *Caller)
{
    if (Address == 0) {
        KiBugCheckDetail(EXP_BUGCHECK_CALLER, 0x46, 0, 0, 0,
                         "%s frees NULL: check the pointer before ExFreePool.", Caller);
    }
    KiBugCheckDetail(EXP_BUGCHECK_CALLER, 0x40, Address, ExpKernelBase, 0,
                     "%s frees %#llx, which is no pool memory (the pools are %#llx..%#llx).",
                     Caller, (ULONG64)Address, (ULONG64)ExpKernelBase, (ULONG64)ExpKernelEnd);
}

DECLSPEC_NORETURN VOID
ExpReportBadFree(ULONG_PTR Address, ULONG_PTR Caller)
{
    EXP_POOL_BLOCK block;
    BOOLEAN isFree;
    char caller[400];
    char text[1024];
    char neighbour[1200];

    ExpNameCode(Caller, caller, sizeof(caller));
    if (!ExpIsPoolAddress(Address)) {
        ExpReportForeignFree(Address, caller);
    }
    if (!ExpDescribePoolAddress(Address, &block, &isFree)) {
        KiBugCheckDetail(EXP_BUGCHECK_CALLER, 0x46, Address, 0, 0,
                         "%s frees %#llx, which was never allocated.", caller, (ULONG64)Address);
    }
    ExpDescribePoolText(Address, text, sizeof(text));
    if (!isFree) {
        ExpReportIrpFree(Address, &block, caller);
    }
    if ((ULONG_PTR)block.Address != Address) {
        KiBugCheckDetail(EXP_BUGCHECK_CALLER, 0x46, Address, 0, 0,
                         "%s frees an address that is not the start of a block: %s. Free the "
                         "address that the allocation returned.",
                         caller, text);
    }
    if (!isFree) {
        ExpDescribeNeighbour(Address, neighbour, sizeof(neighbour));
        KiBugCheckDetail(EXP_BUGCHECK_HEADER, 0x20, Address, 0, 0,
                         "%s frees a block whose header was overwritten, by writing past the end "
                         "of the block before it or before the start of this one: %s. %s "
                         "NTBOX_VERIFY=1 finds the writer's block.",
                         caller, text, neighbour);
    }
    KiBugCheckDetail(EXP_BUGCHECK_CALLER, 0x07, 0, block.Tag, Address,
                     "%s frees a block for the second time: %s. Let one place free it, and set "
                     "the pointer to NULL there.",
                     caller, text);
}

EXP_NO_ASAN DECLSPEC_NORETURN VOID
ExpReportBadLink(EXP_HEADER *Header)
{
    char text[1024];
    char neighbour[1200];

    ExpDescribeNeighbour((ULONG_PTR)ExpBody(Header), neighbour, sizeof(neighbour));
    ExpDescribePoolText((ULONG_PTR)ExpBody(Header), text, sizeof(text));
    KiBugCheckDetail(EXP_BUGCHECK_HEADER, 0x3, (ULONG_PTR)Header, Header->Check, Header->Check,
                     "The header of a free block was overwritten, probably by writing past the end "
                     "of the block before it: %s. %s",
                     text, neighbour);
}

DECLSPEC_NORETURN VOID
ExpReportTag(ULONG_PTR Address, ULONG Allocated, ULONG Freed, ULONG_PTR Caller)
{
    char caller[400];
    char text[1024];
    char tag[5];

    ExpNameCode(Caller, caller, sizeof(caller));
    ExpNameTag(Freed, tag);
    ExpDescribePoolText(Address, text, sizeof(text));
    KiBugCheckDetail(EXP_BUGCHECK_CALLER, 0x0A, Address, Allocated, Freed,
                     "%s frees a block with the tag '%s', but it has another: %s.", caller, tag,
                     text);
}

DECLSPEC_NORETURN VOID
ExpReportTail(ULONG_PTR Block, SIZE_T Size, ULONG_PTR Caller)
{
    ULONG found;
    char caller[400];
    char text[1024];

    memcpy(&found, (PVOID)(Block + Size), sizeof(found));
    ExpNameCode(Caller, caller, sizeof(caller));
    ExpDescribePoolText(Block, text, sizeof(text));
    KiBugCheckDetail(EXP_BUGCHECK_HEADER, 0x21, Block, Size, found,
                     "%s frees a block that was written past its end, from its byte %llu on (now "
                     "0x%08x): %s. It is too small for what is written to it.",
                     caller, (ULONG64)Size, (unsigned)found, text);
}

DECLSPEC_NORETURN VOID
ExpReportDamage(ULONG_PTR Block, SIZE_T Size, ULONG_PTR Damaged, BOOLEAN WasFree)
{
    char text[1024];

    ExpDescribePoolText(Block, text, sizeof(text));
    if (WasFree) {
        KiBugCheckDetail(
            EXP_BUGCHECK_DAMAGE, Block, Damaged, 0, 0x23,
            "Byte %llu of a block was written after the block was freed: %s. Who keeps "
            "a pointer to it? NTBOX_VERIFY=1 shows the stack that freed it.",
            (ULONG64)(Damaged - Block), text);
    }
    KiBugCheckDetail(EXP_BUGCHECK_DAMAGE, Block, Damaged, 0, 0x24,
                     "Byte %llu, past the end of a block of %llu bytes, was written: %s.",
                     (ULONG64)(Damaged - Block), (ULONG64)Size, text);
}
