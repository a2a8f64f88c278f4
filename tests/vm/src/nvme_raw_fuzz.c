// SPDX-License-Identifier: GPL-2.0
/*
 * nvme_raw_fuzz CTRL COUNT SEED NSID...
 *
 * COUNT random commands to the nvme-debug controller CTRL, through the module nvme-raw: every
 * field with what it should not have, every opcode, data of any length. The active namespaces
 * are NSID..., each of any size; only these are written. What can be told from a command alone
 * about how it has to end is checked. The same SEED sends the same commands.
 *
 * Left out is what would end the run: event requests (they wait), Property Set (it disables
 * the controller), a keep-alive timeout of less than a minute, write protection that lasts.
 *
 * In the end, a line with how many ended how; then "ok" or "not ok".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nvme-raw.h"
#include "t.h"

#define DATA_MAX       65536
#define NSID_MAX       8192 /* of nvme-debug */
#define DNR	       0x4000
#define INVALID_OPCODE (DNR | 0x001)
#define INVALID_FIELD  (DNR | 0x002)
#define INVALID_NS     (DNR | 0x00b)

enum {
	ADMIN_GET_LOG = 0x02,
	ADMIN_IDENTIFY = 0x06,
	ADMIN_ABORT = 0x08,
	ADMIN_SET_FEATURES = 0x09,
	ADMIN_GET_FEATURES = 0x0a,
	ADMIN_EVENT = 0x0c,
	ADMIN_KEEP_ALIVE = 0x18,
	FABRICS = 0x7f,
	FEATURE_KATO = 0x0f,
	FEATURE_PROTECT = 0x84,
	IO_FLUSH = 0x00,
	IO_COPY = 0x19,
};

static const u8 admin_opcodes[] = {
	ADMIN_GET_LOG,	    ADMIN_IDENTIFY,   ADMIN_ABORT, ADMIN_SET_FEATURES,
	ADMIN_GET_FEATURES, ADMIN_KEEP_ALIVE, FABRICS
};
static const u8 io_opcodes[] = { IO_FLUSH, 0x01, 0x02,	  0x04, 0x05, 0x08,
				 0x09,	   0x0c, IO_COPY, 0x79, 0x7a, 0x7d };

static struct t_rng rng;
static u32 active[8];
static u32 nr_active;
static u8 *data;
static u64 histogram[0x8000];
static u64 not_sent;

static u32 get32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static void put32(u8 *p, u32 v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (8 * i);
}

static bool is_one_of(u8 opcode, const u8 *list, size_t nr)
{
	return memchr(list, opcode, nr);
}

static u8 random_opcode(const u8 *list, size_t nr)
{
	return t_below(&rng, 8) ? list[t_below(&rng, nr)] : t_rand(&rng);
}

static u32 random_nsid(void)
{
	switch (t_below(&rng, 10)) {
	case 0:
		return 0;
	case 1:
		return 0xffffffff;
	case 2:
		return t_below(&rng, 2 * NSID_MAX);
	case 3:
		return t_rand(&rng);
	default:
		return active[t_below(&rng, nr_active)];
	}
}

/* Often small, often a bound, sometimes anything. */
static u32 random_dword(void)
{
	static const u32 bounds[] = { 0, 1, 0x7fffffff, 0x80000000,
				      0xffffffff };

	switch (t_below(&rng, 4)) {
	case 0:
		return bounds[t_below(&rng, ARRAY_SIZE(bounds))];
	case 1:
		return t_rand(&rng);
	default:
		return t_log_below(&rng, 65536) - 1;
	}
}

/* What the command says, or not. */
static u32 random_len(const u8 *sqe, bool admin)
{
	static const u32 lens[] = { 0,	  1,	3,    4,     511,   512,
				    513,  4092, 4095, 4096,  4097,  8191,
				    8192, 8193, 1024, 10240, 65535, 65536 };
	u32 blocks = (get32(sqe + 48) & 0xffff) + 1;

	if (!t_below(&rng, 3))
		return lens[t_below(&rng, ARRAY_SIZE(lens))];
	if (admin)
		return 4096;
	if (sqe[0] == IO_COPY)
		return ((blocks & 0xff) ?: 256) * 32;
	return blocks <= DATA_MAX / 512 ? blocks * 512 : 512;
}

/* Do not end the run. */
static void tame(u8 *sqe, bool admin)
{
	if (!admin)
		return;
	if (sqe[0] == ADMIN_EVENT)
		sqe[0] = ADMIN_KEEP_ALIVE;
	if (sqe[0] == FABRICS && sqe[4] == 0)
		sqe[4] = 4; /* Property Get, for Property Set */
	if (sqe[0] != ADMIN_SET_FEATURES)
		return;
	if (sqe[40] == FEATURE_KATO)
		put32(sqe + 44, get32(sqe + 44) | 0x10000);
	if (sqe[40] == FEATURE_PROTECT)
		put32(sqe + 44, get32(sqe + 44) & ~3u);
}

static void random_command(u8 *sqe, bool admin)
{
	memset(sqe, 0, 64);
	if (!t_below(&rng, 16))
		for (int i = 0; i < 16; i++)
			put32(sqe + 4 * i, t_rand(&rng));
	sqe[0] = admin ? random_opcode(admin_opcodes, sizeof(admin_opcodes)) :
			 random_opcode(io_opcodes, sizeof(io_opcodes));
	put32(sqe + 4, random_nsid());
	for (int i = 10; i < 16; i++)
		if (t_below(&rng, 2))
			put32(sqe + 4 * i, random_dword());
	if (t_below(&rng, 2)) /* a block that there is, most of the time */
		put32(sqe + 44, 0);
	if (!t_below(&rng, 4))
		sqe[t_below(&rng, 64)] ^= 1 << t_below(&rng, 8);
	if (!admin && t_below(&rng, 16))
		sqe[1] &= ~3;
	tame(sqe, admin);
}

/* Sources of a Copy and ranges of Dataset Management are data, too. */
static void random_data(u32 len)
{
	for (u32 i = 0; i + 4 <= len && i < 1024; i += 4)
		put32(data + i,
		      t_below(&rng, 4) ? t_below(&rng, 64) : random_dword());
}

static bool is_active(u32 nsid)
{
	for (u32 i = 0; i < nr_active; i++)
		if (active[i] == nsid)
			return true;
	return false;
}

/* How an I/O command has to end because of its first two dwords, or -1. */
static int verdict_io(const u8 *sqe)
{
	u32 nsid = get32(sqe + 4);

	if (sqe[1] & 3)
		return INVALID_FIELD;
	if (nsid == 0xffffffff && sqe[0] == IO_FLUSH)
		return 0;
	if (!nsid || nsid > NSID_MAX)
		return INVALID_NS;
	if (!is_active(nsid))
		return INVALID_FIELD;
	if (!is_one_of(sqe[0], io_opcodes, sizeof(io_opcodes)))
		return INVALID_OPCODE;
	return -1;
}

static int verdict(const struct nvme_raw *raw)
{
	u8 opcode = raw->sqe[0];

	/* Through an I/O queue it would be Connect, or nothing. */
	if (opcode == FABRICS)
		return -1;
	if (raw->via)
		return verdict_io(raw->sqe);
	if (!is_one_of(opcode, admin_opcodes, sizeof(admin_opcodes)))
		return INVALID_OPCODE;
	return opcode == ADMIN_KEEP_ALIVE || opcode == ADMIN_ABORT ? 0 : -1;
}

static void show(const struct nvme_raw *raw, u64 n, int want)
{
	char text[3 * 64 + 1];

	for (int i = 0; i < 64; i++)
		sprintf(text + 3 * i, "%02x ", raw->sqe[i]);
	t_note("command %llu, via %u, %u bytes: %s", n, raw->via, raw->len,
	       text);
	t_note("ended with %#x, expected %#x", raw->status, want);
}

/* Whether it ended as it has to. */
static bool send_one(int fd, int ctrl_fd, u64 n)
{
	struct nvme_raw raw = { .ctrl_fd = ctrl_fd };
	bool admin = !t_below(&rng, 4);
	int want;

	random_command(raw.sqe, admin);
	raw.via = admin ? 0 : active[t_below(&rng, nr_active)];
	raw.len = random_len(raw.sqe, admin);
	raw.data = (uintptr_t)data;
	random_data(raw.len);
	want = verdict(&raw);
	if (ioctl(fd, NVME_RAW_SEND, &raw)) {
		not_sent++;
		return errno == EINVAL; /* not even the block layer takes it */
	}
	histogram[raw.status & 0x7fff]++;
	if (want < 0 || raw.status == (u32)want)
		return true;
	show(&raw, n, want);
	return false;
}

static void summary(u64 count)
{
	printf("# %llu commands, %llu not sent;", count, not_sent);
	for (u32 i = 0; i < ARRAY_SIZE(histogram); i++)
		if (histogram[i])
			printf(" %#x: %llu", i, histogram[i]);
	putchar('\n');
}

static int must_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		t_die("%s: cannot open: %s", path, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	u64 count, bad = 0;
	int ctrl_fd, fd;

	if (argc < 5 || argc - 4 > (int)ARRAY_SIZE(active))
		t_die("usage: nvme_raw_fuzz CTRL COUNT SEED NSID...");
	count = t_number(argv[2], "COUNT");
	rng.state = t_number(argv[3], "SEED");
	for (int i = 4; i < argc; i++)
		active[nr_active++] = t_number(argv[i], "NSID");
	data = t_alloc(DATA_MAX);
	memset(data, 0, DATA_MAX);
	ctrl_fd = must_open(argv[1]);
	fd = must_open("/dev/nvme-raw");
	for (u64 n = 0; n < count && bad < 10; n++)
		bad += !send_one(fd, ctrl_fd, n);
	summary(count);
	if (bad)
		t_not_ok("commands end as they have to", "%llu did not", bad);
	else
		t_ok("commands end as they have to");
	free(data);
	return t_exit();
}
