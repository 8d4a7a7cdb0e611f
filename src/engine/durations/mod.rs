//! Durations by step: how long the events of the last minute took.
//!
//! [`layout`] divides an hour into 619 *buckets*. A [`word`] is the count of one bucket and the *step*
//! of five seconds that it belongs to. Each recording thread has its *own words*, one for each bucket
//! ([`own`], a part of its shard); it is their *owner*. All threads share twelve words for each bucket,
//! one for each step of a minute ([`shared`]). The counts since the start are in [`since_start`], one
//! set for each shard and one for threads without a shard. [`reader`] puts the window together.
//!
//! # Which word has a sample
//!
//! An owner counts in its own word as long as the clock shows the word's step k: one load and one
//! store. Its first sample in the same bucket in a later step c finds the count of k there. It *moves*
//! that count to the shared word of k, and starts its own word anew with step c. So nobody ever sweeps
//! anything. A step ends for each thread and bucket when they next meet, which costs that one sample two
//! exchanges. A count that its owner never touches again stays in the own word, where readers find it
//! as long as its step is in their window.
//!
//! A move is three stores, which owner A makes in this order:
//!
//! ```text
//!            own word    shared word of k     where the count n of k is
//!   before   k, n        m                    in the own word
//!     m1: add n and set the mark of A, in one exchange
//!   moving   k, n        m + n, mark of A     in both; the mark says so
//!     m2: own word: step c and the new sample
//!   moved    c, 1        m + n, mark of A     in the shared word
//!     m3: take the mark off
//!   after    c, 1        m + n                in the shared word
//! ```
//!
//! A shared word has room for one mark. If it has the mark of another owner B, then B is between its m1
//! and m3, perhaps for long, since it may have lost its processor. A doesn't wait. It leaves its own
//! word as it is and adds the new sample to the shared word of c, as a thread without a shard always
//! does. It tries the move again with its next sample. So A never waits for B, and A's count is in
//! exactly one place, or in two and a mark says so.
//!
//! A step that has left every window is not moved: its count is discarded. The counts since the start
//! are kept apart and never move.
//!
//! # Cases for a reader
//!
//! Reader R takes bucket after bucket. It loads the own word of each owner (the *first look*), then the
//! shared words of the bucket, then again those own words whose count could have been moved (the
//! *second look*). For each owner A it compares:
//!
//! | case | what R saw | what A has done | what R counts of A's word |
//! |---|---|---|---|
//! | 1 | first look: the current step c | m2 of every earlier move | the word |
//! | 1 | first look: no step of the window | nothing that R must see is in this word | nothing |
//! | 2 | both looks: step k; the shared word of k has A's mark | m1, not yet m2 | nothing: the shared word has it |
//! | 3 | both looks: step k; no mark of A | not m1 | the word |
//! | 4 | the looks differ | m2 came in between | R takes this bucket again |
//! | 5 | any of these, and A is stopped, for however long | | as above: R waits for nobody |
//! | 6 | the published tick is in a later step than R's when R is done | A may have replaced what R's window contains | R makes the whole pass again, at most once in five seconds |
//!
//! *Case 1.* Nobody moves a count out of c while c is current. R saw m2 of A's earlier move, so it sees
//! what m1 put into the shared words, which it loads after. What A records and moves while R goes on is
//! in the shared words or it isn't; both are right.
//!
//! *Case 3.* Suppose that R saw m1. Then the mark is off again, since nobody replaces a mark, and nobody
//! replaces a shared word whose step is in the window (but for case 6). So R saw m3, and with it m2; but the second look
//! shows k. Therefore R did not see m1, and the count is not in the shared word.
//!
//! *Case 4.* It happens at most once a step for each owner and bucket, since a step is moved once. R takes
//! the eight buckets of a cache line again, with which it loads them.
//!
//! # Buckets that were never used
//!
//! Most of the 619 buckets are never used. So R asks a bit first, which every writer sets before it puts
//! the first sample into a bucket. The bit is never cleared. R may miss a bit that is being set: then
//! the sample is being recorded, and R's pass is before it. R can't miss the bit of a sample that it
//! must see, one whose record ended before R began: the recorder set the bit or saw it set, and loads of
//! one word don't go back behind those that happened before them. So Relaxed is enough, and a pass costs
//! in proportion to the buckets in use.
//!
//! # Orderings
//!
//! 1. **own word `Release` → the reader's load of it, `Acquire`.** The owner writes the meter's total,
//!    then the counts since the start, then the word. A reader loads words, then the counts since the
//!    start, then the meter. So samples in the window ≤ samples since the start; that these are ≤ events
//!    of the meter is up to the orderings of [`since_start`]. This pair also orders m1 before m2
//!    (case 1).
//! 2. **shared word `Release` (m1, or an addition) → the reader's `Acquire`.** The same for counts that
//!    a reader sees there. Later changes continue the release sequence.
//! 3. **shared word `Release` (m3) → the reader's `Acquire`.** A reader that sees the mark gone sees m2
//!    (case 3).
//!
//! Pair 2 of [`shards`](super::shards) orders what one owner of a shard does before what the next does.

#[cfg(feature = "internals")]
pub(crate) mod internals;
pub(crate) mod layout;
pub(crate) mod own;
pub(crate) mod reader;
pub(crate) mod shared;
pub(crate) mod since_start;
pub(crate) mod word;
