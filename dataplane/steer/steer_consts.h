// What the XDP program and its loader agree on: names, sizes, the places of the counters. Included
// by steer.bpf.c (C, target bpf) and by the loader (C++); plain C therefore.
#pragma once

// The kernel keeps 15 characters of each of these names.
#define HF_STEER_PROGRAM "hf_steer"
#define HF_STEER_ADDRESSES "hf_addresses"
#define HF_STEER_COUNTERS "hf_counters"

enum {
  kSteerMaxAddresses = 1024,  // local addresses, IPv4 and IPv6 together
  kSteerMaxQueues = 64        // receive queues of one interface
};

// Places in the counter map, per processor. Every frame the program sees counts in exactly one.
enum SteerCounter {
  kSteerSteered,       // handed to an AF_XDP socket
  kSteerNoSocket,      // for us, but the queue has no socket: passed to the kernel
  kSteerNotIp,         // passed: neither IPv4 nor IPv6 (ARP, LLDP, more than two VLAN tags)
  kSteerNotUdp,        // passed: another protocol, or IPv6 extension headers
  kSteerFragment,      // passed: an IPv4 fragment
  kSteerOtherPort,     // passed: UDP to another port than 53
  kSteerOtherAddress,  // passed: not one of our addresses
  kSteerMalformed,     // passed: shorter than its headers say
  kSteerCounterCount
};
