// SPDX-License-Identifier: MIT

/// \file
/// fwd.hpp alone suffices to declare an interface in terms of the library.

#include <ironhouse/fwd.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

namespace user {

ih::send_status publish(ih::context& context, const ih::any_message& m);
ih::receive_status next(ih::any_message& m);
void open(ih::context_options options);
void limits(const ih::inbound& in, const ih::outbound& out, const ih::duplex& both, ih::bytes most);
ih::planned within(const ih::budget& all);
ih::keyring friends(const ih::public_key& key, const ih::domain& domain);
ih::certificate identity(const ih::key_source& source, ih::passphrase phrase);
ih::curve_server serve(const ih::curve_client& same);
void on_event(const ih::event& e, ih::reason why);
void weak(const ih::advisory::row& known, ih::advisory::version v);
void reckless(const ih::insecure::plaintext& why);

template <auto Limits, class Security> void drain(ih::socket<ih::pull, Limits, Security>& sink, ih::poller& all);
template <class Socket> ih::thread hand_over(ih::detached<Socket> there);

struct worker {
    ih::context* where;
    ih::reason last;
};

} // namespace user
