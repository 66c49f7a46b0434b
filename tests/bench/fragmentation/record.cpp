// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/record.h"

#include <fmt/core.h>
#include <zlib.h>

#include <stdexcept>

namespace weir::bench {

Record::Record(const std::string& path, const std::vector<Node>& nodes)
    : path_(path), nodes_(nodes), file_(gzopen(path.c_str(), "wb"), gzclose) {
    if (!file_) throw std::runtime_error("cannot write " + path_);
    write("event,sequence,name,movable,node,gpus,thousandths,from_node,from_gpus\n");
}

void Record::arrived(std::size_t sequence, const std::string& name, bool movable) {
    write(fmt::format("arrived,{},{},{},,,,,\n", sequence, name, movable ? 1 : 0));
}

void Record::placed(std::size_t sequence, const Hold& hold, const Size& size) {
    write(fmt::format("placed,{},,,{},{},,\n", sequence, place(hold), size.gpus == 0 ? 0 : size.thousandths));
}

void Record::moved(std::size_t sequence, const Hold& from, const Hold& to, const Size& size) {
    write(fmt::format("moved,{},,,{},{},{}\n", sequence, place(to), size.gpus == 0 ? 0 : size.thousandths,
                      place(from)));
}

void Record::dropped(std::size_t sequence) {
    write(fmt::format("dropped,{},,,,,,,\n", sequence));
}

void Record::close() {
    if (gzclose(file_.release()) != Z_OK) throw std::runtime_error("cannot write " + path_);
}

void Record::write(const std::string& line) {
    if (gzwrite(file_.get(), line.data(), static_cast<unsigned>(line.size())) <= 0)
        throw std::runtime_error("cannot write " + path_);
}

std::string Record::place(const Hold& hold) const {
    std::string text = nodes_[hold.bin].serial + ",";
    const char* between = "";
    for (std::size_t gpu = 0; gpu < kMostGpus; ++gpu) {
        if ((hold.gpus >> gpu & 1U) == 0) continue;
        text += between + std::to_string(gpu);
        between = " ";
    }
    return text;
}

}  // namespace weir::bench
