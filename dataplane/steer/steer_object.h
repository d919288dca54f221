// The compiled XDP program, generated at build time from steer.bpf.c. Used by steer.cc alone.
#pragma once

extern const unsigned char steer_object[];
extern const unsigned long steer_object_octets;
