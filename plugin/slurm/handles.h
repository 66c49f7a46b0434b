// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#include <memory>

namespace weir::slurm {

// A C object and the library's own way to free it.
template <class T, auto free_function>
struct Freed {
    void operator()(T* object) const noexcept { free_function(object); }
};
template <class T, auto free_function>
using Handle = std::unique_ptr<T, Freed<T, free_function>>;

using JobsMessage = Handle<job_info_msg_t, slurm_free_job_info_msg>;
using NodesMessage = Handle<node_info_msg_t, slurm_free_node_info_msg>;
using PartitionsMessage = Handle<partition_info_msg_t, slurm_free_partition_info_msg>;
using ReservationsMessage = Handle<reserve_info_msg_t, slurm_free_reservation_info_msg>;
using TopologyMessage = Handle<topo_info_response_msg_t, slurm_free_topo_info_msg>;
using ArrayResponse = Handle<job_array_resp_msg_t, slurm_free_job_array_resp>;

}  // namespace weir::slurm
