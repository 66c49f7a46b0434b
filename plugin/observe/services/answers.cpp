// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/services/answers.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace weir::observe {
namespace {

using nlohmann::json;

// Prometheus writes numbers as text, so that NaN and infinity are among them.
Result<double> number_in(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0')
        return failure("answers \"" + text.substr(0, 40) + "\", which is no number");
    return value;
}

}  // namespace

Result<double> read_one_value(const std::string& answer) {
    try {
        const json object = json::parse(answer);
        if (object.at("status") != "success")
            return failure("Prometheus refuses the query: " +
                           object.value("error", std::string("no reason given")));
        const json& data = object.at("data");
        const json& result = data.at("result");
        if (data.at("resultType") == "scalar") return number_in(result.at(1));
        if (data.at("resultType") != "vector")
            return failure("gives a " + data.at("resultType").get<std::string>() + ": one value is needed");
        if (result.empty()) return failure("gives no data");
        if (result.size() > 1)
            return failure("gives " + std::to_string(result.size()) +
                           " series: put sum() or max() around it");
        return number_in(result.at(0).at("value").at(1));
    } catch (const json::exception& error) {
        return failure(std::string("this is not an answer of Prometheus: ") + error.what());
    }
}

Result<double> read_json_number(const std::string& document, const std::string& pointer) {
    const json object = json::parse(document, nullptr, false);
    if (object.is_discarded()) return failure("answers with what is no JSON");
    try {
        const json::json_pointer place(pointer);
        if (!object.contains(place)) return failure("answers without " + pointer);
        const json& value = object.at(place);
        if (!value.is_number())
            return failure("answers with no number" + (pointer.empty() ? "" : " at " + pointer));
        return value.get<double>();
    } catch (const json::exception& error) {
        return failure(error.what());
    }
}

}  // namespace weir::observe
