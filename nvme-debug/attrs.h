/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: every attribute of every configfs directory, and every module
 * parameter: what it may be, what it is at first, when it may change.
 *
 * Included several times: each row becomes what NDBG_<directory>() makes of it
 * there (control.h, params.c). Bounds and default are text, because the kernel
 * log and modinfo show them as they are written here.
 *
 *   RW     name, kind, from, to, default, when, unit [, more of ndbg_attr]
 *   PARAM  the same with what it is for after the unit; a module parameter, too
 *   WO     name, kind, from, to, unit, function [, more of ndbg_attr]
 *   OWN    name, mode: shown and stored by functions of its own
 */
#ifndef NDBG_SUBSYS
#define NDBG_SUBSYS(...)
#endif
#ifndef NDBG_NS
#define NDBG_NS(...)
#endif
#ifndef NDBG_PATH
#define NDBG_PATH(...)
#endif
#ifndef NDBG_FAULT
#define NDBG_FAULT(...)
#endif
#ifndef NDBG_TIME
#define NDBG_TIME(...)
#endif

#define NDBG_BYTES_UNIT " bytes with suffix K, M, G or T, a multiple of 4096"
#define NDBG_U32	"4294967295"
#define NDBG_U64	"18446744073709551615"

NDBG_SUBSYS(RW, serial, TEXT, "1", "20", "", IDLE, " printable ASCII characters")
NDBG_SUBSYS(RW, model, TEXT, "1", "40", "nvme-debug", IDLE, " printable ASCII characters")
NDBG_SUBSYS(PARAM, queue_depth, NUMBER, "3", "1024", "128", IDLE,
	    " entries in an I/O queue; n entries hold n - 2 commands",
	    "Size of an I/O queue (MQES + 1), of which one entry stays empty and one is kept for Connect")
NDBG_SUBSYS(RW, io_queues, NUMBER, "1", "128", "128", IDLE, " I/O queues")
NDBG_SUBSYS(PARAM, copy, EITHER, "0", "1", "1", IDLE, "",
	    "Whether the controller has the Copy command")
NDBG_SUBSYS(PARAM, copy_formats, NUMBER, "1", "15", "5", IDLE,
	    ", the sum of 1 for format 0, 2 for 1, 4 for 2, 8 for 3",
	    "Copy: descriptor formats")
NDBG_SUBSYS(PARAM, fast_copy, NUMBER, "0", "2", "1", IDLE,
	    ": 0 refused with DNR, 1 copied, 2 refused without DNR",
	    "Copy: what becomes of Fast Copy Only")
NDBG_SUBSYS(PARAM, write_cache, BYTES, "0", "1G", "0", IDLE, NDBG_BYTES_UNIT "; 0: none",
	    "Volatile write cache: most that a namespace has in it")
NDBG_SUBSYS(RW, multipath, EITHER, "0", "1", "1", IDLE, "")
NDBG_SUBSYS(RW, anatt, NUMBER, "1", "255", "10", IDLE, " seconds")
NDBG_SUBSYS(RW, aerl, NUMBER, "0", "15", "3", IDLE, " event requests less one")
NDBG_SUBSYS(WO, power_cut, NUMBER, "0", NDBG_U32, ", a seed", ndbg_power_cut)
NDBG_SUBSYS(WO, reset, WORD, "", "", "", ndbg_subsys_reset, .names = ndbg_all)

NDBG_NS(PARAM, size, BYTES, "1M", "16T", "256M", ALWAYS, NDBG_BYTES_UNIT,
	"Namespace size")
NDBG_NS(PARAM, memory, BYTES, "0", "16T", "0", ALWAYS,
	NDBG_BYTES_UNIT "; 0: as much as its size",
	"Most data that a namespace keeps, beyond it writes end with Capacity Exceeded")
NDBG_NS(PARAM, block_size, EITHER, "512", "4096", "512", ALWAYS, " bytes",
	"Logical block size")
NDBG_NS(PARAM, physical_block_size, EITHER, "512", "4096", "512", ALWAYS, " bytes",
	"Physical block size, 4096 with block_size=512 is what is called 512e")
NDBG_NS(PARAM, pi, EITHER, "0", "1", "0", ALWAYS, "",
	"Protection information of type 1, 8 bytes of metadata to a block")
NDBG_NS(PARAM, zone_size, BYTES, "0", "16T", "0", IDLE, NDBG_BYTES_UNIT "; 0: not zoned",
	"Zone size, of which Linux wants a power of 2")
NDBG_NS(PARAM, zone_capacity, BYTES, "0", "16T", "0", IDLE,
	NDBG_BYTES_UNIT "; 0: as much as its size",
	"Zones: how much of each can be written")
NDBG_NS(PARAM, max_active, NUMBER, "0", "16777216", "0", ALWAYS, " zones; 0: no bound",
	"Zones: most that are active (MAR)")
NDBG_NS(PARAM, max_open, NUMBER, "0", "16777216", "0", ALWAYS, " zones; 0: no bound",
	"Zones: most that are open (MOR)")
NDBG_NS(PARAM, mssrl, NUMBER, "1", "65535", "8192", ALWAYS, " logical blocks",
	"Copy: most in one source range (MSSRL)")
NDBG_NS(PARAM, mcl, NUMBER, "1", NDBG_U32, "65536", ALWAYS, " logical blocks",
	"Copy: most in one command (MCL)")
NDBG_NS(PARAM, msrc, NUMBER, "0", "255", "127", ALWAYS, " source ranges less one",
	"Copy: most in one command (MSRC, 0's based)")
NDBG_NS(RW, ro_start, BYTES, "0", "16T", "0", ALWAYS, NDBG_BYTES_UNIT)
NDBG_NS(RW, ro_size, BYTES, "0", "16T", "0", ALWAYS, NDBG_BYTES_UNIT "; 0: none")
NDBG_NS(WO, zone_readonly, BYTES, "0", "16T", NDBG_BYTES_UNIT, ndbg_zone_readonly)
NDBG_NS(WO, zone_offline, BYTES, "0", "16T", NDBG_BYTES_UNIT, ndbg_zone_offline)
NDBG_NS(OWN, uuid, 0644)
NDBG_NS(RW, enable, EITHER, "0", "1", "0", ALWAYS, "")
NDBG_NS(OWN, stats, 0444)
NDBG_NS(WO, reset, WORD, "", "", "", ndbg_ns_reset, .names = ndbg_ns_resets)

NDBG_PATH(RW, ana_state, WORD, "", "", "optimized", ALWAYS, "", .names = ndbg_ana_names)
NDBG_PATH(RW, io_queues, NUMBER, "0", "128", "0", IDLE,
	  " I/O queues; 0: as the subsystem")
NDBG_PATH(OWN, cntlid, 0444)
NDBG_PATH(OWN, device, 0444)
NDBG_PATH(WO, reset, WORD, "", "", "", ndbg_path_reset, .names = ndbg_all)

NDBG_FAULT(RW, admin, EITHER, "0", "1", "0", IDLE, "")
NDBG_FAULT(RW, opcode, HEX, "0", "255", "any", IDLE, "", .names = ndbg_any_opcode)
NDBG_FAULT(RW, nsid, NUMBER, "0", NDBG_U32, "0", IDLE, ", a namespace id; 0: any")
NDBG_FAULT(RW, cntlid, NUMBER, "0", "65519", "0", IDLE, ", a controller id; 0: any")
NDBG_FAULT(RW, slba, NUMBER, "0", NDBG_U64, "0", IDLE, ", a logical block")
NDBG_FAULT(RW, nlb, NUMBER, "0", NDBG_U64, "0", IDLE,
	   " logical blocks; 0: commands that touch any or none")
NDBG_FAULT(RW, skip, NUMBER, "0", NDBG_U32, "0", IDLE, " commands")
NDBG_FAULT(RW, every, NUMBER, "1", NDBG_U32, "1", IDLE, " commands")
NDBG_FAULT(RW, probability, NUMBER, "0", "1000000", "1000000", IDLE, " in a million")
NDBG_FAULT(RW, seed, NUMBER, "0", NDBG_U32, "0", IDLE, "")
NDBG_FAULT(RW, times, NUMBER, "0", NDBG_U32, "0", IDLE, " commands; 0: no bound")
NDBG_FAULT(RW, at, WORD, "", "", "start", IDLE, "", .names = ndbg_at_names)
NDBG_FAULT(RW, range, NUMBER, "0", "255", "0", IDLE, ", a source range")
NDBG_FAULT(RW, blocks, NUMBER, "0", NDBG_U32, "0", IDLE, " logical blocks")
NDBG_FAULT(RW, hold, EITHER, "0", "1", "0", IDLE, "")
NDBG_FAULT(RW, delay, NUMBER, "0", NDBG_U32, "0", IDLE, " microseconds")
NDBG_FAULT(RW, action, WORD, "", "", "none", IDLE, "", .names = ndbg_actions)
NDBG_FAULT(RW, status, BITS, "0", "0x47ff", "0x4006", IDLE,
	   ": status code, 0x100 times its type, 0x4000 for DNR")
NDBG_FAULT(RW, enable, EITHER, "0", "1", "0", ALWAYS, "")
NDBG_FAULT(OWN, stats, 0444)
NDBG_FAULT(WO, release, NUMBER, "1", NDBG_U32, " commands", ndbg_release, .names = ndbg_all)
NDBG_FAULT(WO, reset, WORD, "", "", "", ndbg_fault_reset, .names = ndbg_all)

NDBG_TIME(RW, read_fixed, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, read_per_kib, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, write_fixed, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, write_per_kib, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, copy_fixed, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, copy_per_kib, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, other_fixed, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, other_per_kib, NUMBER, "0", "1000000000", "0", ALWAYS, " nanoseconds")
NDBG_TIME(RW, jitter, NUMBER, "0", "100", "0", ALWAYS, " percent")
NDBG_TIME(RW, seed, NUMBER, "0", NDBG_U32, "0", ALWAYS, "")
NDBG_TIME(RW, channels, NUMBER, "0", "64", "0", ALWAYS, " channels; 0: no bound")
NDBG_TIME(RW, bandwidth, BYTES, "0", "1T", "0", ALWAYS, NDBG_BYTES_UNIT " a second; 0: no bound")
NDBG_TIME(RW, completion, WORD, "", "", "immediate", ALWAYS, "", .names = ndbg_completions)
NDBG_TIME(OWN, stats, 0444)
NDBG_TIME(WO, reset, WORD, "", "", "", ndbg_time_reset, .names = ndbg_all)

#undef NDBG_SUBSYS
#undef NDBG_NS
#undef NDBG_PATH
#undef NDBG_FAULT
#undef NDBG_TIME
