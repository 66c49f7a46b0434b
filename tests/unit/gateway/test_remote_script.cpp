// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "plugin/gateway/remote_script.h"

using namespace weir::gateway;

namespace {

std::string block(const std::vector<std::string>& variables) {
    std::string text;
    for (const auto& variable : variables) text += variable + '\0';
    return text;
}

}  // namespace

TEST_CASE("a copy gets its user's variables and none that speak of this machine or of Slurm here",
          "[gateway]") {
    const auto kept = for_remote(
        block({"FOO=bar baz", "EMPTY=", "X=a=b", "HOME=/home/alice", "SLURM_JOB_ID=17",
               "SLURM_WEIR_STAGE_IN=data", "_SLURM_SPANK_OPTION_x=1", "SBATCH_PARTITION=p", "TMPDIR=/tmp/x",
               "CUDA_VISIBLE_DEVICES=0", "LD_PRELOAD=/home/alice/x.so", "BASH_FUNC_ml%%=() { x; }", "1BAD=x",
               "no equals", "=x", "SSH_AUTH_SOCK=/s", "LATIN=caf\xe9"}));
    CHECK(kept == Environment{{"FOO", "bar baz"}, {"EMPTY", ""}, {"X", "a=b"}});
    CHECK(for_remote("").empty());
    CHECK(for_remote("A=1") == Environment{{"A", "1"}});  // cut off without its end
}

TEST_CASE("a copy gets the variables that sbatch makes of options", "[gateway]") {
    const std::vector<std::string> asked{"SLURM_CPUS_PER_TASK=3", "SLURM_GPUS=2",
                                         "SLURM_GPUS_PER_NODE=a100:2", "SLURM_GPUS_PER_TASK=1",
                                         "SLURM_NTASKS_PER_NODE=2"};
    CHECK(for_remote(block(asked)).size() == asked.size());
    CHECK(
        for_remote(block({"SLURM_MEM_PER_GPU=1024", "SLURM_NTASKS=2"})).empty());  // set there, or against it
}

TEST_CASE("a word for a shell is itself, whatever is in it", "[gateway]") {
    CHECK(shell_word("") == "''");
    CHECK(shell_word("a b") == "'a b'");
    CHECK(shell_word("it's $(x) `y` \"z\" \\") == R"('it'\''s $(x) `y` "z" \')");
}

TEST_CASE("the site's script puts the user's where it runs and becomes it", "[gateway]") {
    RemoteScript script;
    script.directory = "/scratch/w-alice/weir.1.17.ab";
    script.script = "#!/bin/bash\necho \"$1\"";
    script.arguments = {"a b", "it's"};
    script.exported = {{"SLURM_ARRAY_TASK_ID", "4"}};
    script.nonce = "ab";
    const std::string text = to_text(script);
    CHECK(text.find("cat >.weir-script <<'WEIR_ab' || full\n#!/bin/bash\necho \"$1\"\nWEIR_ab\n") !=
          std::string::npos);
    CHECK(text.find("export SLURM_ARRAY_TASK_ID='4'\n") != std::string::npos);
    CHECK(text.ends_with("exec ./.weir-script 'a b' 'it'\\''s'\n"));
    CHECK(text.find("id -un") == text.rfind("id -un"));  // each may ask a directory of users
    CHECK(text.find("cd '/scratch/w-alice/weir.1.17.ab' || full") != std::string::npos);
}

TEST_CASE("a submission that comes once another by its name has run does not run", "[gateway]") {
    char folder[] = "/tmp/weir-script-XXXXXX";
    REQUIRE(mkdtemp(folder) != nullptr);
    RemoteScript script;
    script.directory = std::string(folder) + "/copy";
    script.script = "#!/bin/sh\necho run >>../runs\nexit 7\n";
    script.nonce = "ab";
    const auto run = [&] {
        const auto file = std::filesystem::path(folder) / "job";
        std::ofstream(file) << to_text(script);
        const int status = std::system(("sh " + file.string() + " 2>/dev/null").c_str());
        return WEXITSTATUS(status);
    };
    const RemoteScript first = script;
    script.again = true;
    CHECK(run() == 7);
    script = first;
    CHECK(run() == 1);
    std::ifstream runs(std::filesystem::path(folder) / "runs");
    CHECK(std::string(std::istreambuf_iterator<char>(runs), {}) == "run\n");
    std::filesystem::remove_all(folder);
}
