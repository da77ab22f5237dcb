// SPDX-License-Identifier: Apache-2.0
/* The device's log of a job, with what the plan's commands mean. */
#include "backend/accel/accel.h"

#include "base/error.h"

#include <stdlib.h>

int mea_accel_log_begin(struct mea_exec *e, struct mea_accel_log *log)
{
	struct mea_device *dev = mea_accel_device(e);

	if (!dev->ops->log)
		return mea_fail(MEA_EUNSUPPORTED,
				"%s does not tell what its engines do; the simulator does: "
				"--device sim",
				dev->name);
	dev->ops->log(dev, &log->device);
	return 0;
}

/* Whether each command is complete and one of the plan's. */
static int check(const struct mea_plan *p, const struct mea_device_log *l)
{
	if (l->incomplete)
		return mea_fail(MEA_EDEVICE, "the log of the device's engines is not whole");
	for (size_t i = 0; i < l->n_commands; i++)
		if (!l->command[i].end || l->command[i].index >= (uint32_t)p->n_cmd)
			return mea_fail(MEA_EDEVICE, "command %u is not complete",
					l->command[i].index);
	return 0;
}

int mea_accel_log_end(struct mea_exec *e, struct mea_accel_log *log)
{
	struct mea_device *dev = mea_accel_device(e);
	const struct mea_plan *p = mea_accel_plan(e);
	uint32_t complete[MEA_QUEUES] = {0};
	int rc;

	dev->ops->log(dev, NULL);
	rc = check(p, &log->device);
	if (rc)
		return rc;
	log->command = calloc(log->device.n_commands + 1, sizeof(*log->command));
	if (!log->command)
		return mea_nomem();
	for (size_t i = 0; i < log->device.n_commands; i++) {
		const struct mea_log_command *c = &log->device.command[i];
		struct mea_accel_command *out = &log->command[i];

		out->log = *c;
		out->next = c->begin > complete[c->queue] ? c->begin : complete[c->queue];
		complete[c->queue] = c->end;
		mea_command_decode(&dev->hw, p->cmd[c->index], &out->is);
	}
	return 0;
}

void mea_accel_log_free(struct mea_accel_log *log)
{
	mea_device_log_free(&log->device);
	free(log->command);
	log->command = NULL;
}
