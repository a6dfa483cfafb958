// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Every public name, at no cost: enough to declare functions that take or return them.
///
/// Missing are names that C++ cannot declare ahead: concepts, templates over them (socket_ref) or over values of our own
/// types (message, basic_endpoint, connect_endpoint), and poll_status. Functions can take any_message&, or be templates.

#include <ironhouse/core/status.hpp>
#include <ironhouse/detail/abi.hpp>

namespace ironhouse::inline IRONHOUSE_ABI {

// core/
class error;
class bytes;
class messages;
class frames;
class peers;
class per_second;
namespace literals {}
template <class Owed> struct basic_inbound;
template <class Owed> struct basic_outbound;
template <class Owed> struct basic_duplex;
template <class Owed> struct basic_budget;
using inbound = basic_inbound<void>;
using outbound = basic_outbound<void>;
using duplex = basic_duplex<void>;
using budget = basic_budget<void>;
struct planned;
class domain;
enum class transport : unsigned char;
struct transports;
class any_message;
class frame_view;
struct push;
struct pull;
struct pub;
struct sub;
struct xpub;
struct xsub;
struct req;
struct rep;
struct dealer;
struct router;
struct pair;

// keys/
class secret_key;
class secret_text;
class public_key;
class address_range;
class keypair;
struct certificate_terms;
class public_certificate;
class passphrase;
enum class sealing : unsigned char;
class certificate;
class key_source;
struct reload_options;
class keyring;

// security/
class admitted;
class required_role;
template <class Owed> struct basic_curve_server;
template <class Owed> struct basic_curve_client;
class server_keys;
using curve_server = basic_curve_server<void>;
using curve_client = basic_curve_client<void>;
struct in_process;
namespace insecure {
class any_client;
class plaintext;
class unguarded_ipc;
} // namespace insecure

// sentry/
enum class reason : unsigned char;
struct event;
class event_callback;
struct admission_limits;
enum class gate_kind : unsigned char;

// socket/
namespace advisory {
class version;
enum class action : unsigned char;
struct features;
struct range;
struct row;
struct patched_package;
struct finding;
} // namespace advisory
struct context_options;
class context;
template <class Pattern, auto Limits, class Security> class socket;
template <class Socket> class detached;
enum class poll_for : unsigned char;
class poller;

// threads/
template <class Value> class channel_end;
enum class proxy_side : unsigned char;
struct proxy_counts;
template <class Front, class Back> class proxy;
class thread;

namespace detail {
void kill_authenticator(context& within);
void switch_off_guard(context& within);
} // namespace detail

} // namespace ironhouse::inline IRONHOUSE_ABI
