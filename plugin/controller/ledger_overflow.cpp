// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <tuple>

#include "plugin/controller/ledger_parts.h"

namespace weir::controller::ledger_parts {
namespace {

using json = nlohmann::ordered_json;

std::int64_t unix_time(Time time) {
    return time.time_since_epoch().count();
}

json nomination_to_json(const Nomination& one) {
    return {
        {"job", one.job.value},
        {"submitted", unix_time(one.submitted)},
        {"label", one.label},
        {"user", one.user},
        {"site", one.site},
        {"partition", one.partition},
        {"home", one.home},
        {"budget", one.budget},
        {"since", unix_time(one.since)},
        {"restarts", one.restarts},
        {"limit", one.limit.count()},
        {"home_start", optional_time(one.home_start)},
        {"gpus", one.gpus},
        {"worst_micros", one.worst.value},
        {"egress", one.egress.value},
        {"vouchers", list_of(one.vouchers,
                             [](const VoucherShare& share) {
                                 return json{{"voucher", share.voucher}, {"gpu_seconds", share.amount.value}};
                             })},
        {"why", one.why},
        {"confirmed", one.confirmed},
        {"started_with", one.started_with ? json(*one.started_with) : json(nullptr)},
        {"extended", one.extended},
        {"settled", one.settled},
        {"back", one.back},
        {"gone", optional_time(one.gone)}};
}

Nomination nomination_from_json(const json& object) {
    Nomination one;
    one.job = JobId{object.at("job").get<std::uint32_t>()};
    one.submitted = time_of(object.at("submitted"));
    one.label = object.at("label");
    one.user = object.at("user");
    one.site = object.at("site");
    one.partition = object.at("partition");
    one.home = object.at("home").get<std::vector<std::string>>();
    one.budget = object.at("budget");
    one.since = time_of(object.at("since"));
    one.restarts = object.at("restarts").get<std::uint32_t>();
    one.limit = Duration(object.at("limit").get<std::int64_t>());
    one.home_start = optional_time_of(object, "home_start");
    one.gpus = object.value("gpus", 0);  // of before it was noted: reckoned anew once it is at the site
    one.worst = Money{object.at("worst_micros").get<std::int64_t>()};
    one.egress = Bytes{object.value("egress", std::int64_t{0})};  // likewise
    for (const json& share : object.at("vouchers"))
        one.vouchers.push_back(
            {share.at("voucher"), GpuSeconds{share.at("gpu_seconds").get<std::int64_t>()}});
    one.why = object.at("why");
    one.confirmed = object.at("confirmed");
    if (const json& started = object.at("started_with"); !started.is_null())
        one.started_with = started.get<std::uint32_t>();
    one.extended = object.at("extended");
    one.settled = object.at("settled");
    one.back = object.at("back");
    one.gone = optional_time_of(object, "gone");
    return one;
}

json spending_to_json(const Spending& one) {
    return {{"budget", one.budget},
            {"site", one.site},
            {"day", one.day},
            {"micros", one.spent.value},
            {"gpu_seconds", one.work.value}};
}

Spending spending_from_json(const json& object) {
    return {object.at("budget"), object.at("site"), object.at("day").get<std::int64_t>(),
            Money{object.at("micros").get<std::int64_t>()},
            GpuSeconds{object.at("gpu_seconds").get<std::int64_t>()}};
}

void sort_overflow(Overflow& all) {
    const auto job_and_label = [](const auto& one) { return std::tie(one.job, one.label); };
    std::ranges::sort(all.nominations, {}, job_and_label);
    std::ranges::sort(all.rests, {}, job_and_label);
    std::ranges::sort(all.leanings, {}, [](const Leaning& one) { return std::tie(one.job, one.site); });
    std::ranges::sort(all.vouchers, {},
                      [](const VoucherUse& one) { return std::tie(one.site, one.voucher); });
    std::ranges::sort(all.spendings, {},
                      [](const Spending& one) { return std::tie(one.budget, one.site, one.day); });
    std::ranges::sort(all.settled, {}, [](const Settled& one) { return std::tie(one.site, one.ledger); });
}

}  // namespace

json overflow_to_json(const Overflow& overflow) {
    return {
        {"installation", overflow.installation},
        {"nominations", list_of(overflow.nominations, nomination_to_json)},
        {"leanings",
         list_of(overflow.leanings,
                 [](const Leaning& one) {
                     return json{{"job", one.job.value}, {"site", one.site}, {"since", unix_time(one.since)}};
                 })},
        {"rests", list_of(overflow.rests,
                          [](const JobRest& one) {
                              return json{{"job", one.job.value},
                                          {"label", one.label},
                                          {"until", unix_time(one.until)},
                                          {"why", one.why}};
                          })},
        {"vouchers",
         list_of(
             overflow.vouchers,
             [](const VoucherUse& one) {
                 return json{{"site", one.site}, {"voucher", one.voucher}, {"gpu_seconds", one.used.value}};
             })},
        {"spendings", list_of(overflow.spendings, spending_to_json)},
        {"settled", list_of(overflow.settled, [](const Settled& one) {
             return json{{"site", one.site}, {"sequence", one.sequence}, {"ledger", one.ledger}};
         })}};
}

Overflow overflow_from_json(const json& object) {
    Overflow all;
    all.installation = object.at("installation");
    for (const json& one : object.at("nominations")) all.nominations.push_back(nomination_from_json(one));
    for (const json& one : object.at("leanings"))
        all.leanings.push_back(
            {JobId{one.at("job").get<std::uint32_t>()}, one.at("site"), time_of(one.at("since"))});
    for (const json& one : object.at("rests"))
        all.rests.push_back({JobId{one.at("job").get<std::uint32_t>()}, one.at("label"),
                             time_of(one.at("until")), one.at("why")});
    for (const json& one : object.at("vouchers"))
        all.vouchers.push_back(
            {one.at("site"), one.at("voucher"), GpuSeconds{one.at("gpu_seconds").get<std::int64_t>()}});
    for (const json& one : object.at("spendings")) all.spendings.push_back(spending_from_json(one));
    for (const json& one : object.at("settled"))
        all.settled.push_back(
            {one.at("site"), one.at("sequence").get<std::uint64_t>(), one.value("ledger", std::string())});
    sort_overflow(all);
    return all;
}

}  // namespace weir::controller::ledger_parts
