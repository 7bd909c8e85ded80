/* SPDX-License-Identifier: MIT
 *
 * nodriver.c - a shared object that is no driver
 */
int NotADriver(void);
int
NotADriver(void)
{
    return 0;
}
