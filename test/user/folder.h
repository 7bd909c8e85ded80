/* SPDX-License-Identifier: MIT
 *
 * test/user/folder.h - a folder of the host to work in
 */
#pragma once

/* Makes a folder, goes there, and makes empty files of these names (NULL-terminated). 1: done. */
int TestEnterFolder(char *Template, const char *const *Files);
void TestLeaveFolder(const char *Folder, const char *const *Files);
