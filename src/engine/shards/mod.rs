//! Who owns a cell: shards, their roster and their pool, and how a thread finds its own.

pub(crate) mod cache;
pub(crate) mod roster;
pub(crate) mod shard;
