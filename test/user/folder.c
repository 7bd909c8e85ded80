/* SPDX-License-Identifier: MIT
 *
 * test/user/folder.c - a folder of the host to work in
 */
#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
TestEnterFolder(char *Template, const char *const *Files)
{
    if (mkdtemp(Template) == NULL || chdir(Template) != 0) {
        return 0;
    }
    for (; *Files != NULL; Files++) {
        FILE *file = fopen(*Files, "w");

        if (file == NULL) {
            return 0;
        }
        fclose(file);
    }
    return 1;
}

void
TestLeaveFolder(const char *Folder, const char *const *Files)
{
    for (; *Files != NULL; Files++) {
        unlink(*Files);
    }
    rmdir(Folder);
}
