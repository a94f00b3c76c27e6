// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

namespace {

// Hosts of which any was chosen from before go on in its turn.
HostTurn& turn_of(const std::vector<Host>& hosts, HostLedger& ledger) {
    std::shared_ptr<HostTurn> turn;
    for (const auto& host : hosts) {
        const auto known = ledger.turns.find(host.id);
        if (known != ledger.turns.end()) {
            turn = known->second;
            break;
        }
    }
    if (!turn) {
        turn = std::make_shared<HostTurn>();
    }
    for (const auto& host : hosts) {
        ledger.turns[host.id] = turn;
    }
    return *turn;
}

}  // namespace

std::vector<Host> in_turn(std::vector<Host> hosts, const SelectionFacts& facts) {
    if (hosts.empty()) {
        return hosts;
    }
    std::ranges::sort(hosts, {}, &Host::id);
    auto& turn = turn_of(hosts, facts.ledger);
    auto chosen = std::ranges::find(hosts, turn.last, &Host::id);
    if (chosen == hosts.end() || turn.left == 0) {
        chosen = chosen == hosts.end() || chosen + 1 == hosts.end() ? hosts.begin() : chosen + 1;
        turn.last = chosen->id;
        turn.left = facts.weights.round_robin.find(*chosen).value_or(1);
    }
    --turn.left;
    std::rotate(hosts.begin(), chosen, hosts.end());
    return hosts;
}

}  // namespace aws_wrapper
