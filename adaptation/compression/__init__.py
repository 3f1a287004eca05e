"""Decoders made small enough for an implant: 8-bit integers, pruning, distillation, and what they cost."""
