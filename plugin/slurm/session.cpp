// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/slurm/session.h"

#include <cerrno>
#include <cstdlib>

#include "plugin/slurm/handles.h"

// libslurm exports what it read from slurm.conf; the type is public, the variable is not in a public header.
extern "C" slurm_conf_t slurm_conf;

namespace weir::slurm {
namespace {

std::string text(const char* value) {
    return value != nullptr ? value : "";
}

}  // namespace

Session::Session() {
    // Without it, long lists of array tasks come back cut short ("1-5,7,...").
    setenv("SLURM_BITSTR_LEN", "0", 1);
    slurm_init(nullptr);
}
Session::~Session() {
    slurm_fini();
}

std::string Session::configuration_file() const {
    return text(::slurm_conf.slurm_conf);
}
std::string Session::state_directory() const {
    return text(::slurm_conf.state_save_location);
}
std::string Session::controller_log() const {
    return text(::slurm_conf.slurmctld_logfile);
}
std::string Session::cluster() const {
    return text(::slurm_conf.cluster_name);
}
std::uint32_t Session::slurm_user() const {
    return ::slurm_conf.slurm_user_id;
}

std::string last_error() {
    return slurm_strerror(errno);
}

}  // namespace weir::slurm
