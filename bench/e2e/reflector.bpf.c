// What the client and the veth pair can do at most: an XDP program that sends each query for UDP 53
// back as it came, with addresses and ports swapped and QR set. No table, no look-up, no process.
// Attached by `tools/bench peers` in place of a server; runs where the sender's NAPI does.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
// Behind those of the kernel, whose types they use.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DNS_PORT 53
#define IPV4_FRAGMENT_BITS 0x3FFF  // offset, and "more fragments"

SEC("xdp")
int reflect(struct xdp_md* ctx) {
  void* end = (void*)(long)ctx->data_end;
  struct ethhdr* ethernet = (void*)(long)ctx->data;
  struct iphdr* ip = (struct iphdr*)(ethernet + 1);
  struct udphdr* udp = (struct udphdr*)(ip + 1);
  __u8* message = (__u8*)(udp + 1);
  if ((void*)(message + 4) > end || ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
      ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(IPV4_FRAGMENT_BITS)) ||
      udp->dest != bpf_htons(DNS_PORT)) {
    return XDP_PASS;
  }
  __u8 mac[ETH_ALEN];
  __builtin_memcpy(mac, ethernet->h_dest, ETH_ALEN);
  __builtin_memcpy(ethernet->h_dest, ethernet->h_source, ETH_ALEN);
  __builtin_memcpy(ethernet->h_source, mac, ETH_ALEN);
  const __be32 address = ip->daddr;
  ip->daddr = ip->saddr;
  ip->saddr = address;
  udp->dest = udp->source;
  udp->source = bpf_htons(DNS_PORT);
  udp->check = 0;      // none, as IPv4 allows (RFC 768)
  message[2] |= 0x80;  // QR (RFC 1035, 4.1.1)
  return XDP_TX;
}

const char reflector_license[] SEC("license") = "Apache-2.0";
