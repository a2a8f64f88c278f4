/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: tracepoints, /sys/kernel/tracing/events/nvme_debug.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvme_debug

#if !defined(NVME_DEBUG_TRACEPOINT_H) || defined(TRACE_HEADER_MULTI_READ)
#define NVME_DEBUG_TRACEPOINT_H

#include <linux/tracepoint.h>

#include "nvme-debug.h"

/*
 * What the controller did, once for each command, when it completes: to be
 * compared with what the host thinks (events/nvme), by controller, queue and
 * command id. Time is that of the model, 0 if it takes none.
 */
TRACE_EVENT(nvme_debug_command,
	TP_PROTO(const struct ndbg_cmd *cmd, u16 status),
	TP_ARGS(cmd, status),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u16, cntlid)
		__field(u16, qid)
		__field(u16, cid)
		__field(u8, opcode)
		__field(u32, nsid)
		__field(u16, status)
		__field(u32, dw0)
		__field(u64, bytes)
		__field(u32, ranges)
		__field(u64, modelled)
	),
	TP_fast_assign(
		const struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

		__entry->instance = ctrl->ctrl.instance;
		__entry->cntlid = ctrl->cntlid;
		__entry->qid = cmd->queue->qid;
		__entry->cid = cmd->sqe.common.command_id;
		__entry->opcode = cmd->sqe.common.opcode;
		__entry->nsid = le32_to_cpu(cmd->sqe.common.nsid);
		__entry->status = status;
		__entry->dw0 = le32_to_cpu(cmd->result.u32);
		__entry->bytes = cmd->bytes;
		__entry->ranges = cmd->ranges;
		__entry->modelled = cmd->modelled;
	),
	TP_printk("nvme%d: cntlid=%u qid=%u cmdid=%u opcode=%#x nsid=%u status=%#x dw0=%#x bytes=%llu ranges=%u modelled=%llu",
		  __entry->instance, __entry->cntlid, __entry->qid,
		  __entry->cid, __entry->opcode, __entry->nsid,
		  __entry->status, __entry->dw0, __entry->bytes,
		  __entry->ranges, __entry->modelled)
);

#endif /* NVME_DEBUG_TRACEPOINT_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE tracepoint
#include <trace/define_trace.h>
