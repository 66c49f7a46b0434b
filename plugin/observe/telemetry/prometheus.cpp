// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/telemetry/prometheus.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace weir::observe {
namespace {

using nlohmann::json;

Time time_of(double seconds) {
    return Time(Duration(static_cast<std::int64_t>(std::floor(seconds))));
}

void add(const json& point, std::string_view metric, const Readings::Labels& labels, bool is_time,
         Readings& into) {
    const Time at = time_of(point.at(0).get<double>());
    const double value = std::strtod(point.at(1).get_ref<const std::string&>().c_str(), nullptr);
    if (!is_time)
        into.add(metric, labels, value, at);
    else if (std::isfinite(value) && value > 0)
        into.sampled(labels, at, time_of(value));
}

void add_series(const json& series, Readings& into) {
    Readings::Labels labels;
    std::string metric;
    bool is_time = false;
    for (const auto& [name, value] : series.at("metric").items()) {
        const auto& text = value.get_ref<const std::string&>();
        if (name == "__name__")
            metric = text;
        else if (name == "weir")
            is_time = true;
        else
            labels.emplace_back(name, text);
    }
    if (series.contains("value")) return add(series["value"], metric, labels, is_time, into);
    for (const json& point : series.at("values")) add(point, metric, labels, is_time, into);
}

}  // namespace

// The label `weir` keeps the times apart from the values, since `or` does not look at names.
std::string gpu_expression(const std::string& match) {
    const std::string further = match.empty() ? "" : "," + match;
    const std::string by = "(__name__,Hostname,instance,gpu,device,modelName,cluster_uuid,clique)";
    return "max by " + by + " ({__name__=~\"" + std::string(kMetrics) + "\",GPU_I_ID=\"\"" + further +
           "}) or label_replace(max by (Hostname,instance,gpu,device,modelName) "
           "(timestamp(DCGM_FI_DEV_GPU_UTIL{"
           "GPU_I_ID=\"\"" +
           further + "})), \"weir\", \"at\", \"\", \"\")";
}

Result<void> read_prometheus(std::string_view answer, Readings& into) {
    try {
        const json object = json::parse(answer);
        if (object.at("status") != "success")
            return failure("Prometheus refuses the query: " +
                           object.value("error", std::string("no reason given")));
        for (const json& series : object.at("data").at("result")) add_series(series, into);
        return {};
    } catch (const json::exception& error) {
        return failure(std::string("this is not an answer of Prometheus: ") + error.what());
    }
}

}  // namespace weir::observe
