/* SPDX-License-Identifier: MIT
 *
 * se/object.c - which descriptor an object has, and what is done with it by pointer and by handle
 *
 * A descriptor belongs to as many objects and readers as hold it: it lies in a SEP_SHARED, counted,
 * and never changes (S2). An object without one is open to all; named objects have one from their
 * making on, so that this means unnamed ones, tokens, and the types themselves.
 *
 * Locks    SepObjectLock (spin) guards every object's field.
 * Source   WDK reference, wdm.h ObGetObjectSecurity, ObReleaseObjectSecurity, ntifs.h
 *          ZwQuerySecurityObject, ZwSetSecurityObject.
 */
#include "se/sep.h"

#define SEP_READ_PARTS                                                                     \
    (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | \
     LABEL_SECURITY_INFORMATION)
#define SEP_OWN_PARTS \
    (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION)
#define SEP_ALL_PARTS (SEP_READ_PARTS | SACL_SECURITY_INFORMATION)

typedef struct SEP_SHARED {
    LONG64 References; /* atomic */
    ULONG64 Length;
    /* the self-relative descriptor */
} SEP_SHARED;

static KSPIN_LOCK SepObjectLock;

/* ---- counted descriptors ---- */

static SEP_SHARED *
SepSharedOf(PSECURITY_DESCRIPTOR Descriptor)
{
    return (SEP_SHARED *)Descriptor - 1;
}

NTSTATUS
SepShareDescriptor(PSECURITY_DESCRIPTOR Source, PSECURITY_DESCRIPTOR *Shared)
{
    SEP_SHARED *block;
    SEP_PARTS parts;
    ULONG length;

    SepGetParts(Source, &parts);
    length = SepRelativeLength(&parts);
    block =
        ExpAllocatePool(NonPagedPoolNx, sizeof(*block) + length, SEP_TAG_DESCRIPTOR, NT_CALLER());
    if (block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    block->References = 1;
    block->Length = length;
    SepWriteRelative(&parts, SepControlOf(Source), block + 1);
    *Shared = block + 1;
    return STATUS_SUCCESS;
}

VOID
SepReleaseDescriptor(PSECURITY_DESCRIPTOR Descriptor)
{
    if (Descriptor != NULL &&
        __atomic_sub_fetch(&SepSharedOf(Descriptor)->References, 1, __ATOMIC_ACQ_REL) == 0) {
        ExFreePoolWithTag(SepSharedOf(Descriptor), SEP_TAG_DESCRIPTOR);
    }
}

PSECURITY_DESCRIPTOR
SepReferenceDescriptor(PVOID Object)
{
    PSECURITY_DESCRIPTOR *field = ObpSecurityField(Object);
    PSECURITY_DESCRIPTOR descriptor;
    KIRQL irql;

    KeAcquireSpinLock(&SepObjectLock, &irql);
    descriptor = *field;
    if (descriptor != NULL) {
        __atomic_add_fetch(&SepSharedOf(descriptor)->References, 1, __ATOMIC_RELAXED);
    }
    KeReleaseSpinLock(&SepObjectLock, irql);
    return descriptor;
}

/* The object has Shared from here on, if it still has Old; FALSE: somebody else was faster. */
static BOOLEAN
SepExchange(PVOID Object, PSECURITY_DESCRIPTOR Old, PSECURITY_DESCRIPTOR Shared)
{
    PSECURITY_DESCRIPTOR *field = ObpSecurityField(Object);
    BOOLEAN same;
    KIRQL irql;

    KeAcquireSpinLock(&SepObjectLock, &irql);
    same = *field == Old;
    if (same) {
        *field = Shared;
    }
    KeReleaseSpinLock(&SepObjectLock, irql);
    if (same) {
        SepReleaseDescriptor(Old);
    }
    return same;
}

VOID
SepAdoptDescriptor(PVOID Object, PSECURITY_DESCRIPTOR Shared)
{
    PSECURITY_DESCRIPTOR *field = ObpSecurityField(Object);
    PSECURITY_DESCRIPTOR old;
    KIRQL irql;

    if (Shared != NULL) {
        __atomic_add_fetch(&SepSharedOf(Shared)->References, 1, __ATOMIC_RELAXED);
    }
    KeAcquireSpinLock(&SepObjectLock, &irql);
    old = *field;
    *field = Shared;
    KeReleaseSpinLock(&SepObjectLock, irql);
    SepReleaseDescriptor(old);
}

NTSTATUS
SepProtectObject(PVOID Object, PSECURITY_DESCRIPTOR Descriptor)
{
    PSECURITY_DESCRIPTOR shared;
    NTSTATUS status = SepShareDescriptor(Descriptor, &shared);

    if (NT_SUCCESS(status)) {
        SepAdoptDescriptor(Object, shared);
        SepReleaseDescriptor(shared);
    }
    return status;
}

/* ---- for ob ---- */

/* Does the calling thread's access to the object go through? */
static NTSTATUS
SepCheckObject(PVOID Object, const GENERIC_MAPPING *Mapping, ACCESS_MASK Desired,
               KPROCESSOR_MODE Mode, ACCESS_MASK *Granted)
{
    PSECURITY_DESCRIPTOR descriptor = SepReferenceDescriptor(Object);
    NTSTATUS status = SepCheckAccess(descriptor, Mapping, Desired, Mode, Granted);

    SepReleaseDescriptor(descriptor);
    return status;
}

/*
 * A new named object: its descriptor, from Explicit (self-relative, captured), what the directory
 * passes on, and the creator's token. One that has a descriptor keeps it.
 */
static NTSTATUS
SepAssignObject(PVOID Object, PVOID Directory, const GENERIC_MAPPING *Mapping, BOOLEAN IsContainer,
                PSECURITY_DESCRIPTOR Explicit, KPROCESSOR_MODE Mode)
{
    PSECURITY_DESCRIPTOR parent;
    PSECURITY_DESCRIPTOR descriptor;
    PACCESS_TOKEN token;
    NTSTATUS status;

    if (*ObpSecurityField(Object) != NULL) {
        return STATUS_SUCCESS;
    }
    parent = Directory != NULL ? SepReferenceDescriptor(Directory) : NULL;
    token = SepReferenceCurrentToken();
    status = SepAssign(parent, Explicit, IsContainer, token, Mapping, Mode, &descriptor);
    ObDereferenceObject(token);
    SepReleaseDescriptor(parent);
    if (NT_SUCCESS(status)) {
        status = SepProtectObject(Object, descriptor);
        ExFreePoolWithTag(descriptor, SEP_TAG_DESCRIPTOR);
    }
    return status;
}

/* The folders of the namespace, which were there before there was security. */
static BOOLEAN
SepProtectFolder(PVOID Context, PVOID Object)
{
    static const UNICODE_STRING everybodys = RTL_CONSTANT_STRING(L"\\BaseNamedObjects");
    static const UNICODE_STRING open =
        RTL_CONSTANT_STRING(L"O:BAG:SYD:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGWGX;;;WD)(A;;GRGX;;;RC)");
    NTSTATUS *status = Context;
    PSECURITY_DESCRIPTOR descriptor;
    UNICODE_STRING folder;
    WCHAR name[32];

    ObpQueryName(Object, name, sizeof(name));
    RtlInitUnicodeString(&folder, name);
    *status = SepParseSddl(
        RtlEqualUnicodeString(&folder, &everybodys, TRUE) ? &open : &SepPublicSddl, &descriptor);
    if (NT_SUCCESS(*status)) {
        *status = SepProtectObject(Object, descriptor);
        ExFreePoolWithTag(descriptor, SEP_TAG_DESCRIPTOR);
    }
    return NT_SUCCESS(*status);
}

const UNICODE_STRING SepPublicSddl =
    RTL_CONSTANT_STRING(L"O:BAG:SYD:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGX;;;WD)(A;;GRGX;;;RC)");

NTSTATUS
SepProtectPublicly(PVOID Object)
{
    PSECURITY_DESCRIPTOR descriptor;
    NTSTATUS status = SepParseSddl(&SepPublicSddl, &descriptor);

    if (NT_SUCCESS(status)) {
        status = SepProtectObject(Object, descriptor);
        ExFreePoolWithTag(descriptor, SEP_TAG_DESCRIPTOR);
    }
    return status;
}

static VOID
SepFreeCaptured(PSECURITY_DESCRIPTOR Descriptor)
{
    ExFreePoolWithTag(Descriptor, SEP_TAG_DESCRIPTOR);
}

NTSTATUS
SepInitializeObjectSecurity(VOID)
{
    static const OBP_SECURITY_OPS ops = {
        .Capture = SepCaptureDescriptor,
        .FreeCaptured = SepFreeCaptured,
        .Assign = SepAssignObject,
        .Check = SepCheckObject,
        .Release = SepReleaseDescriptor,
    };
    NTSTATUS status = STATUS_SUCCESS;

    KeInitializeSpinLock(&SepObjectLock);
    ObpRegisterSecurity(&ops);
    ObpForEachNamed(ObpDirectoryType, SepProtectFolder, &status);
    if (NT_SUCCESS(status)) {
        SepProtectFolder(&status, ObpRootDirectory());
    }
    return status;
}

VOID
SepShutdownObjectSecurity(VOID)
{
    /* What is left of ob's own objects frees its descriptors, but nobody is checked any more. */
    static const OBP_SECURITY_OPS ops = {.Release = SepReleaseDescriptor};

    ObpRegisterSecurity(&ops);
}

/* ---- querying and setting ---- */

NTSTATUS
SepQueryObject(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR *Copy, ULONG *Length)
{
    PSECURITY_DESCRIPTOR descriptor = SepReferenceDescriptor(Object);
    SECURITY_DESCRIPTOR_CONTROL control;
    SEP_PARTS parts;

    *Length = SepExtract(descriptor, What, &parts, &control);
    *Copy = SepMakeRelative(&parts, control);
    SepReleaseDescriptor(descriptor);
    return *Copy != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS
SepSetObject(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR Descriptor,
             const GENERIC_MAPPING *Mapping)
{
    PACCESS_TOKEN token = SepReferenceCurrentToken();
    PSECURITY_DESCRIPTOR changed;
    PSECURITY_DESCRIPTOR shared;
    PSECURITY_DESCRIPTOR old;
    BOOLEAN done = FALSE;
    NTSTATUS status = STATUS_SUCCESS;

    while (NT_SUCCESS(status) && !done) {
        old = SepReferenceDescriptor(Object);
        if (old == NULL) {
            status = STATUS_NO_SECURITY_ON_OBJECT;
            break;
        }
        status = SepModify(old, What, Descriptor, token, Mapping, &changed);
        if (NT_SUCCESS(status)) {
            status = SepShareDescriptor(changed, &shared);
            ExFreePoolWithTag(changed, SEP_TAG_DESCRIPTOR);
        }
        if (NT_SUCCESS(status)) {
            done = SepExchange(Object, old, shared);
            if (!done) {
                SepReleaseDescriptor(shared);
            }
        }
        SepReleaseDescriptor(old);
    }
    ObDereferenceObject(token);
    return status;
}

static ACCESS_MASK
SepAccessToQuery(SECURITY_INFORMATION What)
{
    return ((What & SEP_READ_PARTS) != 0 ? READ_CONTROL : 0) |
           ((What & SACL_SECURITY_INFORMATION) != 0 ? ACCESS_SYSTEM_SECURITY : 0);
}

static ACCESS_MASK
SepAccessToSet(SECURITY_INFORMATION What)
{
    return ((What & SEP_OWN_PARTS) != 0 ? WRITE_OWNER : 0) |
           ((What & DACL_SECURITY_INFORMATION) != 0 ? WRITE_DAC : 0) |
           ((What & SACL_SECURITY_INFORMATION) != 0 ? ACCESS_SYSTEM_SECURITY : 0);
}

/* By the type's own way, or from the field; *Copy is pool memory. */
static NTSTATUS
SepQueryAny(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR *Copy, ULONG *Length)
{
    const OBP_TYPE_OPS *ops = ObpTypeOps(ObpGetObjectType(Object));

    return ops->QuerySecurity != NULL ? ops->QuerySecurity(Object, What, Copy, Length)
                                      : SepQueryObject(Object, What, Copy, Length);
}

#pragma GCC visibility push(default)

/*
 * ObGetObjectSecurity - the descriptor of an object, self-relative, or NULL
 *
 * MemoryAllocated  to be passed to ObReleaseObjectSecurity
 *
 * Errors   STATUS_INSUFFICIENT_RESOURCES; what a file's driver answers
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-obgetobjectsecurity
 */
NTSTATUS NTAPI
ObGetObjectSecurity(PVOID Object, PSECURITY_DESCRIPTOR *SecurityDescriptor,
                    PBOOLEAN MemoryAllocated)
{
    NT_ENTER(ObGetObjectSecurity);
    ULONG length;
    NTSTATUS status;

    if (ObpTypeOps(ObpGetObjectType(Object))->QuerySecurity != NULL) {
        status = SepQueryAny(Object, SEP_ALL_PARTS, SecurityDescriptor, &length);
        *MemoryAllocated = NT_SUCCESS(status);
        return status;
    }
    *SecurityDescriptor = SepReferenceDescriptor(Object);
    *MemoryAllocated = FALSE;
    return STATUS_SUCCESS;
}

VOID NTAPI
ObReleaseObjectSecurity(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN MemoryAllocated)
{
    NT_ENTER(ObReleaseObjectSecurity);
    if (MemoryAllocated) {
        ExFreePool(SecurityDescriptor);
    } else {
        SepReleaseDescriptor(SecurityDescriptor);
    }
}

/*
 * NtQuerySecurityObject - parts of an object's descriptor, self-relative
 *
 * Handle        READ_CONTROL; for SACL_SECURITY_INFORMATION ACCESS_SYSTEM_SECURITY
 * LengthNeeded  receives what the descriptor takes, also if Length is less
 *
 * Errors   STATUS_BUFFER_TOO_SMALL; STATUS_ACCESS_DENIED; STATUS_INVALID_HANDLE;
 *          STATUS_ACCESS_VIOLATION; STATUS_INSUFFICIENT_RESOURCES; what a file's driver answers
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-zwquerysecurityobject
 */
NTSTATUS NTAPI
NtQuerySecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                      PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    NT_ENTER(NtQuerySecurityObject);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    PSECURITY_DESCRIPTOR copy;
    NTSTATUS status;
    ULONG needed;
    PVOID object;

    status = ObReferenceObjectByHandle(Handle, SepAccessToQuery(SecurityInformation), NULL, mode,
                                       &object, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = SepQueryAny(object, SecurityInformation, &copy, &needed);
    ObDereferenceObject(object);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = MiCopyToUser(LengthNeeded, &needed, sizeof(needed), mode);
    if (NT_SUCCESS(status)) {
        status = Length < needed ? STATUS_BUFFER_TOO_SMALL
                                 : MiCopyToUser(SecurityDescriptor, copy, needed, mode);
    }
    ExFreePool(copy);
    return status;
}

NTSTATUS NTAPI
ZwQuerySecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                      PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    NT_ENTER(ZwQuerySecurityObject);
    return OBP_ZW(NtQuerySecurityObject(Handle, SecurityInformation, SecurityDescriptor, Length,
                                        LengthNeeded));
}

/*
 * NtSetSecurityObject - replaces parts of an object's descriptor
 *
 * Handle   WRITE_DAC for the DACL, WRITE_OWNER for owner, group and label, ACCESS_SYSTEM_SECURITY
 *          for the SACL
 *
 * Errors   STATUS_ACCESS_VIOLATION (also: NULL), STATUS_UNKNOWN_REVISION, STATUS_INVALID_SID,
 *          STATUS_INVALID_ACL; STATUS_INVALID_SECURITY_DESCR: an owner or group is to be set, and
 * is missing; STATUS_INVALID_OWNER; STATUS_NO_SECURITY_ON_OBJECT; STATUS_ACCESS_DENIED;
 *          STATUS_INVALID_HANDLE; STATUS_INSUFFICIENT_RESOURCES; what a file's driver answers
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-zwsetsecurityobject
 */
NTSTATUS NTAPI
NtSetSecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                    PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    NT_ENTER(NtSetSecurityObject);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    PSECURITY_DESCRIPTOR captured;
    const OBP_TYPE_OPS *ops;
    SEP_PARTS parts;
    NTSTATUS status;
    PVOID object;

    status = ObReferenceObjectByHandle(Handle, SepAccessToSet(SecurityInformation), NULL, mode,
                                       &object, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = SepCaptureDescriptor(SecurityDescriptor, mode, &captured);
    if (NT_SUCCESS(status)) {
        SepGetParts(captured, &parts);
        if (((SecurityInformation & OWNER_SECURITY_INFORMATION) != 0 && parts.Owner == NULL) ||
            ((SecurityInformation & GROUP_SECURITY_INFORMATION) != 0 && parts.Group == NULL)) {
            status = STATUS_INVALID_SECURITY_DESCR;
        } else {
            ops = ObpTypeOps(ObpGetObjectType(object));
            status = ops->SetSecurity != NULL
                         ? ops->SetSecurity(object, SecurityInformation, captured)
                         : SepSetObject(object, SecurityInformation, captured, &ops->Mapping);
        }
        ExFreePoolWithTag(captured, SEP_TAG_DESCRIPTOR);
    }
    ObDereferenceObject(object);
    return status;
}

NTSTATUS NTAPI
ZwSetSecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                    PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    NT_ENTER(ZwSetSecurityObject);
    return OBP_ZW(NtSetSecurityObject(Handle, SecurityInformation, SecurityDescriptor));
}

#pragma GCC visibility pop
