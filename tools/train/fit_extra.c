// SPDX-License-Identifier: Apache-2.0
/* What a checkpoint holds beside floats and momenta: residues of compressed gradients, or integers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/fit_run.h"
#include "train/mem.h"

size_t mea_fit_own_extra(const struct run *r)
{
	const struct mea_params *p = r->f->net->params;

	return r->compress ? mea_params_trained(p) * sizeof(float) : mea_grids_bytes(p);
}

int mea_fit_open_extra(struct run *r)
{
	size_t ranks = (size_t)mea_team_ranks(r->f->team);
	struct mea_fit *f = r->f;
	int rc = 0;

	if (f->recipe->compress.kind != MEA_COMPRESS_NONE)
		rc = mea_compress_new(&f->recipe->compress, f->net->params, f->team, &r->compress);
	if (rc || !r->compress)
		return rc;
	r->extra_bytes = calloc(ranks, sizeof(*r->extra_bytes));
	return r->extra_bytes ? mea_fit_extra(r) : mea_nomem();
}

int mea_fit_extra(struct run *r)
{
	size_t bytes = (size_t)mea_team_ranks(r->f->team) * mea_fit_own_extra(r);

	if (bytes && !r->extra)
		r->extra = mea_mem_new(MEA_MEM_RESIDUES, bytes);
	return r->extra || !bytes ? 0 : mea_nomem();
}

void mea_fit_extra_done(struct run *r)
{
	if (r->compress)
		return;
	mea_mem_free(r->extra);
	r->extra = NULL;
}

int mea_fit_collect(struct run *r)
{
	size_t own = mea_fit_own_extra(r);
	int rc = mea_fit_extra(r);

	if (rc)
		return rc;
	if (r->compress)
		return mea_team_gather(r->f->team, own, mea_compress_residues(r->compress),
				       r->extra_bytes, r->extra,
				       (size_t)mea_team_ranks(r->f->team) * own);
	if (own)
		mea_grids_save(r->f->net->params, r->extra);
	return 0;
}

int mea_fit_spread(struct run *r)
{
	size_t own = mea_fit_own_extra(r);
	int rc;

	if (!r->compress)
		return own && r->resumed ? mea_grids_load(r->f->net->params, r->extra) : 0;
	rc = mea_team_share(r->f->team, (size_t)mea_team_ranks(r->f->team) * own, r->extra);
	if (!rc)
		memcpy(mea_compress_residues(r->compress),
		       (char *)r->extra + (size_t)mea_team_rank(r->f->team) * own, own);
	return rc;
}
