"""Both loops at once: a decoder that adapts and a policy that acts on what it decodes, each changing the other."""
