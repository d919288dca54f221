// The compiled XDP program, generated at build time from steer.bpf.c. Used by steer.cc alone.
#pragma once

extern const unsigned char kSteerObject[];
extern const unsigned long kSteerObjectOctets;
