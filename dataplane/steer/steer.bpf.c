// Runs in the kernel for every frame of an AF_XDP port's interface: UDP to port 53 of one of our
// addresses goes to the AF_XDP socket of the receive queue, all else to the kernel. A queue without
// a socket (no poll process) falls through to the kernel too, so sockets can answer there.
// The DPDK driver loads and attaches this and fills `xsks_map`; it knows it by that name.
// clang-format off: the helpers' header needs the types of the kernel's before it.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "dataplane/steer/steer_consts.h"

#define IPV4_FRAGMENT_BITS 0x3FFF  // more fragments, and the offset
#define DNS_PORT 53

struct vlan_tag {
  __be16 control;
  __be16 protocol;
};

struct address {  // IPv4 as ::ffff:a.b.c.d
  __u8 octets[16];
};

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, kSteerMaxQueues);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, kSteerMaxAddresses);
  __type(key, struct address);
  __type(value, __u32);
} hf_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, kSteerCounterCount);
  __type(key, __u32);
  __type(value, __u64);
} hf_counters SEC(".maps");

static __always_inline int Count(__u32 which, int action) {
  __u64* counter = bpf_map_lookup_elem(&hf_counters, &which);
  if (counter) {
    *counter += 1;
  }
  return action;
}

// Finds the UDP header and the destination. Returns kSteerSteered when it is for the address map to
// say, else the reason to pass.
static __always_inline __u32 Inspect(void* at, void* end, struct address* to) {
  struct ethhdr* ethernet = at;
  if ((void*)(ethernet + 1) > end) {
    return kSteerMalformed;
  }
  __be16 protocol = ethernet->h_proto;
  at = ethernet + 1;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    if (protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD)) {
      struct vlan_tag* tag = at;
      if ((void*)(tag + 1) > end) {
        return kSteerMalformed;
      }
      protocol = tag->protocol;
      at = tag + 1;
    }
  }
  struct udphdr* udp = 0;
  if (protocol == bpf_htons(ETH_P_IP)) {
    struct iphdr* ip = at;
    if ((void*)(ip + 1) > end || ip->ihl < 5) {
      return kSteerMalformed;
    }
    if (ip->protocol != IPPROTO_UDP) {
      return kSteerNotUdp;
    }
    if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_BITS)) {
      return kSteerFragment;
    }
    to->octets[10] = 0xFF;
    to->octets[11] = 0xFF;
    __builtin_memcpy(&to->octets[12], &ip->daddr, 4);
    udp = at + ip->ihl * 4;
  } else if (protocol == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr* ip = at;
    if ((void*)(ip + 1) > end) {
      return kSteerMalformed;
    }
    if (ip->nexthdr != IPPROTO_UDP) {
      return kSteerNotUdp;
    }
    __builtin_memcpy(to->octets, &ip->daddr, 16);
    udp = (struct udphdr*)(ip + 1);
  } else {
    return kSteerNotIp;
  }
  if ((void*)(udp + 1) > end) {
    return kSteerMalformed;
  }
  return udp->dest == bpf_htons(DNS_PORT) ? kSteerSteered : kSteerOtherPort;
}

SEC("xdp")
int hf_steer(struct xdp_md* ctx) {
  struct address to = {};
  const __u32 seen = Inspect((void*)(long)ctx->data, (void*)(long)ctx->data_end, &to);
  if (seen != kSteerSteered) {
    return Count(seen, XDP_PASS);
  }
  if (!bpf_map_lookup_elem(&hf_addresses, &to)) {
    return Count(kSteerOtherAddress, XDP_PASS);
  }
  const int action = bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
  return Count(action == XDP_REDIRECT ? kSteerSteered : kSteerNoSocket, action);
}

// No helper used here is reserved to GPL programs.
const char steer_license[] SEC("license") = "Apache-2.0";
