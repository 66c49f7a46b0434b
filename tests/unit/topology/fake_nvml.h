// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "topology/nvml/library.h"

// The fake of tests/fake/nvml, telling what `facts` say, for as long as this lives; "@" in them is a folder
// of its own.
class FakeNvml {
  public:
    explicit FakeNvml(std::string facts) {
        std::string name = (std::filesystem::temp_directory_path() / "weir-nvml-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder_ = name;
        for (auto at = facts.find('@'); at != std::string::npos; at = facts.find('@', at + name.size()))
            facts.replace(at, 1, name);
        write("facts", facts);
        ::setenv("WEIR_FAKE_NVML", (folder_ / "facts").c_str(), 1);
    }
    ~FakeNvml() {
        ::unsetenv("WEIR_FAKE_NVML");
        std::filesystem::remove_all(folder_);
    }
    FakeNvml(const FakeNvml&) = delete;
    FakeNvml& operator=(const FakeNvml&) = delete;

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ / name) << text;
    }

    static weir::Result<weir::topology::NvmlLibrary> open() {
        return weir::topology::NvmlLibrary::open(FAKE_NVML);
    }

  private:
    std::filesystem::path folder_;
};
