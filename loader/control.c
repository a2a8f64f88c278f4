// SPDX-License-Identifier: GPL-2.0
/*
 * What both ends of the control socket share; see control.h.
 */
#include "control.h"

#include <errno.h>
#include <string.h>

/* An honest request has one level. */
#define DEPTH 4

const struct control_verb_def control_verbs[CONTROL_NR_VERBS] = {
	[CONTROL_DESCRIBE] = { "describe", "what can be asked", false, false },
	[CONTROL_STATUS] = { "status",
			     "the rules in force, and what they did to which "
			     "disks",
			     false, false },
	[CONTROL_APPLY] = { "apply",
			    "read the rules again and apply them, all or "
			    "nothing",
			    true, true },
	[CONTROL_REVERT] = { "revert",
			     "put everything back to how it was, and leave "
			     "disks alone until the next apply",
			     true, true },
};

char *control_space(struct control_lines *lines, size_t *size)
{
	memmove(lines->data, lines->data + lines->taken,
		lines->len - lines->taken);
	lines->len -= lines->taken;
	lines->taken = 0;
	*size = sizeof(lines->data) - lines->len;
	return lines->data + lines->len;
}

int control_next(struct control_lines *lines, char **line, size_t *len)
{
	char *start = lines->data + lines->taken, *end;

	end = memchr(start, '\n', lines->len - lines->taken);
	if (!end)
		return lines->len - lines->taken == sizeof(lines->data) ?
			       -EMSGSIZE :
			       -EAGAIN;
	*end = '\0';
	*line = start;
	*len = end - start;
	lines->taken += *len + 1;
	return 0;
}

static struct json_object *parse_json(const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct json_object *object = NULL;

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	/* With the NUL behind it: it says where the text ends. */
	object = json_tokener_parse_ex(tokener, line, (int)len + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) < len) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	return object;
}

static bool set_verb(struct control_request *request, const char *name)
{
	for (int i = 0; i < CONTROL_NR_VERBS; i++) {
		if (strcmp(control_verbs[i].name, name))
			continue;
		request->verb = i;
		return true;
	}
	return false;
}

static int read_request(struct json_object *object,
			struct control_request *request, const char **why)
{
	struct json_object *version, *verb, *dry_run;
	bool has_dry_run;

	*why = "want {\"bpfcopy\":1,\"verb\":\"...\"}; the version is missing";
	if (!json_object_object_get_ex(object, "bpfcopy", &version) ||
	    !json_object_is_type(version, json_type_int))
		return -EINVAL;
	*why = "another version of the protocol than 1";
	if (json_object_get_int64(version) != CONTROL_VERSION)
		return -EINVAL;
	*why = "no such verb; {\"bpfcopy\":1,\"verb\":\"describe\"} lists them";
	if (!json_object_object_get_ex(object, "verb", &verb) ||
	    !json_object_is_type(verb, json_type_string) ||
	    !set_verb(request, json_object_get_string(verb)))
		return -EINVAL;
	has_dry_run = json_object_object_get_ex(object, "dry_run", &dry_run);
	*why = "dry_run is true or false, and not for every verb";
	if (has_dry_run && (!json_object_is_type(dry_run, json_type_boolean) ||
			    !control_verbs[request->verb].dry_run))
		return -EINVAL;
	request->dry_run = has_dry_run && json_object_get_boolean(dry_run);
	*why = "an unknown key";
	return json_object_object_length(object) == 2 + has_dry_run ? 0 :
								      -EINVAL;
}

int control_parse(const char *line, size_t len, struct control_request *request,
		  const char **why)
{
	struct json_object *object = NULL;
	int err = -EINVAL;

	*request = (struct control_request){};
	*why = "not a JSON object in one line";
	if (!memchr(line, '\0', len))
		object = parse_json(line, len);
	if (json_object_is_type(object, json_type_object))
		err = read_request(object, request, why);
	json_object_put(object);
	return err;
}

struct json_object *control_reply(bool ok)
{
	struct json_object *reply = json_object_new_object();

	json_object_object_add(reply, "bpfcopy",
			       json_object_new_int(CONTROL_VERSION));
	json_object_object_add(reply, "ok", json_object_new_boolean(ok));
	return reply;
}
