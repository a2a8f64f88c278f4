// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the host memory of a command.
 *
 * What a PCI controller would reach by PRPs or SGLs is reached through the
 * request: its bios, or the payload a driver has put into it (Dataset
 * Management, Copy).
 *
 * A block and its tuple of protection information are one on the wire. A command
 * that was passed through has them so in its memory; the block layer keeps tuples
 * apart, in the integrity payload of its bios.
 */
#include <linux/bio.h>
#include <linux/bio-integrity.h>
#include <linux/blk-integrity.h>
#include <linux/bvec.h>
#include <linux/crc-t10dif.h>
#include <linux/highmem.h>

#include "nvme-debug.h"

/* What the host keeps the tuples of a bio's blocks in, apart from these. */
static void ndbg_data_set_bio(struct ndbg_data *data, struct bio *bio)
{
	struct bio_integrity_payload *bip;

	data->bio = bio;
	if (!data->tuples) {
		data->bvecs = bio->bi_io_vec;
		data->iter = bio->bi_iter;
		return;
	}
	bip = bio_integrity(bio);
	data->bvecs = bip->bip_vec;
	data->iter = bip->bip_iter;
}

static size_t ndbg_tuples_len(struct request *rq)
{
	struct ndbg_data data = { .tuples = true };
	struct bio *bio = rq->bio;
	size_t len = 0;

	if (!blk_integrity_rq(rq))
		return 0;
	for_each_bio(bio) {
		ndbg_data_set_bio(&data, bio);
		len += data.iter.bi_size;
	}
	return len;
}

/**
 * ndbg_data_len - bytes of host memory that go with a command
 * @cmd: a command
 *
 * Return: bytes, with tuples wherever they are; 0 for Write Zeroes, whose request
 * has a length but no data.
 */
size_t ndbg_data_len(struct ndbg_cmd *cmd)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);

	return blk_rq_nr_phys_segments(rq) ?
		       blk_rq_payload_bytes(rq) + ndbg_tuples_len(rq) : 0;
}

/**
 * ndbg_data_init - start at the first byte
 * @data: cursor
 * @cmd: a command; the cursor is good until it completes
 */
void ndbg_data_init(struct ndbg_data *data, struct ndbg_cmd *cmd)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);

	*data = (struct ndbg_data) { };
	if (rq->rq_flags & RQF_SPECIAL_PAYLOAD) {
		data->bvecs = &rq->special_vec;
		data->iter.bi_size = rq->special_vec.bv_len;
	} else if (rq->bio) {
		ndbg_data_set_bio(data, rq->bio);
	}
}

/**
 * ndbg_host_init - start at the first block
 * @host: cursor over blocks and, unless PRACT is set, their tuples
 * @cmd: a command that has no special payload
 * @pi: what it says of protection information, NULL if there is none
 */
void ndbg_host_init(struct ndbg_host *host, struct ndbg_cmd *cmd,
		    const struct ndbg_pi *pi)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);

	ndbg_data_init(&host->data, cmd);
	host->pi = pi;
	host->tuples = NULL;
	if (!pi || (pi->prinfo & NDBG_PI_ACT))
		return;
	host->tuples = &host->data;
	if (!blk_integrity_rq(rq))
		return;
	host->tuples = &host->apart;
	host->apart.tuples = true;
	ndbg_data_set_bio(&host->apart, rq->bio);
}

/* The next piece that lies in one page, at most @len bytes of it. */
static struct bio_vec ndbg_data_next(struct ndbg_data *data, size_t len)
{
	struct bio_vec bv;

	if (!data->iter.bi_size)
		ndbg_data_set_bio(data, data->bio->bi_next);
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

/**
 * ndbg_data_crc - guard of what the host has
 * @data: cursor, moves on by @len
 * @len: bytes; no more than the command has left
 */
u16 ndbg_data_crc(struct ndbg_data *data, size_t len)
{
	u16 crc = 0;

	while (len) {
		struct bio_vec bv = ndbg_data_next(data, len);
		void *host = bvec_kmap_local(&bv);

		crc = crc_t10dif_update(crc, host, bv.bv_len);
		kunmap_local(host);
		len -= bv.bv_len;
	}
	return crc;
}
