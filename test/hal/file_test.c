/* SPDX-License-Identifier: MIT
 *
 * file_test.c - the log, the environment, small files
 */
#include "setup.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static char Folder[] = "/tmp/hal_file_test.XXXXXX";
static char Path[64];

static void
MakeFolder(void)
{
    NT_EXPECT_NE(mkdtemp(Folder), NULL);
    snprintf(Path, sizeof(Path), "%s/file", Folder);
}

static unsigned
CountFiles(void)
{
    DIR *folder = opendir(Folder);
    unsigned count = 0;

    while (readdir(folder) != NULL) {
        ++count;
    }
    closedir(folder);
    return count - 2; /* . and .. */
}

static char *
ReadFile(void)
{
    char *text = calloc(1, 256);
    FILE *file = fopen(Path, "r");

    if (file != NULL) {
        NT_EXPECT_TRUE(fread(text, 1, 255, file) < 255);
        fclose(file);
    }
    return text;
}

NT_TEST(HalpFile, IsReplacedWholeAndLeavesNothingElse)
{
    char *text;

    MakeFolder();
    NT_EXPECT_EQ(HalpWriteFile(Path, "a longer first text", 19), HALP_OK);
    NT_EXPECT_EQ(HalpWriteFile(Path, "second", 6), HALP_OK);
    text = ReadFile();
    NT_EXPECT_STR(text, "second");
    NT_EXPECT_EQ(CountFiles(), 1);
    free(text);
    remove(Path);
    remove(Folder);
}

NT_TEST(HalpFile, FailureIsTold)
{
    MakeFolder();
    NT_EXPECT_EQ(HalpWriteFile("/nonexistent/file", "x", 1), HALP_NOT_FOUND);
    NT_EXPECT_CONTAINS(HalpLastErrorText(), "/nonexistent/file: ");
    NT_EXPECT_NE(HalpWriteFile(Folder, "x", 1), HALP_OK); /* a folder is in the way */
    NT_EXPECT_EQ(CountFiles(), 0);
    remove(Folder);
}

NT_TEST(HalpFile, IsReadInPartsAndEnds)
{
    HALP_FILE *file;
    char buffer[8] = "";
    uint64_t size = 0;
    size_t done = 0;

    MakeFolder();
    NT_EXPECT_EQ(HalpWriteFile(Path, "0123456789", 10), HALP_OK);
    NT_EXPECT_EQ(HalpOpenFile(Path, 0, &file), HALP_OK);
    NT_EXPECT_EQ(HalpFileSize(file, &size), HALP_OK);
    NT_EXPECT_EQ(size, 10);
    NT_EXPECT_EQ(HalpReadFile(file, 7, buffer, 8, &done), HALP_OK);
    NT_EXPECT_EQ(done, 3);
    NT_EXPECT_STR(buffer, "789");
    NT_EXPECT_EQ(HalpReadFile(file, 10, buffer, 8, &done), HALP_OK);
    NT_EXPECT_EQ(done, 0);
    NT_EXPECT_EQ(HalpReadFile(file, UINT64_MAX, buffer, 8, &done), HALP_INVALID);
    HalpCloseFile(file);
    remove(Path);
    remove(Folder);
}

NT_TEST(HalpFile, IsFoundWithoutRegardToCaseOnRequest)
{
    HALP_FILE *file;

    MakeFolder();
    NT_EXPECT_EQ(HalpWriteFile(Path, "x", 1), HALP_OK);
    strcpy(strrchr(Path, '/'), "/FiLe");
    NT_EXPECT_EQ(HalpOpenFile(Path, 0, &file), HALP_NOT_FOUND);
    NT_EXPECT_EQ(HalpOpenFile(Path, 1, &file), HALP_OK);
    HalpCloseFile(file);
    strcpy(strrchr(Path, '/'), "/other");
    NT_EXPECT_EQ(HalpOpenFile(Path, 1, &file), HALP_NOT_FOUND);
    NT_EXPECT_CONTAINS(HalpLastErrorText(), Path);
    NT_EXPECT_EQ(HalpOpenFile(Folder, 1, &file), HALP_UNSUPPORTED);
    strcpy(strrchr(Path, '/'), "/file");
    remove(Path);
    remove(Folder);
}

NT_TEST(HalpFile, PathOfWhatIsThereIsAbsolute)
{
    char found[128];
    char cased[128];

    MakeFolder();
    NT_EXPECT_EQ(HalpWriteFile(Path, "x", 1), HALP_OK);
    strcpy(cased, Path);
    strcpy(strrchr(cased, '/'), "/FILE");
    NT_EXPECT_EQ(HalpFindFile(cased, found, sizeof(found)), HALP_OK);
    NT_EXPECT_STR(found, Path);
    NT_EXPECT_EQ(HalpFindFile(Folder, found, sizeof(found)), HALP_NOT_FOUND);
    NT_EXPECT_STR(found, Folder);
    NT_EXPECT_EQ(HalpFindFile(Path, found, strlen(Path)), HALP_INVALID);
    NT_EXPECT_EQ(chdir(Folder), 0);
    NT_EXPECT_EQ(HalpFindFile("File", found, sizeof(found)), HALP_OK);
    NT_EXPECT_STR(found, Path);
    NT_EXPECT_EQ(HalpFindFile("none", found, sizeof(found)), HALP_NOT_FOUND);
    NT_EXPECT_EQ(HalpFindFile("File", found, 4), HALP_INVALID);
    remove(Path);
    remove(Folder);
}

NT_TEST(HalpEnvironment, ValueLengthOrNothing)
{
    char buffer[8] = "before";

    setenv("HAL_FILE_TEST", "1234567", 1);
    NT_EXPECT_EQ(HalpGetEnvironment("HAL_FILE_TEST", buffer, 7), -1);
    NT_EXPECT_STR(buffer, "before");
    NT_EXPECT_EQ(HalpGetEnvironment("HAL_FILE_TEST", buffer, 8), 7);
    NT_EXPECT_STR(buffer, "1234567");
    unsetenv("HAL_FILE_TEST");
    NT_EXPECT_EQ(HalpGetEnvironment("HAL_FILE_TEST", buffer, 8), -1);
}

NT_TEST(HalpEnvironment, OwnImageAndCommandLine)
{
    char path[256];
    char line[256];

    NT_EXPECT_EQ(HalpQueryOwnImage(path, sizeof(path), line, sizeof(line)), HALP_OK);
    NT_EXPECT_CONTAINS(path, "/hal_file_");
    NT_EXPECT_CONTAINS(line, "hal_file_");
    NT_EXPECT_EQ(HalpQueryOwnImage(path, 5, line, 3), HALP_OK);
    NT_EXPECT_EQ(strlen(path), 4);
    NT_EXPECT_EQ(line[2], 0);
    NT_EXPECT_EQ(HalpQueryOwnImage(path, 0, line, 3), HALP_INVALID);
}

static void
WriteToStandardError(void *Context)
{
    (void)Context;
    HalpWriteLog("one line\n", 9);
}

static void
WriteToFile(void *Context)
{
    setenv("NTBOX_LOG", Context, 1);
    HalpWriteLog("first line\n", 11);
    HalpWriteLog("second line\n", 12);
    if (HalpLogIsTerminal()) {
        HalpExit(1);
    }
}

NT_TEST(HalpLog, GoesToStandardErrorOrTheNamedFile)
{
    char *output;
    char *text;

    NT_EXPECT_EQ(TestRunProcess(WriteToStandardError, NULL, &output), 0);
    NT_EXPECT_STR(output, "one line\n");
    free(output);

    MakeFolder();
    NT_EXPECT_EQ(TestRunProcess(WriteToFile, Path, &output), 0);
    NT_EXPECT_STR(output, "");
    free(output);
    text = ReadFile();
    NT_EXPECT_STR(text, "first line\nsecond line\n");
    free(text);
    remove(Path);
    remove(Folder);
}

NT_TEST(HalpDebugger, BreakWithoutOneDoesNothing)
{
    NT_EXPECT_EQ(HalpBreakIntoDebugger(), 0);
}

/* The test plays the debugger of its child. */
NT_TEST(HalpDebugger, BreakStopsInOneAndSaysSo)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        _exit(HalpBreakIntoDebugger() == 1 ? 42 : 1);
    }
    NT_EXPECT_EQ(waitpid(child, &status, 0), child);
    NT_EXPECT_TRUE(WIFSTOPPED(status));
    NT_EXPECT_EQ(WSTOPSIG(status), SIGTRAP);
    NT_EXPECT_EQ(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
    NT_EXPECT_EQ(waitpid(child, &status, 0), child);
    NT_EXPECT_TRUE(WIFEXITED(status));
    NT_EXPECT_EQ(WEXITSTATUS(status), 42);
}

NT_TEST(HalpPlan, FollowsTheEnvironmentOnLinuxOnly)
{
    int onLinux = strcmp(HalpName(), "linux") == 0;

    NT_EXPECT_EQ(HalpShouldFail("pool"), 0);
    HalpShutdown();
    setenv("NTBOX_FAIL", "pool:2", 1);
    NtTestSetUp();
    NT_EXPECT_EQ(HalpShouldFail("pool"), 0);
    NT_EXPECT_EQ(HalpShouldFail("irp"), 0);
    NT_EXPECT_EQ(HalpShouldFail("pool"), onLinux);
    NT_EXPECT_EQ(HalpShouldFail("pool"), 0);
}

NT_TEST(HalpPlan, MalformedPlanStopsTheStart)
{
    static const char *const plans[] = {"pool", "pool:", "pool:0", "pool:x", "pool:1x"};
    static const HALP_UPCALLS none;

    if (strcmp(HalpName(), "linux") != 0) {
        NT_SKIP("hal/sim takes its plan from the test");
    }
    HalpShutdown();
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); ++i) {
        setenv("NTBOX_FAIL", plans[i], 1);
        NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &none), HALP_INVALID);
        NT_EXPECT_CONTAINS(HalpLastErrorText(), plans[i]);
    }
    unsetenv("NTBOX_FAIL");
    NtTestSetUp();
}

static void
ExitWith5(void *Context)
{
    (void)Context;
    atexit(abort);
    HalpExit(5);
}

static void
AbortHere(void *Context)
{
    (void)Context;
    HalpAbort();
}

NT_TEST(HalpEnd, ExitAndAbortEndTheProcess)
{
    char *output;
    int status = TestRunProcess(ExitWith5, NULL, &output);

    free(output);
    NT_EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    status = TestRunProcess(AbortHere, NULL, &output);
    free(output);
    NT_EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == 6);
}
