// SPDX-License-Identifier: MIT
// CLAIM:  there is no empty domain, with which libzmq would let any key in.
// EXPECT: domain_must_not_be_empty
#include <ironhouse/core/domain.hpp>

#include <string_view>

std::string_view probe() {
#ifdef VIOLATE
    return ironhouse::domain{""}.text();
#else
    static constexpr ironhouse::domain orders{"orders"};
    return orders.text();
#endif
}
