//! Models of the engine.
