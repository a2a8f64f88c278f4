// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: any bytes are a file of the configuration.  What is parsed is
 * resolved for a device, and what is promised about the result is checked.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct conf_identity disk = {
	.name = "nvme0n1",
	.model = "SAMSUNG PM9A3 1.92TB",
	.serial = "S64FNE0R",
	.transport = "pcie",
	.stack = "none",
	.by_id = (char *[]){ "nvme-eui.0025385b71b0", NULL },
	.block_bytes = 4096,
	.copy_max_hw_bytes = 8 << 20,
};

static void want(bool promise)
{
	if (!promise)
		abort();
}

/* Nothing that a terminal obeys, and a place that there is. */
static void check_diags(const struct conf *conf, const char *printed)
{
	const struct conf_diag *diags;
	size_t nr, errors = 0;

	for (const char *c = printed; *c; c++)
		want((*c >= ' ' && *c <= '~') || *c == '\n');
	diags = conf_diags(conf, &nr);
	for (size_t i = 0; i < nr; i++) {
		errors += diags[i].severity == CONF_ERROR;
		want(diags[i].line && diags[i].col && *diags[i].text);
		want(!i || diags[i - 1].line <= diags[i].line);
	}
	want(errors == conf_errors(conf) || nr == 1000);
}

static void print_diags(const struct conf *conf)
{
	const struct conf_diag *diags;
	char *printed = NULL;
	size_t nr, len;
	FILE *f = open_memstream(&printed, &len);

	want(f);
	diags = conf_diags(conf, &nr);
	for (size_t i = 0; i < nr; i++)
		conf_diag_print(f, &diags[i]);
	fclose(f);
	check_diags(conf, printed);
	free(printed);
}

static void check_setting(const struct conf_setting *s)
{
	size_t won = 0;

	want(s->nr_said > 0);
	for (size_t i = 0; i < s->nr_said; i++) {
		won += s->said[i].verdict == CONF_WON;
		want(s->said[i].verdict != CONF_WON || !i);
		want(s->said[i].line > 0);
	}
	want(won <= 1);
	want(won || !s->value);
}

static void resolve(const struct conf *conf)
{
	struct conf_resolved *r;

	want(!conf_resolve(conf, &disk, &r));
	for (size_t i = 0; i < r->nr_settings; i++)
		check_setting(&r->settings[i]);
	if (r->copy_max_bytes != CONF_NONE) {
		want(r->mode == CONF_ENFORCE);
		want(r->copy_max_bytes <= disk.copy_max_hw_bytes);
		want(r->copy_max_bytes % disk.block_bytes == 0);
	}
	want(r->mode != CONF_OFF || (!r->policy && !r->nr_params));
	want(r->policy || !r->nr_params);
	for (size_t i = 0; i < r->nr_params; i++)
		want(*r->params[i].key && *r->params[i].value);
	conf_resolved_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = conf_new();

	want(conf);
	want(!conf_parse(conf, "fuzz.conf", (const char *)data, size));
	conf_sort_diags(conf);
	print_diags(conf);
	if (!conf_errors(conf))
		resolve(conf);
	conf_free(conf);
	return 0;
}
