"""Transfer: what is learnt on many people before anybody's own trials, and kept in checkpoints."""
