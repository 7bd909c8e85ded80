/* SPDX-License-Identifier: MIT
 *
 * ob/object.c - objects: their types, headers and reference counts
 *
 * The last reference may be dropped at up to DISPATCH_LEVEL; a type's Delete runs at PASSIVE_LEVEL.
 * So an object whose last reference goes at a higher level is put on ObpDeferred, and a work item
 * deletes what is there. Before the work queues run, and at shutdown, ObpRunDeferredDeletes does.
 *
 * Invariants  B1, B2 in obp.h.
 *             R1  An object is on ObpDeferred at most once: its count never leaves 0 again.
 *             R2  ObpReaperQueued is 1 from queueing the item until its routine begins.
 * Source      WDK reference, wdm.h ObReferenceObject, ObDereferenceObject; bug check 0x18.
 */
#include "ob/obp.h"

static OBP_HEADER *ObpDeferred; /* atomic stack */
static LONG ObpReaperQueued;    /* R2 */
static WORK_QUEUE_ITEM ObpReaper;
static LONG ObpAllObjects; /* atomic */

POBJECT_TYPE ObpTypeType;

DECLSPEC_NORETURN VOID
ObpReportReference(OBP_HEADER *Header, LONG_PTR Count)
{
    char block[1024];

    ExpDescribePoolText((ULONG_PTR)Header, block, sizeof(block));
    if (Header->Magic != OBP_MAGIC) {
        KiBugCheckDetail(OBP_BUGCHECK_REFERENCE, 0, (ULONG_PTR)ObpBody(Header), 1, Count,
                         "A reference is taken to, or dropped from, %p, which is no object or was "
                         "deleted already. %s",
                         ObpBody(Header), block);
    }
    KiBugCheckDetail(OBP_BUGCHECK_REFERENCE, (ULONG_PTR)Header->Type, (ULONG_PTR)ObpBody(Header), 2,
                     Count, "The reference count of object %p became %lld: dropped too often? %s",
                     ObpBody(Header), (LONG64)Count, block);
}

static VOID
ObpDelete(OBP_HEADER *Header)
{
    POBJECT_TYPE type = Header->Type;

    if (__atomic_load_n(&Header->HandleCount, __ATOMIC_RELAXED) != 0 || Header->Name != NULL) {
        ObpReportReference(Header, 0);
    }
    if (type->Ops.Delete != NULL) {
        type->Ops.Delete(ObpBody(Header));
    }
    if (Header->Security != NULL) {
        ObpReleaseSecurity(Header->Security);
    }
    Header->Magic = OBP_MAGIC_DEAD;
    __atomic_sub_fetch(&type->Objects, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&ObpAllObjects, 1, __ATOMIC_RELAXED);
    ExFreePoolWithTag(Header, type->Tag);
}

VOID
ObpRunDeferredDeletes(VOID)
{
    OBP_HEADER *list;
    OBP_HEADER *inOrder = NULL;

    list = __atomic_exchange_n(&ObpDeferred, NULL, __ATOMIC_SEQ_CST);
    while (list != NULL) {
        OBP_HEADER *next = list->NextDeferred;

        list->NextDeferred = inOrder;
        inOrder = list;
        list = next;
    }
    while (inOrder != NULL) {
        OBP_HEADER *next = inOrder->NextDeferred;

        ObpDelete(inOrder);
        inOrder = next;
    }
}

static VOID NTAPI
ObpReap(PVOID Parameter)
{
    __atomic_store_n(&ObpReaperQueued, 0, __ATOMIC_SEQ_CST);
    ObpRunDeferredDeletes();
}

static VOID
ObpDeferDelete(OBP_HEADER *Header)
{
    OBP_HEADER *head = __atomic_load_n(&ObpDeferred, __ATOMIC_RELAXED);

    do {
        Header->NextDeferred = head;
    } while (!__atomic_compare_exchange_n(&ObpDeferred, &head, Header, 0, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    if (__atomic_exchange_n(&ObpReaperQueued, 1, __ATOMIC_SEQ_CST) == 0) {
        ExQueueWorkItem(&ObpReaper, CriticalWorkQueue);
    }
}

static __attribute__((noinline)) VOID
ObpUnreferenced(OBP_HEADER *Header, BOOLEAN Defer)
{
    if (Defer || KiCurrentIrql() != PASSIVE_LEVEL) {
        ObpDeferDelete(Header);
    } else {
        ObpDelete(Header);
    }
}

static inline LONG_PTR
ObpDereference(PVOID Object, BOOLEAN Defer)
{
    OBP_HEADER *header = ObpHeader(Object);
    LONG_PTR count;

    if (__builtin_expect(header->Magic != OBP_MAGIC, 0)) {
        ObpReportReference(header, -1);
    }
    count = __atomic_sub_fetch(&header->PointerCount, 1, __ATOMIC_ACQ_REL);
    if (__builtin_expect(count <= 0, 0)) {
        if (count < 0) {
            ObpReportReference(header, count);
        }
        ObpUnreferenced(header, Defer);
    }
    return count;
}

static inline LONG_PTR
ObpReference(PVOID Object)
{
    OBP_HEADER *header = ObpHeader(Object);
    LONG_PTR count;

    if (__builtin_expect(header->Magic != OBP_MAGIC, 0)) {
        ObpReportReference(header, 1);
    }
    count = __atomic_add_fetch(&header->PointerCount, 1, __ATOMIC_RELAXED);
    if (__builtin_expect(count <= 1, 0)) {
        ObpReportReference(header, count);
    }
    return count;
}

/* ---- types and creation ---- */

NTSTATUS
ObpCreateObject(POBJECT_TYPE Type, SIZE_T BodySize, PVOID *Object)
{
    ULONG tag = Type != NULL ? Type->Tag : 0x546A624Fu; /* 'ObjT', for the type of types */
    OBP_HEADER *header;

    header = ExpAllocatePool(NonPagedPoolNx, sizeof(*header) + BodySize, tag, NT_CALLER());
    if (header == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memset(header, 0, sizeof(*header) + BodySize);
    header->PointerCount = 1;
    header->Type = Type;
    header->Magic = OBP_MAGIC;
    if (Type != NULL) {
        __atomic_add_fetch(&Type->Objects, 1, __ATOMIC_RELAXED);
    }
    __atomic_add_fetch(&ObpAllObjects, 1, __ATOMIC_RELAXED);
    *Object = ObpBody(header);
    return STATUS_SUCCESS;
}

/* A pool tag of the type's name: 'File', 'Even', ... */
static ULONG
ObpMakeTag(PCUNICODE_STRING Name)
{
    ULONG tag = 0;

    for (ULONG i = 0; i < 4; i++) {
        WCHAR letter = i < Name->Length / sizeof(WCHAR) ? Name->Buffer[i] : L' ';

        tag |= (ULONG)(letter & 0x7F) << (8 * i);
    }
    return tag;
}

NTSTATUS
ObpCreateType(const OBP_TYPE_OPS *Ops, POBJECT_TYPE *Type)
{
    static const WCHAR folder[] = L"\\ObjectTypes\\";
    WCHAR text[64];
    UNICODE_STRING name;
    POBJECT_TYPE type;
    NTSTATUS status;
    SIZE_T length;

    status = ObpCreateObject(ObpTypeType, sizeof(*type), (PVOID *)&type);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    type->Ops = *Ops;
    RtlInitUnicodeString(&type->Name, Ops->Name);
    type->Tag = ObpMakeTag(&type->Name);
    if (ObpRoot != NULL) {
        length = type->Name.Length;
        NT_ASSERT_INTERNAL(sizeof(folder) + length <= sizeof(text));
        memcpy(text, folder, sizeof(folder) - sizeof(WCHAR));
        memcpy((PUCHAR)text + sizeof(folder) - sizeof(WCHAR), Ops->Name, length + sizeof(WCHAR));
        RtlInitUnicodeString(&name, text);
        status = ObpInsertName(type, &name, TRUE);
        if (!NT_SUCCESS(status)) {
            ObfDereferenceObject(type);
            return status;
        }
    }
    *Type = type;
    return STATUS_SUCCESS;
}

NTSTATUS
ObpInitializeObjects(VOID)
{
    static const OBP_TYPE_OPS typeOps = {.Name = L"Type", .ValidAccess = STANDARD_RIGHTS_REQUIRED};
    NTSTATUS status;

    ExInitializeWorkItem(&ObpReaper, ObpReap, NULL);
    status = ObpCreateType(&typeOps, &ObpTypeType);
    if (NT_SUCCESS(status)) {
        /* The type of types is of its own type. */
        ObpHeader(ObpTypeType)->Type = ObpTypeType;
        ObpTypeType->Objects = 1;
        ObpTypeType->Tag = 0x546A624Fu;
    }
    return status;
}

VOID
ObpDropType(POBJECT_TYPE *Type)
{
    POBJECT_TYPE type = *Type;
    LONG own = type == ObpTypeType ? 1 : 0;

    if (type != NULL && ObpObjectsInUse(type) == own) {
        *Type = NULL;
        ObfDereferenceObject(type);
    }
}

POBJECT_TYPE
ObpGetObjectType(PVOID Object)
{
    return ObpHeader(Object)->Type;
}

PCUNICODE_STRING
ObpQueryTypeName(POBJECT_TYPE Type)
{
    return &Type->Name;
}

BOOLEAN
ObpIsOfType(PVOID Object, PCUNICODE_STRING TypeName)
{
    PCUNICODE_STRING name = &ObpHeader(Object)->Type->Name;

    return name->Length == TypeName->Length &&
           memcmp(name->Buffer, TypeName->Buffer, name->Length) == 0;
}

LONG
ObpPointerCount(PVOID Object)
{
    return (LONG)__atomic_load_n(&ObpHeader(Object)->PointerCount, __ATOMIC_RELAXED);
}

LONG
ObpHandleCount(PVOID Object)
{
    return __atomic_load_n(&ObpHeader(Object)->HandleCount, __ATOMIC_RELAXED);
}

LONG
ObpObjectsInUse(POBJECT_TYPE Type)
{
    return __atomic_load_n(Type != NULL ? &Type->Objects : &ObpAllObjects, __ATOMIC_RELAXED);
}

#undef ObDereferenceObject
#undef ObReferenceObject
#pragma GCC visibility push(default)

/* IRQL <= DISPATCH_LEVEL. Returns the new count, for debugging only. */
LONG_PTR FASTCALL
ObfReferenceObject(PVOID Object)
{
    NT_ENTER(ObfReferenceObject);
    return ObpReference(Object);
}

LONG_PTR FASTCALL
ObfDereferenceObject(PVOID Object)
{
    NT_ENTER(ObfDereferenceObject);
    return ObpDereference(Object, FALSE);
}

LONG_PTR FASTCALL
ObfReferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    NT_ENTER(ObfReferenceObjectWithTag);
    return ObpReference(Object);
}

LONG_PTR FASTCALL
ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    NT_ENTER(ObfDereferenceObjectWithTag);
    return ObpDereference(Object, FALSE);
}

VOID NTAPI
ObDereferenceObjectDeferDelete(PVOID Object)
{
    NT_ENTER(ObDereferenceObjectDeferDelete);
    ObpDereference(Object, TRUE);
}

VOID NTAPI
ObDereferenceObjectDeferDeleteWithTag(PVOID Object, ULONG Tag)
{
    NT_ENTER(ObDereferenceObjectDeferDeleteWithTag);
    ObpDereference(Object, TRUE);
}

LONG_PTR NTAPI
ObReferenceObject(PVOID Object)
{
    NT_ENTER(ObReferenceObject);
    return ObpReference(Object);
}

LONG_PTR NTAPI
ObDereferenceObject(PVOID Object)
{
    NT_ENTER(ObDereferenceObject);
    return ObpDereference(Object, FALSE);
}

/* Takes a reference unless the object is on its way out: FALSE. */
BOOLEAN NTAPI
ObReferenceObjectSafe(PVOID Object)
{
    NT_ENTER(ObReferenceObjectSafe);
    OBP_HEADER *header = ObpHeader(Object);
    LONG_PTR count = __atomic_load_n(&header->PointerCount, __ATOMIC_RELAXED);

    while (count > 0) {
        if (__atomic_compare_exchange_n(&header->PointerCount, &count, count + 1, 0,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return TRUE;
        }
    }
    return FALSE;
}

/*
 * Kernel mode may name the wrong type, but not a symbolic link's: as on Windows. User mode must
 * name a type.
 */
NTSTATUS NTAPI
ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                           KPROCESSOR_MODE AccessMode)
{
    NT_ENTER(ObReferenceObjectByPointer);
    if (ObpHeader(Object)->Type != ObjectType &&
        (AccessMode != KernelMode || (ObjectType != NULL && ObjectType == ObpSymbolicLinkType))) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    ObpReference(Object);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
ObReferenceObjectByPointerWithTag(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                  KPROCESSOR_MODE AccessMode, ULONG Tag)
{
    NT_ENTER(ObReferenceObjectByPointerWithTag);
    return ObReferenceObjectByPointer(Object, DesiredAccess, ObjectType, AccessMode);
}

POBJECT_TYPE NTAPI
ObGetObjectType(PVOID Object)
{
    return ObpHeader(Object)->Type;
}

#pragma GCC visibility pop
