// SPDX-License-Identifier: GPL-2.0
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "device.h"
#include "identity.h"

/*
 * Now
 */

char **snapshot_settings(const struct policy_info *info)
{
	char **list = calloc(info->nr_settings + 1, sizeof(*list));

	for (size_t i = 0; list && i < info->nr_settings; i++) {
		const struct policy_setting *s = &info->settings[i];

		if (asprintf(&list[i], "%s=%s", s->key, s->value) < 0) {
			list[i] = NULL;
			snapshot_free_list(list);
			return NULL;
		}
	}
	return list;
}

uint64_t snapshot_decisions(const struct policy_info *info)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < info->nr_counters; i++)
		sum += info->counters[i].count;
	return info->nr_counters ? sum : CONF_NONE;
}

void snapshot_free_list(char **list)
{
	for (char **text = list; text && *text; text++)
		free(*text);
	free(list);
}

/* Who may not see policies sees the rest. */
static int find_policy(uint32_t dev, struct snapshot *out)
{
	struct policy_info *list;
	struct policy_error err;
	size_t nr;

	if (policy_list(&list, &nr, &err))
		return 0;
	for (size_t i = 0; i < nr; i++) {
		if (list[i].dev != dev)
			continue;
		snprintf(out->policy, sizeof(out->policy), "%s", list[i].name);
		out->observe = list[i].observe;
		out->decisions = snapshot_decisions(&list[i]);
		snapshot_free_list(out->settings);
		out->settings = snapshot_settings(&list[i]);
	}
	free(list);
	return *out->policy && !out->settings ? -ENOMEM : 0;
}

int snapshot_now(const char *what, struct snapshot *out)
{
	struct device dev;
	int err;

	*out = (struct snapshot){ .decisions = CONF_NONE };
	err = device_find(what, &dev);
	if (err)
		return err;
	err = identity_read(&dev, &out->id);
	out->copy_max_bytes = dev.copy_max_bytes;
	if (!err)
		err = find_policy(dev.disk_dev, out);
	device_free(&dev);
	if (err)
		snapshot_free(out);
	return err;
}

/*
 * From JSON
 */

static const char *get_text(json_object *dev, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(dev, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static uint64_t get_number(json_object *dev, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(dev, key, &value) ||
	    !json_object_is_type(value, json_type_int))
		return CONF_NONE;
	return json_object_get_uint64(value);
}

static int get_list(json_object *dev, const char *key, char ***out)
{
	json_object *list;
	size_t nr;

	if (!json_object_object_get_ex(dev, key, &list) ||
	    !json_object_is_type(list, json_type_array))
		return 0;
	nr = json_object_array_length(list);
	*out = calloc(nr + 1, sizeof(**out));
	for (size_t i = 0; *out && i < nr; i++) {
		json_object *entry = json_object_array_get_idx(list, i);
		const char *text = json_object_get_string(entry);

		(*out)[i] = strdup(text ? text : "");
		if (!(*out)[i])
			return -ENOMEM;
	}
	return *out ? 0 : -ENOMEM;
}

static int get_identity(json_object *dev, struct conf_identity *id)
{
	const struct {
		char **member;
		const char *key;
	} texts[] = {
		{ &id->name, "disk" },		 { &id->model, "model" },
		{ &id->serial, "serial" },	 { &id->firmware, "firmware" },
		{ &id->transport, "transport" }, { &id->driver, "driver" },
		{ &id->subsysnqn, "subsysnqn" }, { &id->uuid, "uuid" },
		{ &id->nguid, "nguid" },	 { &id->eui, "eui" },
		{ &id->stack, "stack_kind" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		*texts[i].member = strdup(get_text(dev, texts[i].key));
		if (!*texts[i].member)
			return -ENOMEM;
	}
	id->block_bytes = get_number(dev, "block_bytes");
	if (id->block_bytes == CONF_NONE)
		id->block_bytes = 0;
	id->copy_max_hw_bytes = get_number(dev, "copy_max_hw_bytes");
	return get_list(dev, "by_id", &id->by_id);
}

static bool is_named(json_object *dev, const char *what)
{
	const char *base = strrchr(what, '/');
	json_object *list, *link;

	base = base ? base + 1 : what;
	if (!strcmp(get_text(dev, "device"), base))
		return true;
	if (!json_object_object_get_ex(dev, "by_id", &list) ||
	    !json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		link = json_object_array_get_idx(list, i);
		if (json_object_is_type(link, json_type_string) &&
		    !strcmp(json_object_get_string(link), base))
			return true;
	}
	return false;
}

/* NULL if there is none, or if @what is and there are several. */
static json_object *find_device(json_object *devices, const char *what)
{
	size_t nr = json_object_array_length(devices);

	if (!what)
		return nr == 1 ? json_object_array_get_idx(devices, 0) : NULL;
	for (size_t i = 0; i < nr; i++) {
		json_object *dev = json_object_array_get_idx(devices, i);

		if (is_named(dev, what))
			return dev;
	}
	return NULL;
}

static int read_json(const char *file, json_object **root, const char **why)
{
	int fd = strcmp(file, "-") ? open(file, O_RDONLY | O_CLOEXEC) :
				     dup(STDIN_FILENO);

	if (fd < 0)
		return -errno;
	*root = json_object_from_fd(fd);
	close(fd);
	*why = "not a JSON document";
	return *root ? 0 : -EBADMSG;
}

static int get_devices(json_object *root, json_object **devices,
		       const char **why)
{
	*why = "not what `bpfcopy dev show -o json' prints";
	if (!json_object_is_type(root, json_type_object) ||
	    strcmp(get_text(root, "schema"), "bpfcopy.dev/1") ||
	    !json_object_object_get_ex(root, "devices", devices) ||
	    !json_object_is_type(*devices, json_type_array))
		return -EBADMSG;
	*why = "";
	return 0;
}

int snapshot_read(const char *file, const char *what, struct snapshot *out,
		  const char **why)
{
	json_object *root = NULL, *devices, *dev;
	int err;

	*out = (struct snapshot){ .decisions = CONF_NONE };
	*why = "";
	err = read_json(file, &root, why);
	if (!err)
		err = get_devices(root, &devices, why);
	if (err)
		goto put_root;
	dev = find_device(devices, what);
	err = dev ? get_identity(dev, &out->id) : what ? -ENODEV : -EINVAL;
	if (!err)
		err = get_list(dev, "policy_parameters", &out->settings);
	if (err)
		goto put_root;
	out->observe = !strcmp(get_text(dev, "policy_mode"), "observe");
	out->copy_max_bytes = get_number(dev, "copy_max_bytes");
	out->decisions = get_number(dev, "policy_decisions");
	snprintf(out->policy, sizeof(out->policy), "%s",
		 get_text(dev, "policy"));
put_root:
	json_object_put(root);
	if (err)
		snapshot_free(out);
	return err;
}

void snapshot_free(struct snapshot *s)
{
	conf_identity_free(&s->id);
	snapshot_free_list(s->settings);
	s->settings = NULL;
}
