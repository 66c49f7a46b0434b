// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/spank/stage_names.h"
#include "plugin/spank/values.h"

using namespace weir::spank;

TEST_CASE("an absolute path has its last part at the site, a relative one all of it", "[spank]") {
    CHECK(name_there("/srv/models/base") == "base");
    CHECK(name_there("/srv/models/base//") == "base");
    CHECK(name_there("data/deep/a") == "data/deep/a");
    CHECK(name_there("./data/") == "data");
}

TEST_CASE("paths that would meet at the site are refused", "[spank]") {
    CHECK(clash({"/x/data", "/y/data"}) ==
          "\"/y/data\" would be the same at the site as \"/x/data\": rename one, or put both into a folder");
    CHECK_FALSE(clash({"data", "/y/data/"}).empty());
    CHECK_FALSE(clash({"a", "./a"}).empty());
    CHECK(clash({"/x/data", "data/more"}) ==
          "\"data/more\" would be put into \"/x/data\" at the site: rename one");
    CHECK_FALSE(clash({".", "/x/data"}).empty());
    CHECK(clash({}).empty());
    CHECK(clash({"/x/data", "/x/base", "data2", "models/data"}).empty());
    CHECK(clash({"data", "data/more"}).empty());  // lies there here too
    CHECK(read_stage_in("/x/data,/y/data").error() == clash({"/x/data", "/y/data"}));
    CHECK(read_stage_in("a,caf\xe9").error() == "\"caf\\xe9\" is no UTF-8");
}
