/* SPDX-License-Identifier: MIT
 *
 * kernel32/ctrl.c - signals as console control events
 *
 * SIGINT is Ctrl-C, SIGQUIT Ctrl-Break, SIGHUP the closing of the console, SIGTERM the shutdown.
 * They are caught from the moment the kernel runs or a handler is set, so that a program which is
 * stopped leaves its drivers the way a Windows process does: cancelled, cleaned up, closed.
 *
 * Locks  BaseControlLock guards the list; handlers are called without it.
 */
#include "kernel32/kernel32.h"

#define HANDLER_LIMIT 32
#define GRACE_NANOSECONDS 5000000000u /* Windows's default for a console that is closed */
#define SIGNALLED_EXIT 128            /* as a shell reports a death by signal */

static SRWLOCK BaseControlLock = SRWLOCK_INIT;
static PHANDLER_ROUTINE BaseHandlers[HANDLER_LIMIT];
static ULONG BaseHandlerCount;
static BOOLEAN BaseIgnoreControlC;
static BOOLEAN BaseControlStarted; /* atomic */

static const struct {
    DWORD Event;
    ULONG ExitCode;
} BaseControlEvents[] = {
    [NtdllSignalInterrupt] = {CTRL_C_EVENT, SIGNALLED_EXIT + 2},
    [NtdllSignalQuit] = {CTRL_BREAK_EVENT, SIGNALLED_EXIT + 3},
    [NtdllSignalHangUp] = {CTRL_CLOSE_EVENT, SIGNALLED_EXIT + 1},
    [NtdllSignalTerminate] = {CTRL_SHUTDOWN_EVENT, SIGNALLED_EXIT + 15},
};

/* A handler took the end of the process: it may reach it in its own way before we do. */
static VOID
GiveTimeToEnd(VOID)
{
    static const uint32_t never;

    NtdllHostWaitAddress(&never, 0, GRACE_NANOSECONDS);
}

/* On the signal thread. Latest handler first; nobody took it: the process ends. */
static VOID
DeliverControlEvent(NTDLL_SIGNAL Signal)
{
    PHANDLER_ROUTINE handlers[HANDLER_LIMIT];
    DWORD event = BaseControlEvents[Signal].Event;
    ULONG count;

    AcquireSRWLockShared(&BaseControlLock);
    count = BaseHandlerCount;
    memcpy(handlers, BaseHandlers, sizeof(handlers));
    if (event == CTRL_C_EVENT && BaseIgnoreControlC) {
        ReleaseSRWLockShared(&BaseControlLock);
        return;
    }
    ReleaseSRWLockShared(&BaseControlLock);
    while (count != 0) {
        if (handlers[--count](event)) {
            if (event == CTRL_CLOSE_EVENT || event == CTRL_SHUTDOWN_EVENT) {
                GiveTimeToEnd();
                break;
            }
            return;
        }
    }
    NtdllExitProcess(BaseControlEvents[Signal].ExitCode, TRUE);
}

VOID
BaseStartControlEvents(VOID)
{
    if (!__atomic_exchange_n(&BaseControlStarted, TRUE, __ATOMIC_ACQ_REL)) {
        NtdllHostCatchSignals(DeliverControlEvent);
    }
}

VOID (*const NtdllOnKernelStart)(VOID) = BaseStartControlEvents;

/*
 * SetConsoleCtrlHandler - who is asked when the user stops the program
 *
 * Handler  NULL: Add says whether Ctrl-C is ignored. Otherwise called on a thread of its own,
 *          latest first, until one returns TRUE. After a close or shutdown event (SIGHUP,
 *          SIGTERM) the process ends all the same, five seconds after the handler returned.
 * Errors   ERROR_INVALID_PARAMETER (removing one that is not there), ERROR_NOT_ENOUGH_MEMORY
 */
BOOL WINAPI
SetConsoleCtrlHandler(PHANDLER_ROUTINE Handler, BOOL Add)
{
    DWORD error = ERROR_SUCCESS;
    ULONG at;

    AcquireSRWLockExclusive(&BaseControlLock);
    if (Handler == NULL) {
        BaseIgnoreControlC = Add != FALSE;
    } else if (Add) {
        if (BaseHandlerCount == HANDLER_LIMIT) {
            error = ERROR_NOT_ENOUGH_MEMORY;
        } else {
            BaseHandlers[BaseHandlerCount++] = Handler;
        }
    } else {
        for (at = BaseHandlerCount; at != 0 && BaseHandlers[at - 1] != Handler; at--) {
        }
        if (at == 0) {
            error = ERROR_INVALID_PARAMETER;
        } else {
            memmove(&BaseHandlers[at - 1], &BaseHandlers[at],
                    (BaseHandlerCount - at) * sizeof(BaseHandlers[0]));
            BaseHandlerCount--;
        }
    }
    ReleaseSRWLockExclusive(&BaseControlLock);
    if (error != ERROR_SUCCESS) {
        return BaseFail(error);
    }
    BaseStartControlEvents();
    return TRUE;
}

BOOL WINAPI
GenerateConsoleCtrlEvent(DWORD Event, DWORD ProcessGroup)
{
    if (ProcessGroup != 0 || Event > CTRL_BREAK_EVENT) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    BaseStartControlEvents();
    NtdllHostRaiseSignal(Event == CTRL_C_EVENT ? NtdllSignalInterrupt : NtdllSignalQuit);
    return TRUE;
}
