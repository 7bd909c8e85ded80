/* SPDX-License-Identifier: MIT
 *
 * order_test.c - the order machine: scripts of raw records, and random streams with losses
 */
#include "collect.h"

#include "hal/linux/events/loss.h"
#include "hal/linux/events/order.h"

#include <stdio.h>
#include <string.h>

static HALP_ORDER *Order;
static COLLECTION Told;
static uint64_t Now;

static void
Begin(HALP_ORDER_OPTIONS Options)
{
    Order = HalpOrderCreate(&Options);
    NT_EXPECT_TRUE(Order != NULL);
    HalpOrderSetSink(Order, Collect, &Told);
    HalpOrderAddProcess(Order, 1, 1, 0, HALP_ORDER_FOLLOWED);
}

static void
Feed(HALP_RAW Raw)
{
    Raw.Time = ++Now;
    HalpOrderFeed(Order, &Raw);
}

static void
Fork(uint32_t Creator, uint32_t Pid)
{
    Feed((HALP_RAW){.Type = HALP_RAW_FORK,
                    .Pid = Pid,
                    .Tid = Pid,
                    .CreatorPid = Creator,
                    .CreatorTid = Creator});
}

static void
ExecBegin(uint32_t Pid)
{
    Feed((HALP_RAW){.Type = HALP_RAW_EXEC_BEGIN, .Pid = Pid, .Tid = Pid});
}

static void
Image(uint32_t Pid, const char *Path, uint64_t Inode)
{
    Feed((HALP_RAW){.Type = HALP_RAW_IMAGE,
                    .Pid = Pid,
                    .Tid = Pid,
                    .Inode = Inode,
                    .Path = Path,
                    .PathLength = strlen(Path)});
}

static void
Exec(uint32_t Pid, uint32_t Parent, const char *Path, uint64_t Inode)
{
    Feed((HALP_RAW){.Type = HALP_RAW_EXEC,
                    .Pid = Pid,
                    .Tid = Pid,
                    .ParentPid = Parent,
                    .Inode = Inode,
                    .Path = Path,
                    .PathLength = strlen(Path),
                    .CommandLine = "line",
                    .CommandLineLength = 4});
}

static void
Exit(uint32_t Pid, uint32_t Tid, int32_t Code)
{
    Feed((HALP_RAW){.Type = HALP_RAW_EXIT, .Pid = Pid, .Tid = Tid, .ExitCode = Code});
}

static void
Lose(uint64_t Count)
{
    Feed((HALP_RAW){.Type = HALP_RAW_LOST, .Lost = Count});
}

/* The stream told so far as letters: C E I L, each with the process. */
static void
ExpectStory(const char *Expected)
{
    char story[1024] = "";
    size_t length = 0;
    size_t i;

    HalpOrderFlush(Order);
    ExpectOrder(&Told);
    for (i = 0; i < Told.Count; i++) {
        const HALP_EVENT *event = &Told.Events[i].Event;
        length += (size_t)snprintf(story + length, sizeof(story) - length, "%s%c%u",
                                   i == 0 ? "" : " ", "?CEIL"[event->Type],
                                   event -> Type == HALP_EVENT_LOST ? (unsigned int)event -> Lost
                                                                    : event -> ProcessId);
    }
    NT_EXPECT_STR(story, Expected);
}

/* fork, exec of a program with its loader, and a library. */
static void
RunProgram(uint32_t Creator, uint32_t Pid)
{
    Fork(Creator, Pid);
    ExecBegin(Pid);
    Image(Pid, "/bin/p", 10);
    Image(Pid, "/lib/ld", 11);
    Exec(Pid, Creator, "p", 10);
    Image(Pid, "/lib/c", 12);
}

NT_TEST(HalpOrder, ImagesOfAnExecFollowItsCreate)
{
    Begin((HALP_ORDER_OPTIONS){0});
    RunProgram(1, 50);
    Exit(50, 50, 3 << 8);
    ExpectStory("C50 I50 I50 I50 E50");
    NT_EXPECT_STR(Told.Events[0].Path, "/bin/p");
    NT_EXPECT_STR(Told.Events[0].Line, "line");
    NT_EXPECT_EQ(Told.Events[0].Event.ParentProcessId, 1);
    NT_EXPECT_STR(Told.Events[2].Path, "/lib/ld");
    NT_EXPECT_EQ(Told.Events[4].Event.ExitCode, 3 << 8);
    NT_EXPECT_EQ(HalpOrderProcessCount(Order), 1);
}

NT_TEST(HalpOrder, ProgramIsTheMappedFileThatWasExecuted)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Fork(1, 50);
    ExecBegin(50);
    Image(50, "/first", 1);
    Image(50, "/second", 2);
    Exec(50, 1, "name", 2);
    NT_EXPECT_STR(Told.Events[0].Path, "/second");
}

NT_TEST(HalpOrder, CreatorMayDifferFromParent)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Fork(1, 50);
    Exec(50, 77, "p", 0);
    NT_EXPECT_EQ(Told.Events[0].Event.ParentProcessId, 77);
    NT_EXPECT_EQ(Told.Events[0].Event.CreatorProcessId, 1);
    NT_EXPECT_STR(Told.Events[0].Path, "p");
}

NT_TEST(HalpOrder, ForkWithoutExecIsNotReported)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Fork(1, 50);
    Image(50, "/lib/x", 1);
    Exit(50, 50, 0);
    ExpectStory("");
}

NT_TEST(HalpOrder, ProcessFromBeforeIsReportedFromItsNextExec)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Image(1, "/lib/x", 1);
    ExecBegin(1);
    Image(1, "/p", 1);
    Exec(1, 9, "p", 1);
    Exit(1, 1, 0);
    ExpectStory("C1 I1 E1");
}

NT_TEST(HalpOrder, ExecInPlaceIsExitAndCreate)
{
    Begin((HALP_ORDER_OPTIONS){0});
    RunProgram(1, 50);
    ExecBegin(50);
    Image(50, "/q", 20);
    Exec(50, 1, "q", 20);
    Exit(50, 50, 0);
    ExpectStory("C50 I50 I50 I50 E50 C50 I50 E50");
    NT_EXPECT_EQ(Told.Events[4].Event.ExitCode, 0);
}

/* The kernel kills a process whose exec fails late; its old program ends with that status. */
NT_TEST(HalpOrder, ExecThatFailsHalfwayIsOneExit)
{
    Begin((HALP_ORDER_OPTIONS){0});
    RunProgram(1, 50);
    ExecBegin(50);
    Exit(50, 50, 9);
    ExpectStory("C50 I50 I50 I50 E50");
    NT_EXPECT_EQ(Told.Events[4].Event.ExitCode, 9);
}

NT_TEST(HalpOrder, TwoThreadsThatEndTogetherAreOneExit)
{
    Begin((HALP_ORDER_OPTIONS){0});
    RunProgram(1, 50);
    Exit(50, 51, 0);
    Exit(50, 50, 0);
    ExpectStory("C50 I50 I50 I50 E50");
    NT_EXPECT_EQ(HalpOrderLostTotal(Order), 0);
}

NT_TEST(HalpOrder, LostExecIsConcludedFromItsImages)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Fork(1, 50);
    ExecBegin(50);
    Image(50, "/bin/p", 10);
    Lose(1);
    Fork(50, 60); /* only a running program forks */
    Exit(50, 50, 4);
    ExpectStory("L1 C50 I50 E50");
    NT_EXPECT_STR(Told.Events[1].Path, "/bin/p");
    NT_EXPECT_EQ(Told.Events[1].Event.ParentProcessId, 1);
}

NT_TEST(HalpOrder, LateExecAfterTheConclusionIsNotASecondProgram)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Fork(1, 50);
    ExecBegin(50);
    Image(50, "/bin/p", 10);
    Fork(50, 60);
    Exec(50, 1, "p", 10);
    Exit(50, 50, 0);
    ExpectStory("C50 I50 E50");
}

NT_TEST(HalpOrder, LostForkStillGivesACreate)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Lose(1);
    ExecBegin(50);
    Image(50, "/bin/p", 10);
    Exec(50, 1, "p", 10);
    Exit(50, 50, 0);
    ExpectStory("L1 C50 I50 E50");
}

NT_TEST(HalpOrder, LostExitEndsWhenTheNumberIsUsedAgain)
{
    Begin((HALP_ORDER_OPTIONS){0});
    RunProgram(1, 50);
    Lose(1);
    RunProgram(1, 50);
    ExpectStory("C50 I50 I50 I50 L1 E50 C50 I50 I50 I50");
    NT_EXPECT_EQ(Told.Events[5].Event.ExitCode, HALP_EXIT_CODE_UNKNOWN);
}

NT_TEST(HalpOrder, ImageOfAnUnknownProcessIsCounted)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Lose(2);
    Image(50, "/lib/x", 1);
    ExpectStory("L3");
}

NT_TEST(HalpOrder, ImageOfOneThatEndedBeforeItWasAddedIsNoLoss)
{
    Begin((HALP_ORDER_OPTIONS){0});
    HalpOrderSetComplete(Order, 2);
    Image(50, "/lib/x", 1);
    ExpectStory("");
    Image(50, "/lib/x", 1);
    ExpectStory("L1");
}

NT_TEST(HalpOrder, ImageThatMayBelongToALostExecIsCounted)
{
    Begin((HALP_ORDER_OPTIONS){0});
    Fork(1, 50);
    Lose(2);
    Image(50, "/lib/x", 1);
    ExpectStory("L3");
}

static int
IsFifty(uint32_t Pid)
{
    return Pid == 50;
}

NT_TEST(HalpOrder, SweepEndsTheDead)
{
    Begin((HALP_ORDER_OPTIONS){0});
    RunProgram(1, 50);
    RunProgram(1, 51);
    Lose(1);
    HalpOrderMark(Order, 0, IsFifty);
    HalpOrderSweep(Order, ++Now);
    ExpectStory("C50 I50 I50 I50 C51 I51 I51 I51 L1 E50");
    NT_EXPECT_EQ(HalpOrderReportedCount(Order), 1);
}

NT_TEST(HalpOrder, MarkGoesWhenTheNumberIsUsedAgain)
{
    Begin((HALP_ORDER_OPTIONS){0});
    RunProgram(1, 50);
    HalpOrderMark(Order, 0, IsFifty);
    RunProgram(1, 50);
    HalpOrderSweep(Order, ++Now);
    ExpectStory("C50 I50 I50 I50 E50 C50 I50 I50 I50");
}

NT_TEST(HalpOrder, ThreadThatEndedBeforeTheCountIsNotTakenOff)
{
    Begin((HALP_ORDER_OPTIONS){.OneExitPerThread = 1});
    HalpOrderAddProcess(Order, 70, 2, 1, HALP_ORDER_FOLLOWED);
    Exit(70, 71, -1);
    Exit(70, 72, -1);
    NT_EXPECT_EQ(HalpOrderProcessCount(Order), 2);
    Exit(70, 70, -1);
    NT_EXPECT_EQ(HalpOrderProcessCount(Order), 1);
}

static void
Query(void *Context, HALP_RAW *Exec)
{
    Exec->CommandLine = Context;
    Exec->CommandLineLength = strlen(Context);
}

NT_TEST(HalpOrder, WithoutExecRecordsTheFirstImageIsTheProgram)
{
    Begin((HALP_ORDER_OPTIONS){
        .ExecFromImage = 1, .OneExitPerThread = 1, .QueryProcess = Query, .Context = "asked"});
    Fork(1, 50);
    ExecBegin(50);
    Image(50, "/bin/p", 10);
    Image(50, "/lib/ld", 11);
    Feed((HALP_RAW){.Type = HALP_RAW_FORK, .Pid = 50, .Tid = 52, .CreatorPid = 50});
    Exit(50, 50, -1);
    Image(50, "/lib/c", 12);
    Exit(50, 52, -1);
    ExpectStory("C50 I50 I50 I50 E50");
    NT_EXPECT_STR(Told.Events[0].Path, "/bin/p");
    NT_EXPECT_STR(Told.Events[0].Line, "asked");
}

NT_TEST(HalpOrder, FilterFollowsDescendantsAndKnowsTheirEnd)
{
    Begin((HALP_ORDER_OPTIONS){.Filter = 1});
    HalpOrderAddProcess(Order, 2, 1, 0, 0);
    HalpOrderExpectRoot(Order, 50);
    RunProgram(2, 49); /* a stranger */
    RunProgram(2, 50);
    Fork(50, 51);
    Fork(51, 52);
    Exit(51, 51, 0);
    Exit(50, 50, 0);
    Exec(52, 2, "p", 0);
    NT_EXPECT_EQ(HalpOrderFollowedCount(Order), 2); /* process 1, and 52 */
    Exit(52, 52, 0);
    Exit(49, 49, 0);
    Exit(1, 1, 0);
    NT_EXPECT_EQ(HalpOrderFollowedCount(Order), 0);
    ExpectStory("C50 I50 I50 I50 E50 C52 E52");
}

NT_TEST(HalpOrder, FollowedRootItselfIsNotReported)
{
    Begin((HALP_ORDER_OPTIONS){.Filter = 1});
    Exec(1, 9, "p", 0);
    RunProgram(1, 50);
    ExpectStory("C50 I50 I50 I50");
}

NT_TEST(HalpOrder, FilterAdoptsAnExecWhoseForkIsLostByItsParent)
{
    Begin((HALP_ORDER_OPTIONS){.Filter = 1});
    Lose(1);
    ExecBegin(50);
    Image(50, "/bin/p", 10);
    Exec(50, 1, "p", 10);
    ExpectStory("L1 C50 I50");
    NT_EXPECT_EQ(HalpOrderFollowedCount(Order), 2);
}

NT_TEST(HalpOrder, LongPathsAndManyImagesAreHeld)
{
    char path[4000];
    uint32_t i;

    Begin((HALP_ORDER_OPTIONS){0});
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    Fork(1, 50);
    ExecBegin(50);
    for (i = 0; i < 20; i++) {
        Image(50, path, i + 1);
    }
    Exec(50, 1, "p", 7);
    NT_EXPECT_EQ(Told.Count, 21);
    NT_EXPECT_EQ(Told.Events[20].Event.ImagePathLength, sizeof(path) - 1);
    HalpOrderDestroy(Order);
}

/* ---- losses counted in events: see loss.h ---- */

static HALP_LOSS Loss;

static void
ExitOf(uint32_t Pid, uint32_t Flags)
{
    Feed((HALP_RAW){.Type = HALP_RAW_EXIT, .Flags = Flags, .Pid = Pid, .Tid = Pid});
}

static void
ExecOver(uint32_t Pid)
{
    Feed((HALP_RAW){.Type = HALP_RAW_EXEC,
                    .Flags = HALP_RAW_PROGRAM,
                    .Pid = Pid,
                    .Tid = Pid,
                    .Path = "q",
                    .PathLength = 1});
}

/* What is news of Counts; told too. */
static uint64_t
Take(HALP_LOSS_COUNTS Counts)
{
    HALP_ORDER_TALLY tally;
    uint64_t news;

    HalpOrderQueryTally(Order, &tally);
    news = HalpTakeLoss(&Loss, &Counts, &tally);
    HalpOrderTellLoss(Order, news);
    return news;
}

static int
IsNobody(uint32_t Pid)
{
    (void)Pid;
    return 0;
}

static int
IsUnseen(void *Context, uint32_t Pid)
{
    (void)Context;
    return Pid == 50;
}

/* A fork, its exec with a [vdso], three images and an exit are gone, and two records of tasks. */
NT_TEST(HalpLoss, AWholeProgramIsFiveEvents)
{
    HALP_LOSS_COUNTS counts = {
        .Ring = 9, .Full = 3, .Creates = 1, .Exits = 1, .Begins = 1, .Tasks = 2};

    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    Lose(9);
    ExpectStory("");
    NT_EXPECT_EQ(Take(counts), 5);
    NT_EXPECT_EQ(Take(counts), 0);
    ExpectStory("L5");
    NT_EXPECT_EQ(HalpOrderLostTotal(Order), 5);
}

/* Counted in the kernel, not written or not read yet: never told as lost. */
NT_TEST(HalpLoss, WhatIsUnderWayIsNotLost)
{
    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    NT_EXPECT_EQ(Take((HALP_LOSS_COUNTS){
                     .Ring = 4, .Full = 1, .Begins = 5, .Vdsos = 4, .Tasks = 7, .TasksRead = 4}),
                 0);
    NT_EXPECT_EQ(Take((HALP_LOSS_COUNTS){
                     .Ring = 4, .Full = 1, .Begins = 5, .Vdsos = 5, .Tasks = 7, .TasksRead = 6}),
                 2);
}

NT_TEST(HalpLoss, AnExitThatIsMadeUpForIsNotLost)
{
    HALP_LOSS_COUNTS counts = {.Ring = 2, .Full = 2, .Exits = 2};

    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    RunProgram(1, 50);
    RunProgram(1, 51);
    Lose(2);
    NT_EXPECT_EQ(Take(counts), 0); /* either may be one of these programs' */
    HalpMarkLoss(&Loss, &counts);
    HalpOrderMark(Order, 0, IsFifty);
    HalpOrderSweep(Order, ++Now);
    HalpSettleLoss(&Loss);
    NT_EXPECT_EQ(Take(counts), 1);
    ExpectStory("C50 I50 I50 I50 C51 I51 I51 I51 E50 L1");
    ExitOf(51, HALP_RAW_PROGRAM);
    NT_EXPECT_EQ(Take(counts), 0);
}

NT_TEST(HalpLoss, ACreateThatIsConcludedIsNotLost)
{
    HALP_LOSS_COUNTS counts = {.Ring = 1, .Full = 1, .Creates = 1};

    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    Fork(1, 50);
    ExecBegin(50);
    Image(50, "/bin/p", 10);
    Lose(1);
    NT_EXPECT_EQ(Take(counts), 0);
    ExitOf(50, HALP_RAW_PROGRAM);
    NT_EXPECT_EQ(Take(counts), 0);
    ExpectStory("C50 I50 E50");
}

NT_TEST(HalpLoss, AProgramThatSitsAfterALostExecIsConcludedInTheEnd)
{
    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    Fork(1, 50);
    ExecBegin(50);
    Image(50, "/bin/p", 10);
    Lose(1);
    HalpOrderMark(Order, 0, IsNobody);
    HalpOrderSweep(Order, Now + 1000000000);
    ExpectStory("C50 I50");
    Exec(50, 1, "p", 10); /* late after all */
    NT_EXPECT_EQ(Take((HALP_LOSS_COUNTS){0}), 0);
    ExitOf(50, HALP_RAW_PROGRAM);
    ExpectStory("C50 I50 E50");
}

NT_TEST(HalpLoss, WhatAProgramOfALostExecDoesIsLost)
{
    HALP_LOSS_COUNTS counts = {.Ring = 2, .Full = 2, .Creates = 1};

    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    Fork(1, 50);
    Lose(2);
    NT_EXPECT_EQ(Take(counts), 1);
    Image(50, "/lib/c", 12);
    NT_EXPECT_EQ(Take(counts), 0); /* it may be a process without a program */
    ExitOf(50, HALP_RAW_PROGRAM);
    NT_EXPECT_EQ(Take(counts), 2);
    ExpectStory("L3");
}

NT_TEST(HalpLoss, TheKernelIsAskedAboutOneThatIsThere)
{
    HALP_LOSS_COUNTS counts = {.Ring = 2, .Full = 2, .Creates = 1};

    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1, .IsProgram = IsUnseen});
    Fork(1, 50);
    Fork(1, 51);
    Lose(2);
    Image(50, "/lib/c", 12);
    Image(51, "/lib/c", 12);
    Image(50, "/lib/d", 13);
    NT_EXPECT_EQ(Take(counts), 3);
    ExecOver(50); /* ends the unseen one */
    NT_EXPECT_EQ(Take(counts), 1);
    ExitOf(51, 0);
    ExitOf(50, HALP_RAW_PROGRAM);
    NT_EXPECT_EQ(Take(counts), 0);
    ExpectStory("L3 C50 L1 E50");
}

NT_TEST(HalpLoss, WhatProcessesWithoutAProgramDoIsNoEvent)
{
    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    Fork(1, 50);
    Lose(1);
    Image(50, "/lib/x", 1);
    Image(77, "/lib/x", 1);
    ExitOf(50, 0);
    ExitOf(77, 0);
    Fork(1, 51);
    ExecBegin(51);
    Image(51, "/bin/p", 1);
    ExitOf(51, HALP_RAW_EXECING);
    NT_EXPECT_EQ(Take((HALP_LOSS_COUNTS){.Ring = 1, .Full = 1}), 0);
    ExpectStory("");
    NT_EXPECT_EQ(HalpOrderProcessCount(Order), 1);
}

NT_TEST(HalpLoss, ANumberThatIsUsedAgainMakesUpForTheExit)
{
    HALP_LOSS_COUNTS counts = {.Ring = 3, .Full = 2, .Exits = 1, .Tasks = 2, .TasksRead = 1};

    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1});
    RunProgram(1, 50);
    Lose(3); /* its EXIT, and with it the task's record, and a FORK */
    ExecBegin(50);
    Exec(50, 1, "p", 0);
    HalpMarkLoss(&Loss, &counts);
    HalpSettleLoss(&Loss);
    NT_EXPECT_EQ(Take(counts), 0);
    ExpectStory("C50 I50 I50 I50 E50 C50");
}

/* ---- random streams ---- */

#define RANDOM_PIDS 40u
#define RANDOM_STEPS 20000u

typedef struct MODEL {
    int IsThere;
    int HasProgram;
    uint32_t Step; /* of an exec in progress; 0: none */
} MODEL;

static uint64_t RandomState;
static uint64_t Dropped;     /* all */
static uint64_t PendingDrop; /* not told to the order machine yet */
static uint64_t ImagesFed;   /* of programs that were fed or dropped */
static uint32_t DropPercent;

static uint32_t
Random(uint32_t Below)
{
    RandomState = RandomState * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(RandomState >> 33) % Below;
}

/* Losses come in bursts, and are told by a record before the next one that fits. */
static int
IsDropped(void)
{
    if (DropPercent != 0 && (PendingDrop != 0 ? Random(3) != 0 : Random(100) < DropPercent)) {
        PendingDrop++;
        Dropped++;
        return 1;
    }
    if (PendingDrop != 0) {
        Lose(PendingDrop);
        PendingDrop = 0;
    }
    return 0;
}

static void
StepExec(MODEL *Process, uint32_t Pid)
{
    switch (Process->Step++) {
    case 1:
        if (!IsDropped()) {
            ExecBegin(Pid);
        }
        break;
    case 2:
    case 3:
        if (!IsDropped()) {
            ImagesFed++;
            Image(Pid, "/image", Process->Step);
        }
        break;
    default:
        if (!IsDropped()) {
            Exec(Pid, 1, "p", 3);
        }
        Process->HasProgram = 1;
        Process->Step = 0;
        break;
    }
}

static void
StepProcess(MODEL *Process, uint32_t Pid)
{
    if (!Process->IsThere) {
        *Process = (MODEL){.IsThere = 1};
        if (!IsDropped()) {
            Fork(1, Pid);
        }
        return;
    }
    if (Process->Step != 0) {
        StepExec(Process, Pid);
        return;
    }
    switch (Random(4)) {
    case 0:
        Process->Step = 1;
        break;
    case 1:
        Process->IsThere = 0;
        if (!IsDropped()) {
            Exit(Pid, Pid, 0);
        }
        break;
    default:
        if (Process->HasProgram && !IsDropped()) {
            ImagesFed++;
            Image(Pid, "/library", 9);
        }
        break;
    }
}

static uint64_t
RunRandom(uint32_t Percent)
{
    MODEL models[RANDOM_PIDS] = {0};
    uint64_t images = 0;
    uint32_t i;

    RandomState = NtTestSeed() * 977;
    DropPercent = Percent;
    Begin((HALP_ORDER_OPTIONS){0});
    for (i = 0; i < RANDOM_STEPS; i++) {
        uint32_t pid = Random(RANDOM_PIDS);
        StepProcess(&models[pid], pid + 100);
    }
    if (PendingDrop != 0) {
        Lose(PendingDrop);
    }
    HalpOrderFlush(Order);
    ExpectOrder(&Told);
    for (i = 0; i < Told.Count; i++) {
        images += Told.Events[i].Event.Type == HALP_EVENT_IMAGE;
    }
    NT_EXPECT_EQ(Told.Lost, HalpOrderLostTotal(Order));
    return images;
}

NT_TEST_SEEDS(HalpOrder, RandomStreamsWithoutLossesAreToldWhole, 20)
{
    uint64_t images = RunRandom(0);
    uint64_t held = ImagesFed - images; /* execs that the end of the stream cut off */

    NT_EXPECT_EQ(Told.Lost, 0);
    NT_EXPECT_TRUE(held <= 2 * RANDOM_PIDS);
}

/* Whatever was fed of a program is told, or counted beside what was dropped. */
NT_TEST_SEEDS(HalpOrder, RandomStreamsWithLossesKeepTheRulesAndTheCount, 40)
{
    uint64_t images = RunRandom(1 + (uint32_t)(NtTestSeed() % 30));

    NT_EXPECT_TRUE(Dropped != 0);
    NT_EXPECT_TRUE(Told.Lost >= Dropped);
    NT_EXPECT_TRUE(images + (Told.Lost - Dropped) + 2 * RANDOM_PIDS >= ImagesFed);
    NT_EXPECT_TRUE(images <= ImagesFed);
}

/* ---- random streams whose losses are counted in events ---- */

static MODEL Machine[RANDOM_PIDS]; /* HasProgram: since the beginning */
static HALP_LOSS_COUNTS Counts;
static uint64_t Happened; /* events */

static int
IsGoneNow(uint32_t Pid)
{
    return Pid >= 100 && !Machine[Pid - 100].IsThere;
}

static int
IsProgramNow(void *Context, uint32_t Pid)
{
    (void)Context;
    return Pid >= 100 && Machine[Pid - 100].IsThere &&
           (Machine[Pid - 100].HasProgram || Machine[Pid - 100].Step > 1);
}

/* Whether the ring has room for the next record. */
static int
HasRoom(void)
{
    if (!IsDropped()) {
        return 1;
    }
    Counts.Ring++;
    return 0;
}

static void
TaskRecord(uint32_t Pid, int IsFork)
{
    Counts.Tasks++;
    if (HasRoom()) {
        Counts.TasksRead++;
        if (IsFork) {
            Fork(1, Pid);
        }
    }
}

static void
MapImage(uint32_t Pid)
{
    if (HasRoom()) {
        Image(Pid, "/image", 3);
    }
}

static void
BeginProgram(uint32_t Pid)
{
    Counts.Begins++;
    if (HasRoom()) {
        ExecBegin(Pid);
    } else {
        Counts.Full++;
    }
}

static void
MapVdso(void)
{
    Counts.Vdsos += (uint64_t)HasRoom();
}

static void
StartProgram(MODEL *Process, uint32_t Pid)
{
    uint32_t flags = Process->HasProgram ? HALP_RAW_PROGRAM : 0;

    Process->HasProgram = 1;
    Happened += 3 + (flags != 0); /* its images in between are events, too */
    if (HasRoom()) {
        Feed((HALP_RAW){.Type = HALP_RAW_EXEC, .Flags = flags, .Pid = Pid, .Tid = Pid});
    } else {
        Counts.Full++;
        Counts.Creates++;
        Counts.Exits += flags != 0;
    }
}

static void
EndProcess(MODEL *Process, uint32_t Pid)
{
    uint32_t flags = Process->HasProgram ? HALP_RAW_PROGRAM : 0;

    Process->IsThere = 0;
    Happened += flags != 0;
    if (HasRoom()) {
        ExitOf(Pid, flags);
    } else {
        Counts.Full++;
        Counts.Exits += flags != 0;
    }
    TaskRecord(Pid, 0);
}

static void
StepMachine(MODEL *Process, uint32_t Pid)
{
    switch (Process->Step) {
    case 1:
        BeginProgram(Pid);
        break;
    case 2:
    case 3:
        MapImage(Pid);
        break;
    case 4:
        MapVdso();
        break;
    case 5:
        StartProgram(Process, Pid);
        Process->Step = 0;
        return;
    default:
        if (!Process->IsThere) {
            *Process = (MODEL){.IsThere = 1};
            TaskRecord(Pid, 1);
        } else if (Random(4) == 0) {
            EndProcess(Process, Pid);
        } else if (Random(3) == 0) {
            Process->Step = 1;
        } else if (Process->HasProgram) {
            Happened++;
            MapImage(Pid);
        }
        return;
    }
    Process->Step++;
}

static void
SettleMachine(void)
{
    if (PendingDrop != 0) {
        Lose(PendingDrop);
        PendingDrop = 0;
    }
    HalpMarkLoss(&Loss, &Counts);
    HalpOrderMark(Order, 0, IsGoneNow);
    HalpOrderSweep(Order, Now + 1000000000);
    HalpSettleLoss(&Loss);
    Take(Counts);
    HalpOrderFlush(Order);
}

/* What happened is told or counted, once; and never counted before it is certain. */
NT_TEST_SEEDS(HalpLoss, RandomStreamsAreToldOrCountedExactly, 60)
{
    uint32_t pid;
    uint32_t i;

    RandomState = NtTestSeed() * 977;
    DropPercent = (uint32_t)(NtTestSeed() % 30);
    Begin((HALP_ORDER_OPTIONS){.KnowsPrograms = 1, .IsProgram = IsProgramNow});
    HalpOrderSetComplete(Order, 1);
    for (i = 0; i < RANDOM_STEPS; i++) {
        pid = Random(RANDOM_PIDS);
        StepMachine(&Machine[pid], pid + 100);
        if (Random(50) == 0 && PendingDrop == 0) {
            Take(Counts);
        }
    }
    for (pid = 0; pid < RANDOM_PIDS; pid++) {
        while (Machine[pid].Step != 0) {
            StepMachine(&Machine[pid], pid + 100);
        }
    }
    SettleMachine();
    ExpectOrder(&Told);
    for (i = 0; i < Told.Count; i++) {
        Happened -= Told.Events[i].Event.Type != HALP_EVENT_LOST;
    }
    NT_EXPECT_EQ(Told.Lost, Happened);
}
