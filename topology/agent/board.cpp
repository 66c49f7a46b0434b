// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/agent/board.h"

#include <utility>

namespace weir::agent {

void Board::sampled(std::vector<topology::GpuSample> gpus, Seconds took, Clock::time_point now) {
    auto shared = std::make_shared<const std::vector<topology::GpuSample>>(std::move(gpus));
    const std::lock_guard lock(mutex_);
    last_.gpus = std::move(shared);
    last_.trouble.clear();
    last_.no_library = false;
    last_.took = took;
    ++last_.samples;
    heard_ = now;
}

void Board::failed(const Error& error, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    last_.gpus.reset();
    last_.trouble = error.message;
    last_.no_library = error.code == 0;
    heard_ = now;
}

void Board::discovered(std::string topology, std::vector<std::string> near) {
    auto shared = std::make_shared<const std::string>(std::move(topology));
    auto rows = std::make_shared<const std::vector<std::string>>(std::move(near));
    const std::lock_guard lock(mutex_);
    last_.topology = std::move(shared);
    last_.near = std::move(rows);
}

View Board::look(Clock::time_point now) const {
    const std::lock_guard lock(mutex_);
    View view = last_;
    view.age = now - heard_;
    if (view.age > patience_) {
        view.gpus.reset();
        view.no_library = false;
        view.trouble = "NVIDIA's driver has not answered for three periods";
    }
    return view;
}

Health health_of(const View& view) {
    if (view.no_library) return {true, "topology only: " + view.trouble};
    if (!view.gpus) return {false, view.trouble};
    std::string sentence = std::to_string(view.gpus->size()) + (view.gpus->size() == 1 ? " GPU" : " GPUs");
    const char* separator = ", lost: ";
    for (const topology::GpuSample& gpu : *view.gpus) {
        if (!gpu.lost) continue;
        sentence += separator + std::to_string(gpu.index);
        separator = " ";
    }
    return {true, std::move(sentence)};
}

}  // namespace weir::agent
