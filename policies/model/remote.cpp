// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/remote.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir {
namespace {

// Where a job's entry stands in a list by (job, label), or would.
template <class List>
auto place_of(List& list, JobId job, const std::string& label) {
    return std::ranges::lower_bound(list, std::tie(job, label), {},
                                    [](const auto& one) { return std::tie(one.job, one.label); });
}

template <class List, class Place>
bool is_at(const List& list, Place place, JobId job, const std::string& label) {
    return place != list.end() && place->job == job && place->label == label;
}

template <class List, class Entry>
void put(List& list, Entry entry) {
    const auto place = place_of(list, entry.job, entry.label);
    if (is_at(list, place, entry.job, entry.label))
        *place = std::move(entry);
    else
        list.insert(place, std::move(entry));
}

}  // namespace

const char* to_text(RunStage stage) {
    switch (stage) {
    case RunStage::kStaging:
        return "staging";
    case RunStage::kSubmitting:
        return "submitting";
    case RunStage::kWaiting:
        return "waiting";
    case RunStage::kRunning:
        return "running";
    case RunStage::kFetching:
        return "fetching";
    case RunStage::kWithdrawing:
        return "withdrawing";
    case RunStage::kUnknown:
        return "unknown";
    case RunStage::kFinished:
        break;
    }
    return "finished";
}

std::uint64_t settled_sequence(const std::vector<Settled>& settled, const std::string& site,
                               const std::string& ledger) {
    std::optional<std::uint64_t> least;
    for (const Settled& one : settled) {
        if (one.site != site) continue;
        if (!ledger.empty() && one.ledger == ledger) return one.sequence;
        if (ledger.empty() || one.ledger.empty())
            least = std::min(least.value_or(one.sequence), one.sequence);
    }
    return least.value_or(0);
}

const Nomination* find_nomination(const Overflow& overflow, JobId job, const std::string& label) {
    const auto place = place_of(overflow.nominations, job, label);
    return is_at(overflow.nominations, place, job, label) ? &*place : nullptr;
}

Nomination* find_nomination(Overflow& overflow, JobId job, const std::string& label) {
    return const_cast<Nomination*>(find_nomination(std::as_const(overflow), job, label));
}

void set_nomination(Overflow& overflow, Nomination nomination) {
    put(overflow.nominations, std::move(nomination));
}

void drop_nomination(Overflow& overflow, JobId job, const std::string& label) {
    const auto place = place_of(overflow.nominations, job, label);
    if (is_at(overflow.nominations, place, job, label)) overflow.nominations.erase(place);
}

const JobRest* find_rest(const Overflow& overflow, JobId job, const std::string& label) {
    const auto place = place_of(overflow.rests, job, label);
    return is_at(overflow.rests, place, job, label) ? &*place : nullptr;
}

void set_rest(Overflow& overflow, JobRest rest) {
    put(overflow.rests, std::move(rest));
}

}  // namespace weir
