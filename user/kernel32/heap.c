/* SPDX-License-Identifier: MIT
 *
 * kernel32/heap.c - the process heap and private heaps
 *
 * Every block is malloc's, so that sanitizers and valgrind see it. A block of the process heap is
 * that and nothing else, because programs free it with other functions, too. A block of a private
 * heap has a header, so that HeapDestroy finds it.
 *
 * Invariants  H1  a private heap's blocks are on its list, each with its heap and the size asked
 * for. H2  Used is the sum of these sizes, and not above Maximum if that is not 0. Locks
 * BaseHeapsLock guards the list of heaps; a heap's Lock its blocks. The first is taken before the
 * second. Source      SDK reference, nf-heapapi-heapcreate and its neighbours.
 */
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define PROCESS_HEAP ((HANDLE)(ULONG_PTR)0x50000100u)

typedef struct BASE_BLOCK {
    LIST_ENTRY Link; /* BASE_HEAP.Blocks */
    struct BASE_HEAP *Heap;
    SIZE_T Size; /* as asked for */
} BASE_BLOCK;

_Static_assert(sizeof(BASE_BLOCK) % 16 == 0, "what follows is aligned as malloc's blocks are");

typedef struct BASE_HEAP {
    struct BASE_HEAP *Next;
    SRWLOCK Lock;
    DWORD Options;
    SIZE_T Maximum; /* 0: none */
    SIZE_T Used;
    LIST_ENTRY Blocks;
} BASE_HEAP;

static SRWLOCK BaseHeapsLock = SRWLOCK_INIT;
static BASE_HEAP *BaseHeaps;

static VOID
InsertBlock(BASE_HEAP *Heap, BASE_BLOCK *Block)
{
    Block->Link.Flink = &Heap->Blocks;
    Block->Link.Blink = Heap->Blocks.Blink;
    Heap->Blocks.Blink->Flink = &Block->Link;
    Heap->Blocks.Blink = &Block->Link;
}

static VOID
RemoveBlock(BASE_BLOCK *Block)
{
    Block->Link.Flink->Blink = Block->Link.Blink;
    Block->Link.Blink->Flink = Block->Link.Flink;
}

/* The private heap, locked; NULL: there is none such, and the last error says so. */
static BASE_HEAP *
LockHeap(HANDLE Handle)
{
    BASE_HEAP *heap;

    AcquireSRWLockShared(&BaseHeapsLock);
    for (heap = BaseHeaps; heap != NULL && (HANDLE)heap != Handle; heap = heap->Next) {
    }
    if (heap != NULL) {
        AcquireSRWLockExclusive(&heap->Lock);
    }
    ReleaseSRWLockShared(&BaseHeapsLock);
    if (heap == NULL) {
        BaseFail(ERROR_INVALID_HANDLE);
    }
    return heap;
}

/* The header of a block of this heap; NULL: it is none. The heap is locked. */
static BASE_BLOCK *
FindBlock(BASE_HEAP *Heap, LPCVOID Memory)
{
    for (LIST_ENTRY *entry = Heap->Blocks.Flink; entry != &Heap->Blocks; entry = entry->Flink) {
        BASE_BLOCK *block = CONTAINING_RECORD(entry, BASE_BLOCK, Link);

        if ((LPCVOID)(block + 1) == Memory) {
            return block;
        }
    }
    return NULL;
}

/* As FindBlock, at once: Memory is said to be a block of this heap. */
static BASE_BLOCK *
TrustBlock(BASE_HEAP *Heap, LPCVOID Memory)
{
    BASE_BLOCK *block = (BASE_BLOCK *)Memory - 1;

    return Memory != NULL && block->Heap == Heap ? block : NULL;
}

HANDLE WINAPI
GetProcessHeap(VOID)
{
    return PROCESS_HEAP;
}

/*
 * HeapCreate - a private heap
 *
 * Options  HEAP_NO_SERIALIZE and HEAP_CREATE_ENABLE_EXECUTE have no effect: the heap is always
 *          locked, its memory is never executable; HEAP_GENERATE_EXCEPTIONS ends the process
 * Maximum  bytes that all blocks together may have; 0: no limit
 * Errors   ERROR_NOT_ENOUGH_MEMORY (Initial above Maximum, or no memory)
 */
HANDLE WINAPI
HeapCreate(DWORD Options, SIZE_T Initial, SIZE_T Maximum)
{
    BASE_HEAP *heap = Maximum != 0 && Initial > Maximum ? NULL : calloc(1, sizeof(*heap));

    if (heap == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    heap->Options = Options;
    heap->Maximum = Maximum;
    heap->Blocks.Flink = heap->Blocks.Blink = &heap->Blocks;
    AcquireSRWLockExclusive(&BaseHeapsLock);
    heap->Next = BaseHeaps;
    BaseHeaps = heap;
    ReleaseSRWLockExclusive(&BaseHeapsLock);
    return heap;
}

/* HeapDestroy - the heap with all its blocks; ERROR_INVALID_HANDLE (also the process heap) */
BOOL WINAPI
HeapDestroy(HANDLE Heap)
{
    BASE_HEAP **link;
    BASE_HEAP *heap;

    AcquireSRWLockExclusive(&BaseHeapsLock);
    for (link = &BaseHeaps; *link != NULL && (HANDLE)*link != Heap; link = &(*link)->Next) {
    }
    heap = *link;
    if (heap != NULL) {
        *link = heap->Next;
        AcquireSRWLockExclusive(&heap->Lock); /* who had found it is done with it then */
    }
    ReleaseSRWLockExclusive(&BaseHeapsLock);
    if (heap == NULL) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    while (heap->Blocks.Flink != &heap->Blocks) {
        BASE_BLOCK *block = CONTAINING_RECORD(heap->Blocks.Flink, BASE_BLOCK, Link);

        RemoveBlock(block);
        free(block);
    }
    free(heap);
    return TRUE;
}

static PVOID
AllocatePrivate(BASE_HEAP *Heap, DWORD Flags, SIZE_T Size)
{
    SIZE_T room = Heap->Maximum != 0 ? Heap->Maximum - Heap->Used : SIZE_MAX - sizeof(BASE_BLOCK);
    BASE_BLOCK *block = NULL;

    if (Size <= room && Size <= SIZE_MAX - sizeof(*block)) {
        block = (Flags & HEAP_ZERO_MEMORY) != 0 ? calloc(1, sizeof(*block) + Size)
                                                : malloc(sizeof(*block) + Size);
    }
    if (block == NULL) {
        return NULL;
    }
    block->Heap = Heap;
    block->Size = Size;
    Heap->Used += Size;
    InsertBlock(Heap, block);
    return block + 1;
}

/* HEAP_GENERATE_EXCEPTIONS: no memory ends the process, as the exception would have. */
LPVOID WINAPI
HeapAlloc(HANDLE Heap, DWORD Flags, SIZE_T Size)
{
    PVOID memory;

    if (Heap == PROCESS_HEAP) {
        Size = Size != 0 ? Size : 1;
        memory = (Flags & HEAP_ZERO_MEMORY) != 0 ? calloc(1, Size) : malloc(Size);
    } else {
        BASE_HEAP *heap = LockHeap(Heap);

        if (heap == NULL) {
            return NULL;
        }
        Flags |= heap->Options & HEAP_GENERATE_EXCEPTIONS;
        memory = AllocatePrivate(heap, Flags, Size);
        ReleaseSRWLockExclusive(&heap->Lock);
    }
    if (memory == NULL) {
        if ((Flags & HEAP_GENERATE_EXCEPTIONS) != 0) {
            abort();
        }
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    }
    return memory;
}

/* Differs  of the process heap, may say more than was asked for; all of it can be used then */
SIZE_T WINAPI
HeapSize(HANDLE Heap, DWORD Flags, LPCVOID Block)
{
    SIZE_T size = (SIZE_T)-1;
    BASE_BLOCK *block;
    BASE_HEAP *heap;

    if (Heap == PROCESS_HEAP) {
        return Block != NULL ? NtdllHostHeapSize((PVOID)Block) : size;
    }
    heap = LockHeap(Heap);
    if (heap != NULL) {
        block = TrustBlock(heap, Block);
        size = block != NULL ? block->Size : size;
        ReleaseSRWLockExclusive(&heap->Lock);
    }
    return size;
}

static PVOID
ReallocateProcess(DWORD Flags, PVOID Block, SIZE_T Size)
{
    SIZE_T before = NtdllHostHeapSize(Block);
    PVOID moved;

    Size = Size != 0 ? Size : 1;
    if ((Flags & HEAP_REALLOC_IN_PLACE_ONLY) != 0) {
        return Size <= before ? Block : NULL;
    }
    moved = realloc(Block, Size);
    if (moved != NULL && (Flags & HEAP_ZERO_MEMORY) != 0 && Size > before) {
        memset((char *)moved + before, 0, Size - before);
    }
    return moved;
}

static PVOID
ReallocatePrivate(BASE_HEAP *Heap, DWORD Flags, BASE_BLOCK *Block, SIZE_T Size)
{
    SIZE_T before = Block->Size;
    BASE_BLOCK *moved;

    if (Size > before && (Size > SIZE_MAX - sizeof(*Block) ||
                          (Heap->Maximum != 0 && Size - before > Heap->Maximum - Heap->Used))) {
        return NULL;
    }
    if ((Flags & HEAP_REALLOC_IN_PLACE_ONLY) != 0 && Size > before) {
        return NULL;
    }
    if (Size > before) {
        RemoveBlock(Block);
        moved = realloc(Block, sizeof(*Block) + Size);
        InsertBlock(Heap, moved != NULL ? moved : Block);
        if (moved == NULL) {
            return NULL;
        }
        Block = moved;
        if ((Flags & HEAP_ZERO_MEMORY) != 0) {
            memset((char *)(Block + 1) + before, 0, Size - before);
        }
    }
    Block->Size = Size;
    Heap->Used = Heap->Used - before + Size;
    return Block + 1;
}

/* Differs  HEAP_ZERO_MEMORY of a process-heap block clears from what HeapSize says */
LPVOID WINAPI
HeapReAlloc(HANDLE Heap, DWORD Flags, LPVOID Block, SIZE_T Size)
{
    PVOID moved = NULL;
    BASE_BLOCK *block;
    BASE_HEAP *heap;

    if (Block == NULL) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (Heap == PROCESS_HEAP) {
        moved = ReallocateProcess(Flags, Block, Size);
    } else {
        heap = LockHeap(Heap);
        if (heap == NULL) {
            return NULL;
        }
        block = TrustBlock(heap, Block);
        moved = block != NULL ? ReallocatePrivate(heap, Flags, block, Size) : NULL;
        ReleaseSRWLockExclusive(&heap->Lock);
        if (block == NULL) {
            BaseFail(ERROR_INVALID_PARAMETER);
            return NULL;
        }
    }
    if (moved == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    }
    return moved;
}

/* NULL is freed with success. ERROR_INVALID_PARAMETER: a block of another heap. */
BOOL WINAPI
HeapFree(HANDLE Heap, DWORD Flags, LPVOID Block)
{
    BASE_BLOCK *block = NULL;
    BASE_HEAP *heap;

    if (Heap == PROCESS_HEAP) {
        free(Block);
        return TRUE;
    }
    heap = LockHeap(Heap);
    if (heap == NULL) {
        return FALSE;
    }
    block = TrustBlock(heap, Block);
    if (block != NULL) {
        RemoveBlock(block);
        heap->Used -= block->Size;
        block->Heap = NULL;
    }
    ReleaseSRWLockExclusive(&heap->Lock);
    if (block == NULL && Block != NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    free(block);
    return TRUE;
}

/* Block NULL: the heap. What malloc keeps is not looked at: TRUE for any block of the process heap.
 */
BOOL WINAPI
HeapValidate(HANDLE Heap, DWORD Flags, LPCVOID Block)
{
    BASE_HEAP *heap;
    BOOL valid;

    if (Heap == PROCESS_HEAP) {
        return TRUE;
    }
    heap = LockHeap(Heap);
    if (heap == NULL) {
        return FALSE;
    }
    valid = Block == NULL || FindBlock(heap, Block) != NULL;
    ReleaseSRWLockExclusive(&heap->Lock);
    return valid;
}

/* HeapSetInformation - the two classes that programs set for their own safety; both hold already */
BOOL WINAPI
HeapSetInformation(HANDLE Heap, HEAP_INFORMATION_CLASS Class, PVOID Information, SIZE_T Length)
{
    if (Class != HeapEnableTerminationOnCorruption && Class != HeapCompatibilityInformation) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    return TRUE;
}
