/* SPDX-License-Identifier: MIT
 *
 * ex/registration.c - what drivers have registered and must take back before they go
 *
 * One list for every kind of registration that ntbox only keeps: whoever keeps it embeds an
 * EXP_REGISTRATION. The audit at unload walks it for the driver's addresses.
 *
 * Whoever takes a registration off the list owns it: the driver that takes it back, or the audit.
 *
 * Locks   ExpRegistrationLock (spin) guards the list; a leaf. No call-out under it.
 */
#include "ex/ex.h"

static KSPIN_LOCK ExpRegistrationLock;
static LIST_ENTRY ExpRegistrations = {&ExpRegistrations, &ExpRegistrations};

VOID
ExpInsertRegistration(EXP_REGISTRATION *Registration, const char *Kind, ULONG_PTR Owner,
                      EXP_DROP_REGISTRATION *Drop)
{
    KIRQL irql;

    Registration->Kind = Kind;
    Registration->Owner = Owner;
    Registration->Drop = Drop;
    KeAcquireSpinLock(&ExpRegistrationLock, &irql);
    InsertTailList(&ExpRegistrations, &Registration->Link);
    KeReleaseSpinLock(&ExpRegistrationLock, irql);
}

BOOLEAN
ExpTakeRegistration(EXP_REGISTRATION *Registration, const char *Kind)
{
    BOOLEAN taken = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&ExpRegistrationLock, &irql);
    for (PLIST_ENTRY link = ExpRegistrations.Flink; link != &ExpRegistrations && !taken;
         link = link->Flink) {
        EXP_REGISTRATION *entry = CONTAINING_RECORD(link, EXP_REGISTRATION, Link);
        taken = entry == Registration && entry->Kind == Kind;
    }
    if (taken) {
        RemoveEntryList(&Registration->Link);
    }
    KeReleaseSpinLock(&ExpRegistrationLock, irql);
    return taken;
}

/* The first whose owner lies in the range, off the list: nobody else can take it; or NULL. */
static EXP_REGISTRATION *
ExpTakeRegistrationInRange(ULONG_PTR Base, SIZE_T Size)
{
    EXP_REGISTRATION *found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&ExpRegistrationLock, &irql);
    for (PLIST_ENTRY link = ExpRegistrations.Flink; link != &ExpRegistrations && found == NULL;
         link = link->Flink) {
        EXP_REGISTRATION *registration = CONTAINING_RECORD(link, EXP_REGISTRATION, Link);
        if (registration->Owner - Base < Size) {
            found = registration;
        }
    }
    if (found != NULL) {
        RemoveEntryList(&found->Link);
    }
    KeReleaseSpinLock(&ExpRegistrationLock, irql);
    return found;
}

ULONG
ExpDropRegistrationsInRange(ULONG_PTR Base, SIZE_T Size, EXP_TELL_REGISTRATION *Tell, PVOID Context)
{
    EXP_REGISTRATION *registration;
    ULONG count = 0;

    while ((registration = ExpTakeRegistrationInRange(Base, Size)) != NULL) {
        ++count;
        if (Tell != NULL) {
            Tell(Context, registration->Kind, registration->Owner);
        }
        registration->Drop(registration);
    }
    return count;
}
