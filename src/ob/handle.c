/* SPDX-License-Identifier: MIT
 *
 * ob/handle.c - handle tables, and getting from a handle to its object
 *
 * A table is an array of pages of entries that are never given back while the table lives, so a
 * lookup needs no lock but the entry's own bit. Freed entries are reused oldest first, so that a
 * stale handle stays invalid for as long as possible.
 *
 * Invariants  O3 in ob.h, B4 in obp.h.
 *             H1  OBP_HEADER.HandleCount counts the entries that hold the object, and each of them
 *                 is one of its references (O1).
 * Locks       OBP_HANDLE_TABLE.Lock guards FirstFree, LastFree, PageCount and NextFree.
 * Source      WDK reference, wdm.h ObReferenceObjectByHandle, ZwClose; bug check 0x93.
 */
#include "ob/obp.h"

#define OBP_KERNEL_HANDLE_BITS 0xFFFFFFFF80000000ull
#define OBP_FIRST_INDEX 1u
#define OBP_SPINS_BEFORE_YIELD 100u

static OBP_GET_TABLE *ObpGetTable;
static OBP_HANDLE_TABLE *ObpKernelTable;

VOID
ObpRegisterTables(OBP_GET_TABLE *GetTable, OBP_HANDLE_TABLE *KernelTable)
{
    ObpGetTable = GetTable;
    ObpKernelTable = KernelTable;
}

OBP_HANDLE_TABLE *
ObpTableOf(PEPROCESS Process)
{
    if (Process == NULL) {
        Process = (PEPROCESS)KiGetCurrentThread()->Process;
    }
    return ObpGetTable != NULL ? ObpGetTable(Process) : NULL;
}

OBP_HANDLE_TABLE *
ObpSystemTable(VOID)
{
    return ObpKernelTable;
}

BOOLEAN
ObpIsKernelHandle(HANDLE Handle)
{
    return ((ULONG_PTR)Handle & OBP_KERNEL_HANDLE_BITS) == OBP_KERNEL_HANDLE_BITS &&
           Handle != NtCurrentProcess() && Handle != NtCurrentThread();
}

/* ---- tables ---- */

NTSTATUS
ObpCreateHandleTable(PEPROCESS Process, OBP_HANDLE_TABLE **Table)
{
    OBP_HANDLE_TABLE *table;

    table = ExpAllocatePool(NonPagedPoolNx, sizeof(*table), OBP_TAG_TABLE, NT_CALLER());
    if (table == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memset(table, 0, sizeof(*table));
    table->Process = Process;
    KeInitializeSpinLock(&table->Lock);
    *Table = table;
    return STATUS_SUCCESS;
}

static OBP_HANDLE_ENTRY *
ObpEntryAt(OBP_HANDLE_TABLE *Table, ULONG Index)
{
    ULONG pageIndex = Index / OBP_PAGE_ENTRIES;
    OBP_HANDLE_ENTRY *page;

    if (pageIndex >= OBP_TABLE_PAGES) {
        return NULL;
    }
    page = __atomic_load_n(&Table->Page[pageIndex], __ATOMIC_ACQUIRE);
    return page != NULL ? &page[Index % OBP_PAGE_ENTRIES] : NULL;
}

static VOID
ObpAppendFreeLocked(OBP_HANDLE_TABLE *Table, ULONG Index)
{
    ObpEntryAt(Table, Index)->NextFree = 0;
    if (Table->LastFree != 0) {
        ObpEntryAt(Table, Table->LastFree)->NextFree = Index;
    } else {
        Table->FirstFree = Index;
    }
    Table->LastFree = Index;
}

static ULONG
ObpTakeFreeLocked(OBP_HANDLE_TABLE *Table)
{
    ULONG index = Table->FirstFree;

    if (index != 0) {
        Table->FirstFree = ObpEntryAt(Table, index)->NextFree;
        if (Table->FirstFree == 0) {
            Table->LastFree = 0;
        }
    }
    return index;
}

/* Adds Page to the table, or frees it if another thread was faster. FALSE: the table is full. */
static BOOLEAN
ObpAddPage(OBP_HANDLE_TABLE *Table, OBP_HANDLE_ENTRY *Page)
{
    BOOLEAN used = FALSE;
    BOOLEAN result;
    KIRQL irql;

    KeAcquireSpinLock(&Table->Lock, &irql);
    if (Table->FirstFree == 0 && Table->PageCount < OBP_TABLE_PAGES) {
        ULONG first = Table->PageCount * OBP_PAGE_ENTRIES;

        __atomic_store_n(&Table->Page[Table->PageCount], Page, __ATOMIC_RELEASE);
        Table->PageCount++;
        for (ULONG i = first == 0 ? OBP_FIRST_INDEX : 0; i < OBP_PAGE_ENTRIES; i++) {
            ObpAppendFreeLocked(Table, first + i);
        }
        used = TRUE;
    }
    result = Table->FirstFree != 0;
    KeReleaseSpinLock(&Table->Lock, irql);
    if (!used) {
        ExFreePoolWithTag(Page, OBP_TAG_TABLE);
    }
    return result;
}

/* A free entry's index; 0: no memory, or too many handles. */
static ULONG
ObpAllocateEntry(OBP_HANDLE_TABLE *Table)
{
    OBP_HANDLE_ENTRY *page;
    ULONG index;
    KIRQL irql;

    for (;;) {
        KeAcquireSpinLock(&Table->Lock, &irql);
        index = ObpTakeFreeLocked(Table);
        KeReleaseSpinLock(&Table->Lock, irql);
        if (index != 0) {
            return index;
        }
        page = ExpAllocatePool(NonPagedPoolNx, OBP_PAGE_ENTRIES * sizeof(*page), OBP_TAG_TABLE,
                               NT_CALLER());
        if (page == NULL) {
            return 0;
        }
        memset(page, 0, OBP_PAGE_ENTRIES * sizeof(*page));
        if (!ObpAddPage(Table, page)) {
            return 0;
        }
    }
}

static VOID
ObpFreeEntry(OBP_HANDLE_TABLE *Table, ULONG Index)
{
    KIRQL irql;

    KeAcquireSpinLock(&Table->Lock, &irql);
    ObpAppendFreeLocked(Table, Index);
    KeReleaseSpinLock(&Table->Lock, irql);
}

ULONG
ObpHandlesInUse(OBP_HANDLE_TABLE *Table)
{
    return (ULONG)__atomic_load_n(&Table->Count, __ATOMIC_RELAXED);
}

VOID
ObpLimitHandles(OBP_HANDLE_TABLE *Table, ULONG Limit)
{
    Table->Limit = (LONG)min(Limit, (ULONG)MAXLONG);
}

VOID
ObpDestroyHandleTable(OBP_HANDLE_TABLE *Table)
{
    ULONG64 tag = Table == ObpKernelTable ? OBP_KERNEL_HANDLE_BITS : 0;

    for (ULONG index = OBP_FIRST_INDEX; index < Table->PageCount * OBP_PAGE_ENTRIES; index++) {
        if (__atomic_load_n(&ObpEntryAt(Table, index)->Value, __ATOMIC_ACQUIRE) != 0) {
            ObpCloseHandle(Table, (HANDLE)(tag | (ULONG64)index * 4), KernelMode, TRUE);
        }
    }
    for (ULONG i = 0; i < Table->PageCount; i++) {
        ExFreePoolWithTag(Table->Page[i], OBP_TAG_TABLE);
    }
    if (Table == ObpKernelTable) {
        ObpKernelTable = NULL;
    }
    ExFreePoolWithTag(Table, OBP_TAG_TABLE);
}

/* ---- handles ---- */

/* Locks the entry; its value without the lock bit in *Value. NULL: free. */
static inline OBP_HANDLE_ENTRY *
ObpLockEntry(OBP_HANDLE_ENTRY *Entry, ULONG64 *Value)
{
    ULONG64 value = __atomic_load_n(&Entry->Value, __ATOMIC_RELAXED);
    ULONG spins = 0;

    for (;;) {
        if (value == 0) {
            return NULL;
        }
        if ((value & OBP_ENTRY_LOCKED) == 0 &&
            __atomic_compare_exchange_n(&Entry->Value, &value, value | OBP_ENTRY_LOCKED, 0,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            *Value = value;
            return Entry;
        }
        if (++spins % OBP_SPINS_BEFORE_YIELD == 0) {
            HalpYield();
        } else {
            HalpPause();
        }
        value = __atomic_load_n(&Entry->Value, __ATOMIC_RELAXED);
    }
}

ULONG
ObpCollectHandles(OBP_HANDLE_TABLE *Table, OBP_HANDLE_INFO *Handles, ULONG Count)
{
    ULONG64 tag = Table == ObpKernelTable ? OBP_KERNEL_HANDLE_BITS : 0;
    OBP_HANDLE_ENTRY *entry;
    ULONG found = 0;

    for (ULONG index = OBP_FIRST_INDEX; (entry = ObpEntryAt(Table, index)) != NULL; index++) {
        ULONG64 value;

        if (ObpLockEntry(entry, &value) == NULL) {
            continue;
        }
        if (found < Count) {
            OBP_HANDLE_INFO *handle = &Handles[found];

            handle->Value = (HANDLE)(tag | (ULONG64)index * 4);
            handle->Object = ObpBody(ObpEntryHeader(value));
            handle->Access = entry->Access;
            handle->Attributes = ObpEntryAttributes(value);
            ObfReferenceObject(handle->Object);
        }
        ObpUnlockEntry(entry, value);
        found++;
    }
    return found;
}

static inline OBP_HANDLE_ENTRY *
ObpLockIn(OBP_HANDLE_TABLE *Table, HANDLE Handle, ULONG64 *Value)
{
    ULONG index = ((ULONG)(ULONG_PTR)Handle & 0x7FFFFFFFu) >> 2;
    OBP_HANDLE_ENTRY *entry = ObpEntryAt(Table, index);

    return entry != NULL ? ObpLockEntry(entry, Value) : NULL;
}

static inline OBP_HANDLE_TABLE *
ObpSelectTable(HANDLE Handle, KPROCESSOR_MODE Mode)
{
    ULONG_PTR value = (ULONG_PTR)Handle;

    if (__builtin_expect(value < 0x80000000u, 1)) {
        return ObpTableOf(NULL);
    }
    return Mode == KernelMode && ObpIsKernelHandle(Handle) ? ObpKernelTable : NULL;
}

OBP_HANDLE_ENTRY *
ObpLockHandle(HANDLE Handle, KPROCESSOR_MODE Mode, OBP_HANDLE_TABLE **Table, ULONG64 *Value)
{
    OBP_HANDLE_TABLE *table = ObpSelectTable(Handle, Mode);

    *Table = table;
    return table != NULL ? ObpLockIn(table, Handle, Value) : NULL;
}

ULONG
ObpEntryAttributes(ULONG64 Value)
{
    return ((Value & OBP_ENTRY_INHERITED) != 0 ? OBJ_INHERIT : 0) |
           ((Value & OBP_ENTRY_PROTECTED) != 0 ? OBP_PROTECT_CLOSE : 0);
}

NTSTATUS
ObpCreateHandleIn(OBP_HANDLE_TABLE *Table, PVOID Object, ACCESS_MASK GrantedAccess,
                  ULONG Attributes, HANDLE *Handle)
{
    OBP_HEADER *header = ObpHeader(Object);
    ULONG64 value = (ULONG64)(ULONG_PTR)header;
    OBP_HANDLE_ENTRY *entry;
    ULONG index = 0;

    if (__atomic_add_fetch(&Table->Count, 1, __ATOMIC_RELAXED) <= Table->Limit ||
        Table->Limit == 0) {
        index = ObpAllocateEntry(Table);
    }
    if (index == 0) {
        __atomic_sub_fetch(&Table->Count, 1, __ATOMIC_RELAXED);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObfReferenceObject(Object);
    __atomic_add_fetch(&header->HandleCount, 1, __ATOMIC_RELAXED);
    if (Table == ObpKernelTable) {
        __atomic_add_fetch(&header->KernelHandles, 1, __ATOMIC_RELAXED);
    }
    entry = ObpEntryAt(Table, index);
    entry->Access = GrantedAccess;
    if ((Attributes & OBJ_INHERIT) != 0) {
        value |= OBP_ENTRY_INHERITED;
    }
    if ((Attributes & OBP_PROTECT_CLOSE) != 0) {
        value |= OBP_ENTRY_PROTECTED;
    }
    *Handle = (HANDLE)(((Attributes & OBJ_KERNEL_HANDLE) != 0 ? OBP_KERNEL_HANDLE_BITS : 0) |
                       (ULONG64)index * 4);
    ObpUnlockEntry(entry, value);
    return STATUS_SUCCESS;
}

NTSTATUS
ObpCreateHandle(PVOID Object, ACCESS_MASK GrantedAccess, ULONG Attributes, HANDLE *Handle)
{
    OBP_HANDLE_TABLE *table =
        (Attributes & OBJ_KERNEL_HANDLE) != 0 ? ObpKernelTable : ObpTableOf(NULL);

    if (table == NULL) {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    if (ObpHeader(Object)->Type->Ops.TakesCallbacks) {
        return ObpInterceptHandle(table, Object, GrantedAccess, Attributes, NULL, NULL, Handle);
    }
    return ObpCreateHandleIn(table, Object, GrantedAccess, Attributes, Handle);
}

/* The entry is empty; the object hears of it, then loses the handle's reference. */
static VOID
ObpHandleGone(OBP_HANDLE_TABLE *Table, OBP_HEADER *Header)
{
    OBP_TYPE_OPS *ops = &Header->Type->Ops;
    LONG kernelHandles;
    LONG handles;

    if (Table == ObpKernelTable) {
        kernelHandles = __atomic_fetch_sub(&Header->KernelHandles, 1, __ATOMIC_RELAXED);
        handles = __atomic_fetch_sub(&Header->HandleCount, 1, __ATOMIC_ACQ_REL);
    } else {
        handles = __atomic_fetch_sub(&Header->HandleCount, 1, __ATOMIC_ACQ_REL);
        kernelHandles = handles - __atomic_load_n(&Header->KernelHandles, __ATOMIC_RELAXED);
    }
    if (ops->Close != NULL) {
        ops->Close(Table->Process, ObpBody(Header), (ULONG)kernelHandles, (ULONG)handles);
    }
    if (handles == 1) {
        ObpLastHandleClosed(Header);
    }
    __atomic_sub_fetch(&Table->Count, 1, __ATOMIC_RELAXED);
    ObfDereferenceObject(ObpBody(Header));
}

NTSTATUS
ObpCloseHandle(OBP_HANDLE_TABLE *Table, HANDLE Handle, KPROCESSOR_MODE Mode, BOOLEAN Forced)
{
    OBP_HANDLE_ENTRY *entry;
    ULONG64 value;

    entry = ObpLockIn(Table, Handle, &value);
    if (entry == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    if ((value & OBP_ENTRY_PROTECTED) != 0 && !Forced) {
        ObpUnlockEntry(entry, value);
        return STATUS_HANDLE_NOT_CLOSABLE;
    }
    ObpUnlockEntry(entry, 0);
    ObpFreeEntry(Table, ((ULONG)(ULONG_PTR)Handle & 0x7FFFFFFFu) >> 2);
    ObpHandleGone(Table, ObpEntryHeader(value));
    return STATUS_SUCCESS;
}

static NTSTATUS
ObpReferencePseudo(HANDLE Handle, POBJECT_TYPE Type, ACCESS_MASK *GrantedAccess, PVOID *Object)
{
    KTHREAD *thread = KiGetCurrentThread();
    PVOID object = Handle == NtCurrentProcess() ? (PVOID)thread->Process : (PVOID)thread;

    if (object == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    if (Type != NULL && ObpGetObjectType(object) != Type) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    ObfReferenceObject(object);
    *GrantedAccess = ObpGetObjectType(object)->Ops.ValidAccess;
    *Object = object;
    return STATUS_SUCCESS;
}

NTSTATUS
ObpReferenceFileHandle(HANDLE Handle, KPROCESSOR_MODE Mode, POBJECT_TYPE Type,
                       ACCESS_MASK *GrantedAccess, PVOID *Object)
{
    OBP_HANDLE_TABLE *table;
    OBP_HANDLE_ENTRY *entry;
    OBP_HEADER *header;
    ULONG64 value;

    entry = ObpLockHandle(Handle, Mode, &table, &value);
    if (__builtin_expect(entry == NULL, 0)) {
        return STATUS_INVALID_HANDLE;
    }
    header = ObpEntryHeader(value);
    if (__builtin_expect(header->Type != Type, 0)) {
        ObpUnlockEntry(entry, value);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    *GrantedAccess = entry->Access;
    /* The handle holds a reference, so the count cannot have been 0. */
    __atomic_add_fetch(&header->PointerCount, 1, __ATOMIC_RELAXED);
    ObpUnlockEntry(entry, value);
    *Object = ObpBody(header);
    return STATUS_SUCCESS;
}

/* As ObReferenceObjectByHandle, without its checks on the caller. */
static NTSTATUS
ObpReferenceHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                   KPROCESSOR_MODE AccessMode, PVOID *Object,
                   POBJECT_HANDLE_INFORMATION HandleInformation)
{
    OBJECT_HANDLE_INFORMATION information = {0, 0};
    NTSTATUS status = STATUS_SUCCESS;
    OBP_HANDLE_TABLE *table;
    OBP_HANDLE_ENTRY *entry;
    OBP_HEADER *header;
    ULONG64 value;

    *Object = NULL;
    if (Handle == NtCurrentProcess() || Handle == NtCurrentThread()) {
        status = ObpReferencePseudo(Handle, ObjectType, &information.GrantedAccess, Object);
        goto Done;
    }
    entry = ObpLockHandle(Handle, AccessMode, &table, &value);
    if (entry == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    header = ObpEntryHeader(value);
    information.GrantedAccess = entry->Access;
    information.HandleAttributes = ObpEntryAttributes(value);
    if (ObjectType != NULL && header->Type != ObjectType) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    } else if (AccessMode != KernelMode && (DesiredAccess & ~entry->Access) != 0) {
        status = STATUS_ACCESS_DENIED;
    } else {
        ObfReferenceObject(ObpBody(header));
        *Object = ObpBody(header);
    }
    ObpUnlockEntry(entry, value);

Done:
    if (NT_SUCCESS(status) && HandleInformation != NULL) {
        *HandleInformation = information;
    }
    return status;
}

#pragma GCC visibility push(default)

NTSTATUS NTAPI
ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                          KPROCESSOR_MODE AccessMode, PVOID *Object,
                          POBJECT_HANDLE_INFORMATION HandleInformation)
{
    NT_ENTER(ObReferenceObjectByHandle);
    return ObpReferenceHandle(Handle, DesiredAccess, ObjectType, AccessMode, Object,
                              HandleInformation);
}

NTSTATUS NTAPI
ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                 KPROCESSOR_MODE AccessMode, ULONG Tag, PVOID *Object,
                                 POBJECT_HANDLE_INFORMATION HandleInformation)
{
    NT_ENTER(ObReferenceObjectByHandleWithTag);
    return ObpReferenceHandle(Handle, DesiredAccess, ObjectType, AccessMode, Object,
                              HandleInformation);
}

/*
 * ObSetHandleAttributes - whether a handle is inherited, and whether it may be closed
 *
 * Errors   STATUS_INVALID_HANDLE, also for a kernel handle and PreviousMode UserMode
 * IRQL     PASSIVE_LEVEL
 * Source   exported, not in the reference; what it sets is OBJECT_HANDLE_FLAG_INFORMATION
 */
NTSTATUS NTAPI
ObSetHandleAttributes(HANDLE Handle, POBJECT_HANDLE_FLAG_INFORMATION HandleFlags,
                      KPROCESSOR_MODE PreviousMode)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    OBP_HANDLE_TABLE *table;
    OBP_HANDLE_ENTRY *entry;
    ULONG64 value;

    entry = ObpLockHandle(Handle, PreviousMode, &table, &value);
    if (entry == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    value &= ~(OBP_ENTRY_INHERITED | OBP_ENTRY_PROTECTED);
    value |= HandleFlags->Inherit ? OBP_ENTRY_INHERITED : 0;
    value |= HandleFlags->ProtectFromClose ? OBP_ENTRY_PROTECTED : 0;
    ObpUnlockEntry(entry, value);
    return STATUS_SUCCESS;
}

BOOLEAN NTAPI
ObIsKernelHandle(HANDLE Handle)
{
    NT_ENTER(ObIsKernelHandle);
    return ObpIsKernelHandle(Handle);
}

#pragma GCC visibility pop
