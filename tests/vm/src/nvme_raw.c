// SPDX-License-Identifier: GPL-2.0
/*
 * nvme_raw CTRL KEY=VALUE...
 *
 * One NVMe command, with any field set, through the module nvme-raw to the controller CTRL
 * (/dev/nvme0), and one line about how it ended: status and DW0, as in "0x4183 0". The
 * status is DNR (4000h), status code type (8:10) and status code (0:7).
 *
 *   opcode= flags= nsid= cdw2= cdw3= cdw10= ... cdw15=   fields of the command
 *   via=NSID      namespace whose queue it goes by (default: nsid), 0 = the admin queue
 *   in=FILE       its data, to the controller
 *   out=FILE      where its data goes, from the controller; needs len=
 *   len=BYTES     size of its data
 *   fill=BYTE     what its data is, unless there is a file
 *   time=1        print, too, the nanoseconds it has taken
 *   repeat=N      send it N times, one line for each
 *
 * A Copy (opcode 19h) when there are ranges:
 *   range=[SNSID@]SLBA+BLOCKS[*TIMES]   a source range; repeatable
 *   sdlba= format=
 *   nr=           number of ranges that the command claims
 *   sopt=         source options of all ranges
 *   elbt=N        expected reference tag of each range: its SLBA and N (formats 0 and 2)
 *   elbat= elbatm=  expected application tag and its mask, of all ranges
 *   fill=BYTE     what is in all reserved and unused bytes of the list, too
 *
 * Exit status 0 if the command has completed, with whatever status.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "nvme-raw.h"
#include "t.h"

#define COPY_OPCODE 0x19
#define RANGES_MAX  257

struct range {
	u32 snsid;
	u64 slba;
	u32 blocks;
};

static struct {
	u64 opcode, flags, nsid, via, len, nr, sdlba, format, sopt, fill, time,
		repeat, elbt, elbat, elbatm;
	u64 cdw[16];
	bool has_via, has_len, has_tags;
	const char *in, *out;
	struct range range[RANGES_MAX];
	u32 nr_ranges;
} opt;

static void put(u8 *to, u64 value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = value >> (8 * i);
}

/* Any 64 bits, so -1 is a number, too. *@end is where it stops. */
static u64 number(const char *s, char **end)
{
	u64 v;

	errno = 0;
	v = strtoull(s, end, 0);
	if (errno || *end == s)
		t_die("'%s': give a number", s);
	return v;
}

static u64 whole_number(const char *s)
{
	char *end;
	u64 v = number(s, &end);

	if (*end)
		t_die("'%s': give a number", s);
	return v;
}

static void add_range(const char *s)
{
	struct range r = {};
	u64 times = 1;
	char *end;

	r.slba = number(s, &end);
	if (*end == '@') {
		r.snsid = r.slba;
		r.slba = number(end + 1, &end);
	}
	if (*end != '+')
		t_die("range=%s: give [SNSID@]SLBA+BLOCKS[*TIMES]", s);
	r.blocks = number(end + 1, &end);
	if (*end == '*')
		times = number(end + 1, &end);
	if (*end || !r.blocks || r.blocks > 65536 ||
	    times > RANGES_MAX - opt.nr_ranges)
		t_die("range=%s: 1 to 65536 blocks, at most %d ranges", s,
		      RANGES_MAX);
	while (times--)
		opt.range[opt.nr_ranges++] = r;
}

static bool set_number(const char *key, const char *value)
{
	static const struct {
		const char *key;
		u64 *to;
	} keys[] = {
		{ "opcode", &opt.opcode }, { "flags", &opt.flags },
		{ "nsid", &opt.nsid },	   { "via", &opt.via },
		{ "len", &opt.len },	   { "nr", &opt.nr },
		{ "sdlba", &opt.sdlba },   { "format", &opt.format },
		{ "sopt", &opt.sopt },	   { "fill", &opt.fill },
		{ "time", &opt.time },	   { "repeat", &opt.repeat },
		{ "elbt", &opt.elbt },	   { "elbat", &opt.elbat },
		{ "elbatm", &opt.elbatm },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i].key))
			continue;
		*keys[i].to = whole_number(value);
		opt.has_via |= keys[i].to == &opt.via;
		opt.has_len |= keys[i].to == &opt.len;
		opt.has_tags |= keys[i].to == &opt.elbt ||
				keys[i].to == &opt.elbat;
		return true;
	}
	return false;
}

static bool set_cdw(const char *key, const char *value)
{
	u64 i;

	if (strncmp(key, "cdw", 3))
		return false;
	i = whole_number(key + 3);
	if (i != 2 && i != 3 && (i < 10 || i > 15))
		return false;
	opt.cdw[i] = whole_number(value);
	return true;
}

static void parse(char *arg)
{
	char *value = strchr(arg, '=');

	if (!value)
		t_die("'%s': give KEY=VALUE", arg);
	*value++ = '\0';
	if (!strcmp(arg, "range"))
		add_range(value);
	else if (!strcmp(arg, "in"))
		opt.in = value;
	else if (!strcmp(arg, "out"))
		opt.out = value;
	else if (!set_number(arg, value) && !set_cdw(arg, value))
		t_die("'%s': no such key", arg);
}

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		t_die("%s: cannot open: %s", path, strerror(errno));
	return fd;
}

static void *read_input(void)
{
	int fd = must_open(opt.in, O_RDONLY);
	struct stat st;
	void *data;

	if (fstat(fd, &st))
		t_die("%s: %s", opt.in, strerror(errno));
	if (!opt.has_len)
		opt.len = st.st_size;
	data = t_alloc(opt.len + 1);
	memset(data, 0, opt.len);
	if (read(fd, data, opt.len) < 0)
		t_die("%s: cannot read: %s", opt.in, strerror(errno));
	close(fd);
	return data;
}

static void write_output(const void *data)
{
	int fd = must_open(opt.out, O_WRONLY | O_CREAT | O_TRUNC);

	if (write(fd, data, opt.len) != (ssize_t)opt.len)
		t_die("%s: cannot write", opt.out);
	close(fd);
}

static void *filled(size_t bytes)
{
	void *data = t_alloc(bytes + 1);

	return memset(data, opt.fill, bytes);
}

static void put_tags(u8 *entry, const struct range *r)
{
	put(entry + 24, r->slba + opt.elbt, 4);
	put(entry + 28, opt.elbat, 2);
	put(entry + 30, opt.elbatm, 2);
}

/* Source range entries of 32 or 40 bytes; tags stay as filled if none are given. */
static void *build_list(void)
{
	size_t size = opt.format & 1 ? 40 : 32;
	size_t bytes = opt.nr_ranges * size;
	u8 *list;

	if (!opt.has_len)
		opt.len = bytes;
	list = filled(bytes > opt.len ? bytes : opt.len);
	for (u32 i = 0; i < opt.nr_ranges; i++) {
		const struct range *r = &opt.range[i];
		u8 *entry = list + i * size;

		if (opt.format >= 2) {
			put(entry, r->snsid, 4);
			put(entry + 22, opt.sopt, 2);
		}
		put(entry + 8, r->slba, 8);
		put(entry + 16, r->blocks - 1, 2);
		if (opt.has_tags)
			put_tags(entry, r);
	}
	return list;
}

static void *prepare_data(void)
{
	u32 nr = opt.nr ? opt.nr : opt.nr_ranges;

	if (opt.in)
		return read_input();
	if (!opt.nr_ranges)
		return filled(opt.len);
	if (!opt.opcode)
		opt.opcode = COPY_OPCODE;
	opt.cdw[10] |= opt.sdlba & 0xffffffff;
	opt.cdw[11] |= opt.sdlba >> 32;
	opt.cdw[12] |= (nr - 1) | opt.format << 8;
	return build_list();
}

/*
 * What goes to the controller is only read, so it may lie where it cannot be
 * written: a copy that does, or @data itself.
 */
static void *sealed(void *data)
{
	void *copy;

	if (!(opt.opcode & 1) || !opt.len)
		return data;
	copy = mmap(NULL, opt.len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		t_die("no memory for %llu bytes", opt.len);
	memcpy(copy, data, opt.len);
	if (mprotect(copy, opt.len, PROT_READ))
		t_die("cannot protect memory: %s", strerror(errno));
	return copy;
}

static void build_command(u8 *sqe)
{
	sqe[0] = opt.opcode;
	sqe[1] = opt.flags;
	put(sqe + 4, opt.nsid, 4);
	for (int i = 0; i < 16; i++)
		if (opt.cdw[i])
			put(sqe + 4 * i, opt.cdw[i], 4);
}

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void send_command(int fd, struct nvme_raw *raw)
{
	u64 begin = now(), took;

	if (ioctl(fd, NVME_RAW_SEND, raw))
		t_die("not sent: %s", strerror(errno));
	took = now() - begin;
	printf("%#x %llu", raw->status, (u64)raw->result & 0xffffffff);
	if (opt.time)
		printf(" %llu", took);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct nvme_raw raw = {};
	void *data;
	int fd;

	if (argc < 2)
		t_die("usage: nvme_raw CTRL KEY=VALUE...");
	for (int i = 2; i < argc; i++)
		parse(argv[i]);
	data = prepare_data();
	build_command(raw.sqe);
	raw.via = opt.has_via ? opt.via : opt.nsid;
	raw.data = (uintptr_t)sealed(data);
	raw.len = opt.len;
	raw.ctrl_fd = must_open(argv[1], O_RDWR);
	fd = must_open("/dev/nvme-raw", O_RDWR);
	for (u64 i = 0; i < (opt.repeat ? opt.repeat : 1); i++)
		send_command(fd, &raw);
	if (opt.out)
		write_output(data);
	free(data);
	return 0;
}
