// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugin/observe/services/answers.h"
#include "policies/model/snapshot.h"

namespace weir::observe {

// A signal's whole address, and how its answer is read.
struct SignalSource {
    std::string url;
    bool prometheus = false;  // else a JSON document
    std::string pointer;

    bool operator==(const SignalSource&) const = default;
};

// What is asked about a service. The address of a prediction ends where its time follows.
struct ServiceSource {
    std::string service;
    Duration period{};
    std::vector<SignalSource> signals;
    std::string prediction;  // empty: none
    Duration ahead{};

    bool operator==(const ServiceSource&) const = default;
};

// Where Prometheus answers a query: "URL/api/v1/query?query=...".
std::string query_url(const std::string& prometheus, const std::string& query);

// A replica that is asked whether it is ready.
struct ProbeTarget {
    JobId job;
    std::string service;
    std::string url;

    bool operator==(const ProbeTarget&) const = default;
};

// Asks for the signals of services and for the readiness of replicas, round after round, on a thread of its
// own: a slow answer holds up no cycle.
class ServiceWatch {
  public:
    ServiceWatch();
    ~ServiceWatch();
    ServiceWatch(const ServiceWatch&) = delete;
    ServiceWatch& operator=(const ServiceWatch&) = delete;

    // From the next round on. What was seen of a service that is asked differently now is forgotten.
    void use(std::vector<ServiceSource> sources);
    void use(std::vector<ProbeTarget> targets);

    // What was seen last.
    std::vector<ServiceLook> look() const;

  private:
    struct Asked {
        ServiceSource source;
        ServiceLook look;
        std::optional<double> day_before;
        std::optional<double> week_before;
        std::chrono::steady_clock::time_point due{};
    };
    struct Probed {
        ProbeTarget target;
        bool known = false;
        bool ready = false;
        int slow = 0;  // answers in a row that did not come in time
    };
    struct Question;

    void run();
    std::vector<Question> due_questions();
    void take(const Question& question, const Result<std::string>& answer);
    static void take_load(Asked& asked, bool week, const Result<double>& load);
    bool stopped() const;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    bool fresh_ = false;
    std::map<std::string, Asked> services_;
    std::map<JobId, Probed> probes_;
    std::thread thread_;  // last: it uses the rest
};

}  // namespace weir::observe
