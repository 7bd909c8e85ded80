/* SPDX-License-Identifier: MIT
 *
 * ntbox/wpp.h - software tracing (WPP) of a driver or program, left out
 *
 * On Windows a preprocessor makes a NAME.tmh for each source, with a macro for each trace
 * statement. `ntbox cc` includes this for it: there is no session that could enable such a
 * provider, so its statements do nothing and its conditions are false. Functions that the project
 * defines are defined behind this, by adapt-sources.py. Source  WDK docs, "WPP Software Tracing".
 */
#ifndef NTBOX_WPP_H
#define NTBOX_WPP_H
#pragma GCC system_header

#define WPP_INIT_TRACING(...) ((void)0)
#define WPP_CLEANUP(...) ((void)0)
#define WPP_SYSTEMCONTROL(...) ((void)0)
#define WPP_SYSTEMCONTROL2(...) ((void)0)
#define WPP_INIT_GLOBALLOGGER(...) ((void)0)
#define WPP_REGISTER_GUIDS(...) ((void)0)
#define WPP_LEVEL_ENABLED(flags) 0
#define WPP_FLAG_ENABLED(flags) 0
#undef WPP_LEVEL_LOGGER
#define WPP_LEVEL_LOGGER(flags)
#undef WPP_FLAG_LOGGER
#define WPP_FLAG_LOGGER(flags)

#ifndef DoTraceMessage
#define DoTraceMessage(...) ((void)0)
#endif

#endif
