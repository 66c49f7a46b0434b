// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace weir {

// Wall-clock time at the resolution of Slurm's own records.
using Time = std::chrono::sys_seconds;
using Duration = std::chrono::seconds;

// An amount of one thing. Only products that mean something exist; the value is a whole number of the tag's
// unit.
template <class Tag>
struct Quantity {
    std::int64_t value = 0;

    friend constexpr auto operator<=>(Quantity, Quantity) = default;
    constexpr Quantity& operator+=(Quantity other) {
        value += other.value;
        return *this;
    }
    constexpr Quantity& operator-=(Quantity other) {
        value -= other.value;
        return *this;
    }
    friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }
    friend constexpr Quantity operator-(Quantity a, Quantity b) { return a -= b; }
};

using Gpus = Quantity<struct GpusTag>;
using GpuSeconds = Quantity<struct GpuSecondsTag>;
using Bytes = Quantity<struct BytesTag>;
using Watts = Quantity<struct WattsTag>;

constexpr GpuSeconds operator*(Gpus gpus, Duration time) {
    return GpuSeconds{gpus.value * time.count()};
}

// A number that Slurm gave to one thing; ids of different things do not mix.
template <class Tag>
struct Id {
    std::uint32_t value = 0;

    friend constexpr auto operator<=>(Id, Id) = default;
};

using JobId = Id<struct JobTag>;

// Positions in Snapshot::nodes and Snapshot::partitions.
using NodeIndex = std::uint32_t;
using PartitionIndex = std::uint32_t;

// "45s", "12m", "2h30m", "3d": as weir.yaml writes durations, for messages.
std::string to_text(Duration duration);

// "2026-01-31T12:00:00Z"
std::string utc(Time time);

}  // namespace weir
