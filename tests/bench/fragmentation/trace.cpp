// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/trace.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <tuple>

namespace weir::bench {
namespace {

constexpr std::string_view kListPrefix = "openb_pod_list_";
constexpr std::string_view kListSuffix = ".csv.gz";

std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> cells;
    for (std::size_t from = 0; from <= line.size();) {
        const std::size_t to = std::min(line.find(',', from), line.size());
        cells.push_back(line.substr(from, to - from));
        from = to + 1;
    }
    return cells;
}

// A table of comma-separated values under a heading, compressed or not, row by row.
class Table {
  public:
    explicit Table(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb"), gzclose) {
        if (!file_ || !next()) throw std::runtime_error("cannot read " + path);
        for (std::size_t i = 0; i < cells_.size(); ++i) columns_[cells_[i]] = i;
    }

    bool next() {
        std::array<char, 1024> buffer{};
        if (gzgets(file_.get(), buffer.data(), static_cast<int>(buffer.size())) == nullptr) {
            int error = Z_OK;
            gzerror(file_.get(), &error);
            if (error != Z_OK && error != Z_STREAM_END) throw std::runtime_error(path_ + ": damaged");
            return false;
        }
        std::string line = buffer.data();
        line.erase(std::min(line.find_last_not_of("\r\n") + 1, line.size()));
        cells_ = split(line);
        ++line_;
        return true;
    }

    // Empty if there is no such column.
    std::string text(const std::string& column) const {
        const auto found = columns_.find(column);
        return found == columns_.end() || found->second >= cells_.size() ? "" : cells_[found->second];
    }

    std::int64_t number(const std::string& column) const {
        const std::string cell = text(column);
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
        if (error != std::errc{} || end != cell.data() + cell.size() || value < 0)
            throw std::runtime_error(
                fmt::format("{}, line {}: {} is \"{}\", not a number", path_, line_, column, cell));
        return value;
    }

  private:
    std::string path_;
    std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
    std::map<std::string, std::size_t> columns_;
    std::vector<std::string> cells_;
    int line_ = 0;
};

std::vector<Node> read_nodes(const std::string& path) {
    std::vector<Node> nodes;
    for (Table table(path); table.next();)
        nodes.push_back({table.text("sn"), table.number("cpu_milli"), table.number("memory_mib"),
                         static_cast<int>(table.number("gpu")), table.text("model")});
    return nodes;
}

TaskList read_list(const std::string& path, std::string name, const std::vector<Node>& nodes) {
    TaskList list;
    list.name = std::move(name);
    std::map<std::tuple<std::int64_t, std::int64_t, int, int, std::string>, std::size_t> known;
    for (Table table(path); table.next();) {
        Shape shape;
        shape.size.cpus = table.number("cpu_milli");
        shape.size.memory = table.number("memory_mib");
        shape.size.gpus = static_cast<int>(table.number("num_gpu"));
        if (shape.size.gpus > 0) shape.size.thousandths = static_cast<int>(table.number("gpu_milli"));
        shape.models = table.text("gpu_spec");
        const auto [at, fresh] = known.try_emplace(
            {shape.size.cpus, shape.size.memory, shape.size.gpus, shape.size.thousandths, shape.models},
            list.shapes.size());
        list.tasks.push_back({table.text("name"), at->second});
        if (!fresh) continue;
        for (const Node& node : nodes)
            shape.allowed.push_back(static_cast<char>(serves(shape.models, node.model)));
        list.shapes.push_back(std::move(shape));
    }
    return list;
}

}  // namespace

std::int64_t Trace::gpu_thousandths() const {
    std::int64_t sum = 0;
    for (const Node& node : nodes) sum += std::int64_t{node.gpus} * kWholeGpu;
    return sum;
}

Trace read_trace(const std::string& data) {
    const std::filesystem::path folder = std::filesystem::path(data) / "openb";
    if (!std::filesystem::is_directory(folder))
        throw std::runtime_error(
            fmt::format("no folder {}; WEIR_DATA names the one that holds openb", folder.string()));
    Trace trace;
    trace.nodes = read_nodes(folder / "openb_node_list_gpu_node.csv");
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string file = entry.path().filename();
        if (!file.starts_with(kListPrefix) || !file.ends_with(kListSuffix)) continue;
        const std::size_t length = file.size() - kListPrefix.size() - kListSuffix.size();
        trace.lists.push_back(read_list(entry.path(), file.substr(kListPrefix.size(), length), trace.nodes));
    }
    if (trace.lists.empty())
        throw std::runtime_error(fmt::format("no {}*{} in {}", kListPrefix, kListSuffix, folder.string()));
    std::ranges::sort(trace.lists, {}, &TaskList::name);
    return trace;
}

bool serves(const std::string& models, const std::string& model) {
    return models.empty() || ("|" + models + "|").find("|" + model + "|") != std::string::npos;
}

}  // namespace weir::bench
