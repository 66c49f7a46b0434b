// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/rest/recordings.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace weir::rest::test {
namespace {

Recording read_recording(const std::filesystem::path& path) {
    std::ifstream in(path);
    const auto document = nlohmann::json::parse(in);
    Recording recording;
    recording.file = path.filename().string();
    recording.slurm = document.at("slurm");
    recording.version.number = document.at("api");
    recording.jobs = document.at("jobs");
    for (const auto& [name, reply] : document.at("replies").items())
        recording.replies[name] = {reply.at("status"), reply.contains("json")
                                                           ? reply.at("json").dump()
                                                           : reply.at("text").get<std::string>()};
    return recording;
}

}  // namespace

const Reply& Recording::reply(const std::string& name) const {
    const auto found = replies.find(name);
    if (found == replies.end()) throw std::out_of_range(file + " has no reply " + name);
    return found->second;
}

const std::vector<Recording>& recordings() {
    static const std::vector<Recording> all = [] {
        std::vector<Recording> found;
        for (const auto& entry : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/tests/data/rest"))
            if (entry.path().extension() == ".json") found.push_back(read_recording(entry.path()));
        std::ranges::sort(found, {}, &Recording::file);
        return found;
    }();
    return all;
}

}  // namespace weir::rest::test
