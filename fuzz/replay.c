/* SPDX-License-Identifier: MIT
 *
 * fuzz/replay.c - runs a fuzz target over files, without libFuzzer: TARGET FILE-OR-FOLDER...
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

__attribute__((weak)) int LLVMFuzzerInitialize(int *Count, char ***Arguments);

static unsigned Replayed;

static void
ReplayFile(const char *Path)
{
    FILE *file = fopen(Path, "rb");
    uint8_t *data;
    size_t size;

    FUZZ_CHECK(file != NULL);
    fseek(file, 0, SEEK_END);
    size = (size_t)ftell(file);
    rewind(file);
    data = FuzzAllocate(size);
    FUZZ_CHECK(fread(data, 1, size, file) == size);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    FuzzFree(data);
    Replayed++;
}

static void
ReplayPath(const char *Path)
{
    struct dirent **entries;
    struct stat status;
    int count;

    FUZZ_CHECK(stat(Path, &status) == 0);
    if (!S_ISDIR(status.st_mode)) {
        ReplayFile(Path);
        return;
    }
    count = scandir(Path, &entries, NULL, alphasort);
    FUZZ_CHECK(count >= 0);
    for (int i = 0; i < count; i++) {
        char path[4096];

        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", Path, entries[i]->d_name);
            ReplayPath(path);
        }
        free(entries[i]);
    }
    free(entries);
}

int
main(int Count, char **Arguments)
{
    if (LLVMFuzzerInitialize != NULL) {
        LLVMFuzzerInitialize(&Count, &Arguments);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < Count; i++) {
        ReplayPath(Arguments[i]);
    }
    printf("%u inputs\n", Replayed);
    FUZZ_CHECK(Replayed != 0);
    return 0;
}
