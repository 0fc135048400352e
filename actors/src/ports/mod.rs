//! The doors to the world, said in the office's words. `src/` implements them; `fakes/` plays them for the tests.
