//! A world to practise in: the simulated chain, a store in memory, a clock that belongs to the test.
