// SPDX-License-Identifier: GPL-2.0
#include "rules.h"

#include <errno.h>

#include "config.h"

int rules_load(struct conf **conf,
	       void (*tell)(void *data, const struct conf_diag *diag),
	       void *data)
{
	const struct options none = {};
	const struct conf_diag *diags;
	size_t nr;
	int err = config_load(&none, NULL, 0, conf);

	if (err && err != -EINVAL)
		return err;
	diags = conf_diags(*conf, &nr);
	for (size_t i = 0; i < nr; i++)
		tell(data, &diags[i]);
	if (err) {
		conf_free(*conf);
		*conf = NULL;
	}
	return err;
}
