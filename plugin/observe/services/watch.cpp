// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/services/watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "plugin/net/http.h"

namespace weir::observe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr net::Bounds kSignalBounds{std::chrono::milliseconds(5'000), std::size_t{1} << 20};
constexpr net::Bounds kProbeBounds{std::chrono::milliseconds(2'000), std::size_t{64} << 10};
constexpr std::size_t kAtOnce = 64;
constexpr int kSlowOnes = 3;  // a replica that is busy may be slow to say that it is ready
constexpr std::chrono::milliseconds kProbePeriod{1'000};
constexpr Duration kDay{24 * 3600};

Time this_second() {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

}  // namespace

// One address to ask, and whose it is.
struct ServiceWatch::Question {
    enum class Kind { kSignal, kDayBefore, kWeekBefore, kProbe };
    Kind kind = Kind::kSignal;
    std::string url;
    ServiceSource source;
    std::size_t signal = 0;
    JobId job;
};

std::string query_url(const std::string& prometheus, const std::string& query) {
    return prometheus + "/api/v1/query?query=" + net::encoded(query);
}

ServiceWatch::ServiceWatch() : thread_([this] { run(); }) {}

ServiceWatch::~ServiceWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void ServiceWatch::use(std::vector<ServiceSource> sources) {
    {
        const std::lock_guard lock(mutex_);
        std::map<std::string, Asked> next;
        for (ServiceSource& source : sources) {
            const auto known = services_.find(source.service);
            if (known != services_.end() && known->second.source == source) {
                next.insert(services_.extract(known));
                continue;
            }
            Asked asked;
            asked.look.service = source.service;
            asked.look.signals.resize(source.signals.size());
            asked.source = std::move(source);
            next.emplace(asked.look.service, std::move(asked));
        }
        services_ = std::move(next);
        fresh_ = true;
    }
    changed_.notify_all();
}

void ServiceWatch::use(std::vector<ProbeTarget> targets) {
    const std::lock_guard lock(mutex_);
    std::map<JobId, Probed> next;
    for (ProbeTarget& target : targets) {
        const auto known = probes_.find(target.job);
        if (known != probes_.end() && known->second.target == target) {
            next.insert(probes_.extract(known));
            continue;
        }
        fresh_ = true;
        const JobId job = target.job;
        next.emplace(job, Probed{std::move(target)});
    }
    probes_ = std::move(next);
    if (fresh_) changed_.notify_all();
}

std::vector<ServiceLook> ServiceWatch::look() const {
    const std::lock_guard lock(mutex_);
    std::vector<ServiceLook> looks;
    for (const auto& [name, asked] : services_) {
        looks.push_back(asked.look);
        for (const auto& [job, probed] : probes_)
            if (probed.known && probed.target.service == name)
                looks.back().probes.push_back({job, probed.ready});
    }
    return looks;
}

bool ServiceWatch::stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
}

void ServiceWatch::run() {
    while (true) {
        {
            std::unique_lock lock(mutex_);
            const auto rest = services_.empty() ? std::chrono::hours(1) : kProbePeriod;
            changed_.wait_for(lock, rest, [&] { return stopped_ || fresh_; });
            if (stopped_) return;
            fresh_ = false;
        }
        const std::vector<Question> questions = due_questions();
        for (const bool probes : {true, false}) {
            std::vector<std::string> urls;
            std::vector<const Question*> asked;
            for (const Question& question : questions) {
                if ((question.kind == Question::Kind::kProbe) != probes) continue;
                urls.push_back(question.url);
                asked.push_back(&question);
            }
            net::get_all(
                urls, probes ? kProbeBounds : kSignalBounds, kAtOnce,
                [&](std::size_t index, const Result<std::string>& answer) { take(*asked[index], answer); },
                [&] { return stopped(); });
        }
    }
}

std::vector<ServiceWatch::Question> ServiceWatch::due_questions() {
    using Kind = Question::Kind;
    const std::lock_guard lock(mutex_);
    std::vector<Question> questions;
    for (const auto& [job, probed] : probes_)
        questions.push_back({Kind::kProbe, probed.target.url, {}, 0, job});
    for (auto& [name, asked] : services_) {
        if (Clock::now() < asked.due) continue;
        asked.due = Clock::now() + asked.source.period - std::chrono::milliseconds(100);
        for (std::size_t i = 0; i < asked.source.signals.size(); ++i)
            questions.push_back({Kind::kSignal, asked.source.signals[i].url, asked.source, i, {}});
        if (asked.source.prediction.empty()) continue;
        for (const auto& [kind, before] :
             {std::pair(Kind::kDayBefore, kDay), {Kind::kWeekBefore, 7 * kDay}}) {
            const Time then = this_second() + asked.source.ahead - before;
            questions.push_back({kind,
                                 asked.source.prediction + std::to_string(then.time_since_epoch().count()),
                                 asked.source,
                                 0,
                                 {}});
        }
    }
    return questions;
}

// The larger load of the two that are known counts.
void ServiceWatch::take_load(Asked& asked, bool week, const Result<double>& load) {
    (week ? asked.week_before : asked.day_before) =
        load && std::isfinite(*load) && *load >= 0 ? std::optional(*load) : std::nullopt;
    asked.look.predicted = std::max(asked.day_before, asked.week_before);
    asked.look.prediction_problem = asked.look.predicted ? ""
                                    : load               ? "the load then was no number"
                                                         : load.error().message;
}

void ServiceWatch::take(const Question& question, const Result<std::string>& answer) {
    const std::lock_guard lock(mutex_);
    if (question.kind == Question::Kind::kProbe) {
        const auto found = probes_.find(question.job);
        if (found == probes_.end() || found->second.target.url != question.url) return;
        Probed& probed = found->second;
        probed.slow = !answer && answer.error().code == net::kTooSlow ? probed.slow + 1 : 0;
        if (probed.known && probed.slow > 0 && probed.slow < kSlowOnes) return;
        probed.known = true;
        probed.ready = answer.has_value();
        return;
    }
    const auto found = services_.find(question.source.service);
    if (found == services_.end() || found->second.source != question.source) return;
    const auto read = [&](bool prometheus, const std::string& pointer) -> Result<double> {
        if (!answer) return tl::make_unexpected(answer.error());
        return prometheus ? read_one_value(*answer) : read_json_number(*answer, pointer);
    };
    if (question.kind != Question::Kind::kSignal)
        return take_load(found->second, question.kind == Question::Kind::kWeekBefore, read(true, ""));
    const SignalSource& source = question.source.signals[question.signal];
    SignalLook& signal = found->second.look.signals[question.signal];
    const auto value = read(source.prometheus, source.pointer);
    signal.problem = value ? "" : value.error().message;
    if (!value) return;
    signal.before = signal.latest;
    signal.latest = Sample{this_second(), *value};
}

}  // namespace weir::observe
