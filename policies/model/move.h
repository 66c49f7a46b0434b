// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/units.h"

namespace weir {

// How far a job is on its way to other nodes.
enum class MoveStage {
    kHold,   // its destination is being kept free
    kSave,   // it is to save and have itself requeued
    kPin,    // it is requeued and is to be told where to start
    kStart,  // it is to start there
    kFree,   // it runs there; what kept the destination free is being taken away
    kUndo,   // it is not moved; what was done for it is being taken back
};

// "holding", "saving" ...
const char* to_text(MoveStage stage);

// A job's way from some nodes to others, running or over. Names of nodes are sorted.
struct Move {
    JobId job;
    std::string label;
    std::string user;
    std::vector<std::string> from;
    std::vector<std::string> to;
    std::string goal;              // the Clearing that it is part of
    std::optional<JobId> for_job;  // the pending job that it makes room for, whose affairs `why` tells
    std::string why;
    Gpus gpus;
    GpuSeconds price;            // as reckoned beforehand
    std::uint32_t restarts = 0;  // of the job, when the move began
    Time begun{};
    MoveStage stage = MoveStage::kHold;
    std::optional<Time> asked;     // told to save
    std::optional<Time> requeued;  // seen so
    std::optional<Time> pinned;
    std::optional<Time> started;  // seen to run again, wherever
    std::string failure;          // why it came to nothing; empty: it has not failed
    bool blameless = false;       // that says nothing about the job's way of saving
    std::optional<Time> ended;

    // GPU-seconds that its GPUs did no work for it, from its being told to save until it ran again or, if it
    // never did, until it was requeued; none while it runs on.
    GpuSeconds lost() const;

    std::string reservation() const { return "weir_move_" + std::to_string(job.value); }

    bool operator==(const Move&) const = default;
};

// Nodes that jobs are moved away from, kept free of others until somebody can use them.
struct Clearing {
    std::string goal;                // "inference" (a lending rule), "job_4711", "tidy"
    std::optional<JobId> for_job;    // the pending job that shall start there
    std::string rule;                // the lending rule that shall have them; empty: none
    std::vector<std::string> nodes;  // sorted names
    std::string why;
    GpuSeconds price;  // of all its moves, and what it lets start, as reckoned when it began
    GpuSeconds gain;
    Time since{};

    std::string reservation() const { return "weir_clear_" + goal; }

    bool operator==(const Clearing&) const = default;
};

// A goal that is left alone for a while.
struct GoalRest {
    std::string goal;
    Time until{};

    bool operator==(const GoalRest&) const = default;
};

// How a user's jobs took to being moved.
struct MoveRecord {
    std::string user;
    int moves = 0;   // over
    int failed = 0;  // of these

    bool operator==(const MoveRecord&) const = default;
};

// What consolidation remembers. Moves by job; past ones by when they ended, the oldest first; the rest by
// name.
struct Consolidation {
    std::vector<Move> moves;
    std::vector<Move> past;
    std::vector<Clearing> clearings;
    std::vector<GoalRest> rests;
    std::vector<MoveRecord> records;

    bool operator==(const Consolidation&) const = default;
};

// Leaves a goal alone until then.
void set_rest(Consolidation& consolidation, const std::string& goal, Time until);

// Whether a reservation's name is that of a move or a clearing.
bool is_of_consolidation(const std::string& reservation);

}  // namespace weir
