"""Transfer: what is learnt on some people, nights, sensors or animals meets another, and what can go wrong with it."""
