// SPDX-License-Identifier: GPL-2.0
#include "slots.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

#define VALUE_MAX 4096
#define MAPS_MAX  64

/* Of struct bpf_struct_ops_blk_copy_ops: its type, and where members are in it. */
static u32 value_id, dev_at, name_at, decide_at;

static const struct btf_member *member(const struct btf *btf, u32 id,
				       const char *name)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (int i = 0; i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf,
						btf_members(t)[i].name_off),
			    name))
			return btf_members(t) + i;
	t_die("the kernel's blk_copy_ops have no %s", name);
}

void slots_init(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_member *data;
	int id;

	id = btf ? btf__find_by_name_kind(btf, "bpf_struct_ops_blk_copy_ops",
					  BTF_KIND_STRUCT) :
		   -ENOENT;
	if (id < 0)
		t_die("this kernel has no copy policies");
	value_id = id;
	data = member(btf, id, "data");
	dev_at = (data->offset + member(btf, data->type, "dev")->offset) / 8;
	name_at = (data->offset + member(btf, data->type, "name")->offset) / 8;
	decide_at =
		(data->offset + member(btf, data->type, "decide")->offset) / 8;
	btf__free(btf);
}

/* Is this map a policy?  Then it is described. */
static bool read_map(u32 map_id, struct slot *slot)
{
	struct bpf_map_info info = {};
	int fd = bpf_map_get_fd_by_id(map_id);
	char value[VALUE_MAX];
	u32 len = sizeof(info), key = 0;
	bool is;

	if (fd < 0)
		return false;
	is = !bpf_map_get_info_by_fd(fd, &info, &len) &&
	     info.btf_vmlinux_value_type_id == value_id &&
	     info.value_size <= VALUE_MAX &&
	     !bpf_map_lookup_elem(fd, &key, value);
	close(fd);
	if (!is)
		return false;
	slot->map_id = map_id;
	memcpy(&slot->dev, value + dev_at, sizeof(slot->dev));
	memcpy(&slot->prog_id, value + decide_at, sizeof(slot->prog_id));
	memcpy(slot->policy, value + name_at, sizeof(slot->policy));
	slot->policy[sizeof(slot->policy) - 1] = '\0';
	return true;
}

/* The map behind a link of a policy; 0 if it is another link, or holds nothing. */
static u32 map_behind(int fd)
{
	struct bpf_link_info info = {};
	u32 len = sizeof(info);

	if (bpf_link_get_info_by_fd(fd, &info, &len) ||
	    info.type != BPF_LINK_TYPE_STRUCT_OPS)
		return 0;
	return info.struct_ops.map_id;
}

size_t slots_list(struct slot slots[SLOTS_MAX])
{
	size_t nr = 0;
	u32 id = 0;

	while (nr < SLOTS_MAX && !bpf_link_get_next_id(id, &id)) {
		int fd = bpf_link_get_fd_by_id(id);
		u32 map_id = fd < 0 ? 0 : map_behind(fd);

		if (fd >= 0)
			close(fd);
		nr += map_id && read_map(map_id, &slots[nr]);
	}
	return nr;
}

const struct slot *slots_find(const struct slot *slots, size_t nr, u32 dev)
{
	for (size_t i = 0; i < nr; i++)
		if (slots[i].dev == dev)
			return &slots[i];
	return NULL;
}

u32 slots_dev(const char *disk)
{
	unsigned int major = 0, minor = 0;
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/dev", disk);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%u:%u", &major, &minor) != 2)
		major = minor = 0;
	fclose(f);
	return major << 20 | minor;
}

/*
 * Pins
 */

#define FOLDER_MAX 320
#define PIN_MAX	   640

static char wrong[1024];

static const char *say(const char *what, const char *path)
{
	snprintf(wrong, sizeof(wrong), "%s: %s", path, what);
	return wrong;
}

static u32 id_of_map(int fd)
{
	struct bpf_map_info info = {};
	u32 len = sizeof(info);

	return bpf_map_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static bool uses_map(u32 prog_id, u32 map_id)
{
	u32 ids[MAPS_MAX] = {}, len;
	struct bpf_prog_info info = {};
	int fd = bpf_prog_get_fd_by_id(prog_id), error;

	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (unsigned long)ids;
	len = sizeof(info);
	error = bpf_prog_get_info_by_fd(fd, &info, &len);
	close(fd);
	for (u32 i = 0; !error && i < info.nr_map_ids && i < MAPS_MAX; i++)
		if (ids[i] == map_id)
			return true;
	return false;
}

static const char *check_pin(const struct slot *slot, const char *path,
			     const char *name)
{
	int fd = bpf_obj_get(path);
	bool good;

	if (fd < 0)
		return say(strerror(errno), path);
	if (!strcmp(name, "link"))
		good = map_behind(fd) == slot->map_id;
	else
		good = !strcmp(name, "counters") &&
		       uses_map(slot->prog_id, id_of_map(fd));
	close(fd);
	return good ? NULL : say("not of the policy that is attached", path);
}

/* The next name in a folder; NULL behind the last. */
static const char *next_name(DIR *dir)
{
	struct dirent *entry;

	do {
		entry = readdir(dir);
	} while (entry && *entry->d_name == '.');
	return entry ? entry->d_name : NULL;
}

static const char *check_slot(const struct slot *slot, const char *folder)
{
	char path[PIN_MAX];
	const char *name, *bad = NULL;
	DIR *dir = opendir(folder);
	int nr = 0;

	for (; dir && !bad && (name = next_name(dir)); nr++) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		bad = check_pin(slot, path, name);
	}
	if (dir)
		closedir(dir);
	return bad || nr == 2 ? bad : say("not a link and counters", folder);
}

const char *slots_check_pins(const struct slot *slots, size_t nr)
{
	DIR *dir = opendir(SLOTS_PINS);
	char path[FOLDER_MAX];
	const char *name, *bad = NULL;
	size_t seen = 0;

	for (; dir && !bad && (name = next_name(dir)); seen++) {
		const struct slot *slot;
		unsigned int major, minor;

		snprintf(path, sizeof(path), SLOTS_PINS "/%s", name);
		if (sscanf(name, "%u:%u", &major, &minor) != 2)
			bad = say("not a disk", path);
		else if (!(slot = slots_find(slots, nr, major << 20 | minor)))
			bad = say("its disk has no policy", path);
		else
			bad = check_slot(slot, path);
	}
	if (dir)
		closedir(dir);
	return bad || seen == nr ? bad : say("pins are missing", SLOTS_PINS);
}
