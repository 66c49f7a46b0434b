// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/controller/view.h"

namespace weir::controller {

// Something an administrator asks the control loop to do.
struct Order {
    enum class Kind { kPause, kResume, kReturn, kScale };
    Kind kind = Kind::kPause;
    std::string by;                  // user name
    std::vector<std::string> rules;  // kReturn, kResume: which; empty: all
    std::string service;             // kScale
    std::optional<Pin> pin;          // kScale; absent: the signals decide again
    // How things stand once it is carried out.
    bool paused = false;
    std::vector<std::string> held_home;
    std::promise<std::string> done;  // empty: done; else why not
};

// What the loop's thread and those that serve people have in common. The view is published whole; orders and
// wake-ups are handed over; nothing else is shared.
class Shared {
  public:
    void publish(std::shared_ptr<const View> view) {
        const std::lock_guard lock(mutex_);
        view_ = std::move(view);
    }

    std::shared_ptr<const View> view() const {
        const std::lock_guard lock(mutex_);
        return view_;
    }

    // Hands an order to the loop and waits until it is carried out: empty, or why it is not. An order that
    // outlasts the wait is withdrawn if the loop has not taken it up yet.
    std::string submit(const std::shared_ptr<Order>& order, std::chrono::seconds patience) {
        auto outcome = order->done.get_future();
        {
            const std::lock_guard lock(mutex_);
            orders_.push_back(order);
            woken_ = true;
        }
        changed_.notify_all();
        if (outcome.wait_for(patience) == std::future_status::ready) return outcome.get();
        {
            const std::lock_guard lock(mutex_);
            if (std::erase(orders_, order) > 0)
                return "weirctld is busy (slurmctld does not answer it); nothing was changed, try again";
        }
        return outcome.get();
    }

    std::deque<std::shared_ptr<Order>> take_orders() {
        const std::lock_guard lock(mutex_);
        return std::exchange(orders_, {});
    }

    void wake() {
        {
            const std::lock_guard lock(mutex_);
            woken_ = true;
        }
        changed_.notify_all();
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        changed_.notify_all();
    }

    void reload() {
        {
            const std::lock_guard lock(mutex_);
            reload_ = true;
            woken_ = true;
        }
        changed_.notify_all();
    }

    bool stopped() const {
        const std::lock_guard lock(mutex_);
        return stopped_;
    }

    bool take_reload() {
        const std::lock_guard lock(mutex_);
        return std::exchange(reload_, false);
    }

    // Waits until `soonest`, then on until `latest` unless woken. Returns false when stopped.
    bool wait(std::chrono::steady_clock::time_point soonest, std::chrono::steady_clock::time_point latest) {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, soonest, [&] { return stopped_; });
        changed_.wait_until(lock, latest, [&] { return stopped_ || woken_; });
        woken_ = false;
        return !stopped_;
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::shared_ptr<const View> view_;
    std::deque<std::shared_ptr<Order>> orders_;
    bool woken_ = false;
    bool stopped_ = false;
    bool reload_ = false;
};

}  // namespace weir::controller
