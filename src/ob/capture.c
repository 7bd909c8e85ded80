/* SPDX-License-Identifier: MIT
 *
 * ob/capture.c - what a caller says about an object, copied before it is believed
 *
 * Source   WDK reference, ntdef.h OBJECT_ATTRIBUTES, InitializeObjectAttributes.
 */
#include "ob/obp.h"

static ACCESS_MASK
ObpMapGeneric(ACCESS_MASK Access, const GENERIC_MAPPING *Mapping)
{
    ACCESS_MASK mapped = Access & 0x0FFFFFFFu;

    mapped |= (Access & GENERIC_READ) != 0 ? Mapping->GenericRead : 0;
    mapped |= (Access & GENERIC_WRITE) != 0 ? Mapping->GenericWrite : 0;
    mapped |= (Access & GENERIC_EXECUTE) != 0 ? Mapping->GenericExecute : 0;
    mapped |= (Access & GENERIC_ALL) != 0 ? Mapping->GenericAll : 0;
    return mapped;
}

static const OBP_SECURITY_OPS ObpNoSecurity;
static const OBP_SECURITY_OPS *ObpSecurity = &ObpNoSecurity;

VOID
ObpRegisterSecurity(const OBP_SECURITY_OPS *Ops)
{
    ObpSecurity = Ops;
}

VOID
ObpReleaseSecurity(PSECURITY_DESCRIPTOR Descriptor)
{
    if (ObpSecurity->Release != NULL) {
        ObpSecurity->Release(Descriptor);
    }
}

PSECURITY_DESCRIPTOR *
ObpSecurityField(PVOID Object)
{
    OBP_HEADER *header = ObpHeader(Object);

    return header->Type->Ops.SecurityField != NULL ? header->Type->Ops.SecurityField(Object)
                                                   : &header->Security;
}

const OBP_TYPE_OPS *
ObpTypeOps(POBJECT_TYPE Type)
{
    return &Type->Ops;
}

NTSTATUS
ObpCheckAccess(PVOID Object, ACCESS_MASK DesiredAccess, KPROCESSOR_MODE Mode,
               ACCESS_MASK *GrantedAccess)
{
    POBJECT_TYPE type = ObpGetObjectType(Object);
    const ACCESS_MASK valid = type->Ops.ValidAccess | MAXIMUM_ALLOWED | ACCESS_SYSTEM_SECURITY;
    ACCESS_MASK access = ObpMapGeneric(DesiredAccess, &type->Ops.Mapping);
    NTSTATUS status;

    if (Mode == KernelMode || ObpSecurity->Check == NULL) {
        return ObpMapAccess(type, DesiredAccess, Mode, GrantedAccess);
    }
    if ((access & ~valid) != 0) {
        return STATUS_ACCESS_DENIED;
    }
    status = ObpSecurity->Check(Object, &type->Ops.Mapping, access, Mode, &access);
    if (NT_SUCCESS(status)) {
        *GrantedAccess = access & (type->Ops.ValidAccess | ACCESS_SYSTEM_SECURITY);
    }
    return status;
}

NTSTATUS
ObpAssignSecurity(PVOID Object, PVOID Directory, PSECURITY_DESCRIPTOR Explicit,
                  KPROCESSOR_MODE Mode)
{
    POBJECT_TYPE type = ObpGetObjectType(Object);

    if (ObpSecurity->Assign == NULL) {
        return STATUS_SUCCESS;
    }
    return ObpSecurity->Assign(Object, Directory, &type->Ops.Mapping, type == ObpDirectoryType,
                               Explicit, Mode);
}

NTSTATUS
ObpMapAccess(POBJECT_TYPE Type, ACCESS_MASK DesiredAccess, KPROCESSOR_MODE Mode,
             ACCESS_MASK *GrantedAccess)
{
    const OBP_TYPE_OPS *ops = &Type->Ops;
    ACCESS_MASK access = ObpMapGeneric(DesiredAccess, &ops->Mapping);

    if ((access & MAXIMUM_ALLOWED) != 0) {
        access |= ops->ValidAccess;
    }
    access &= ~(ACCESS_MASK)MAXIMUM_ALLOWED;
    if (Mode != KernelMode) {
        access &=
            ~(ACCESS_MASK)ACCESS_SYSTEM_SECURITY; /* a matter of a privilege: ObpCheckAccess */
        if ((access & ~ops->ValidAccess) != 0) {
            return STATUS_ACCESS_DENIED;
        }
    }
    *GrantedAccess = access & (ops->ValidAccess | ACCESS_SYSTEM_SECURITY);
    return STATUS_SUCCESS;
}

NTSTATUS
ObpCaptureName(PUNICODE_STRING Source, KPROCESSOR_MODE Mode, UNICODE_STRING *Name)
{
    UNICODE_STRING text;
    NTSTATUS status;
    PWSTR buffer;

    status = MiCopyFromUser(&text, Source, sizeof(text), Mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if ((text.Length & 1) != 0 || text.Length > 0xFFFC) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    buffer = ExpAllocatePool(PagedPool, (SIZE_T)text.Length + sizeof(WCHAR), OBP_TAG_CAPTURE,
                             NT_CALLER());
    if (buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiCopyFromUser(buffer, text.Buffer, text.Length, Mode);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(buffer, OBP_TAG_CAPTURE);
        return status;
    }
    buffer[text.Length / sizeof(WCHAR)] = 0;
    Name->Buffer = buffer;
    Name->Length = text.Length;
    Name->MaximumLength = text.Length + sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS
ObpCaptureAttributes(POBJECT_ATTRIBUTES Attributes, KPROCESSOR_MODE Mode, OBP_ATTRIBUTES *Captured)
{
    OBJECT_ATTRIBUTES copy;
    NTSTATUS status;

    memset(Captured, 0, sizeof(*Captured));
    if (Attributes == NULL) {
        return STATUS_SUCCESS;
    }
    status = MiCopyFromUser(&copy, Attributes, sizeof(copy), Mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (copy.Length != sizeof(copy) || (copy.Attributes & ~(ULONG)OBJ_VALID_ATTRIBUTES) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Captured->RootDirectory = copy.RootDirectory;
    Captured->Attributes = copy.Attributes;
    if (Mode != KernelMode) {
        Captured->Attributes &= ~(ULONG)OBJ_KERNEL_HANDLE;
    }
    if (copy.ObjectName != NULL) {
        status = ObpCaptureName(copy.ObjectName, Mode, &Captured->Name);
    }
    if (NT_SUCCESS(status) && copy.SecurityDescriptor != NULL && ObpSecurity->Capture != NULL) {
        status = ObpSecurity->Capture(copy.SecurityDescriptor, Mode, &Captured->Security);
        if (!NT_SUCCESS(status)) {
            ObpReleaseAttributes(Captured);
        }
    }
    return status;
}

VOID
ObpReleaseAttributes(OBP_ATTRIBUTES *Captured)
{
    if (Captured->Name.Buffer != NULL) {
        ExFreePoolWithTag(Captured->Name.Buffer, OBP_TAG_CAPTURE);
        Captured->Name.Buffer = NULL;
    }
    if (Captured->Security != NULL) {
        ObpSecurity->FreeCaptured(Captured->Security);
        Captured->Security = NULL;
    }
}
