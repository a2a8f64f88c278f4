// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the host memory of a command.
 *
 * What a PCI controller would reach by PRPs or SGLs is reached through the
 * request: its bios, or the payload a driver has put into it (Dataset
 * Management, Copy).
 */
#include <linux/bio.h>
#include <linux/bvec.h>
#include <linux/highmem.h>

#include "nvme-debug.h"

/**
 * ndbg_data_len - bytes of host memory that go with a command
 * @cmd: a command
 *
 * Return: bytes; 0 for Write Zeroes, whose request has a length but no data.
 */
size_t ndbg_data_len(struct ndbg_cmd *cmd)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);

	return blk_rq_nr_phys_segments(rq) ? blk_rq_payload_bytes(rq) : 0;
}

/**
 * ndbg_data_init - start at the first byte
 * @data: cursor
 * @cmd: a command; the cursor is good until it completes
 */
void ndbg_data_init(struct ndbg_data *data, struct ndbg_cmd *cmd)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);

	if (rq->rq_flags & RQF_SPECIAL_PAYLOAD) {
		data->bio = NULL;
		data->bvecs = &rq->special_vec;
		data->iter = (struct bvec_iter) {
			.bi_size = rq->special_vec.bv_len,
		};
		return;
	}
	data->bio = rq->bio;
	data->bvecs = rq->bio ? rq->bio->bi_io_vec : NULL;
	data->iter = rq->bio ? rq->bio->bi_iter : (struct bvec_iter) { };
}

/* The next piece that lies in one page, at most @len bytes of it. */
static struct bio_vec ndbg_data_next(struct ndbg_data *data, size_t len)
{
	struct bio_vec bv;

	if (!data->iter.bi_size) {
		data->bio = data->bio->bi_next;
		data->bvecs = data->bio->bi_io_vec;
		data->iter = data->bio->bi_iter;
	}
	bv = bvec_iter_bvec(data->bvecs, data->iter);
	bv.bv_len = min_t(size_t, bv.bv_len, len);
	bvec_iter_advance_single(data->bvecs, &data->iter, bv.bv_len);
	return bv;
}

/**
 * ndbg_data_put - controller to host
 * @data: cursor, moves on by @len
 * @from: controller memory
 * @len: bytes; no more than the command has left
 */
void ndbg_data_put(struct ndbg_data *data, const void *from, size_t len)
{
	while (len) {
		struct bio_vec bv = ndbg_data_next(data, len);

		memcpy_to_bvec(&bv, from);
		from += bv.bv_len;
		len -= bv.bv_len;
	}
}

/**
 * ndbg_data_get - host to controller
 * @data: cursor, moves on by @len
 * @to: controller memory
 * @len: bytes; no more than the command has left
 */
void ndbg_data_get(struct ndbg_data *data, void *to, size_t len)
{
	while (len) {
		struct bio_vec bv = ndbg_data_next(data, len);

		memcpy_from_bvec(to, &bv);
		to += bv.bv_len;
		len -= bv.bv_len;
	}
}

/**
 * ndbg_data_zero - zeroes to host
 * @data: cursor, moves on by @len
 * @len: bytes; no more than the command has left
 */
void ndbg_data_zero(struct ndbg_data *data, size_t len)
{
	while (len) {
		struct bio_vec bv = ndbg_data_next(data, len);

		memzero_bvec(&bv);
		len -= bv.bv_len;
	}
}

/**
 * ndbg_data_flip - change one bit
 * @data: cursor
 * @offset: of the byte, from where the cursor is; the command has it
 */
void ndbg_data_flip(struct ndbg_data *data, size_t offset)
{
	struct bio_vec bv = ndbg_data_next(data, offset + 1);
	u8 *host;

	while (bv.bv_len <= offset) {
		offset -= bv.bv_len;
		bv = ndbg_data_next(data, offset + 1);
	}
	host = bvec_kmap_local(&bv);
	host[offset] ^= 1;
	kunmap_local(host);
}

/**
 * ndbg_data_equal - has the host what the controller has?
 * @data: cursor, moves on by @len if so
 * @from: controller memory
 * @len: bytes; no more than the command has left
 */
bool ndbg_data_equal(struct ndbg_data *data, const void *from, size_t len)
{
	while (len) {
		struct bio_vec bv = ndbg_data_next(data, len);
		void *host = bvec_kmap_local(&bv);
		bool equal = !memcmp(host, from, bv.bv_len);

		kunmap_local(host);
		if (!equal)
			return false;
		from += bv.bv_len;
		len -= bv.bv_len;
	}
	return true;
}
