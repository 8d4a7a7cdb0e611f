//! The timer: a meter whose events also took a while, and the distribution of that while.
//!
//! From the bottom up: [`layout`] divides an hour into 619 buckets; a [`word`] is a bucket's
//! count with the step of five seconds that it is of; [`own`] is a word for each bucket,
//! written by one thread, a part of its shard; [`shared`] is twelve words for each bucket,
//! written by all. What a timer has seen since its start is in a [`since_start`].
//!
//! # Who puts what where
//!
//! A thread counts in its own word as long as the clock shows the word's step k: a load and a
//! store. The thread's first sample in the same bucket in a later step c finds the count of k,
//! *moves* it to the shared word of k, and starts its own word anew with c. So nobody sweeps
//! anything, ever: a step ends for each thread and bucket when they next meet, which costs that
//! one sample two exchanges; and what a thread never touches again stays in its own word, where
//! readers find it as long as it is in their window.
//!
//! A move takes three stores, by which owner A comes from *count in A's word* to *count in the
//! shared word*:
//!
//! - m1: shared word of k: add the count and A's mark, in one exchange;
//! - m2: A's own word: step c, the new sample;
//! - m3: shared word of k: take the mark off.
//!
//! The shared word has room for one mark. If another thread's is on it (B is between its m1 and
//! m3, perhaps for long, since it may have lost its processor), A doesn't wait: it leaves its own
//! word as it is and adds the new sample straight to the shared word of c, as threads without a
//! shard always do. It tries again at its next sample. So a record never loops, and A's count is
//! always in exactly one place, or in two with a mark that says so.
//!
//! A step that is out of every window is not moved; its count has done its duty. What counts
//! since the start is kept elsewhere, in the [`since_start`] of each shard, and never moves.
//!
//! # Cases for a reader
//!
//! Reader R goes bucket by bucket. It loads every shard's own word, then the bucket's shared
//! words, then those of the own words again that could have been moved, and compares, for each
//! owner A:
//!
//! 1. *The first look shows step c, the current one*: nothing is moved out of c while c is
//!    current. An earlier move of A's is wholly before the look (m2 was seen), and what it put in
//!    (m1) is in the shared words that R loads after. Count what the look showed. The same holds
//!    if it shows a step that is not in the window, or nothing: there is nothing to count, and
//!    what A may record and move while R goes on is in the shared words or it is not.
//! 2. *Both looks show step k, and k's shared word has A's mark*: R came between m1 and m2. The
//!    count is in the shared word; don't count A's word.
//! 3. *Both looks show step k, without A's mark*: then m1 was not seen. Had it been, the mark
//!    would have been off again already (nobody replaces a mark, and a shared word of a step in
//!    the window is not replaced), so m3 would have been seen, and with it m2: but the second
//!    look shows k. The count is not in the shared word; count A's word.
//! 4. *The looks differ*: m2 came in between. R goes through this bucket again. That happens at
//!    most once a step for each owner, since a step is moved once.
//! 5. *A is held up anywhere*, for however long: cases 1 to 3 hold in every state that A can be
//!    stopped in. R waits for nobody.
//! 6. *A is ahead of R*: A's clock shows a step after R's. A may have dropped or replaced what
//!    R's window contains. R finds the published tick moved on when it is through, and reads
//!    again; that is once in five seconds.
//!
//! # Buckets that were never used
//!
//! Most of the 619 never are, so R asks a bit first, which whoever puts something in a bucket for
//! the first time has set before. It is never taken back. R may miss a bit that is being set: then
//! the sample behind it is being recorded, and R's pass is before it. It can't miss the bit of a
//! sample that it has to see (one whose record was over before R began): the recorder has set or
//! seen the bit, and a thread's loads of one word don't go back behind those that happened before
//! them. So Relaxed is enough, and the pass costs by the buckets that are in use.
//!
//! # Orderings
//!
//! 1. **own word `Release` → reader's own word `Acquire`.** The owner writes the meter's total,
//!    then its life, then the word; a reader reads words, then lives, then the meter. So samples
//!    in the window ≤ samples ever ≤ events of the meter. It also carries m1 before m2 (case 1).
//! 2. **shared word `Release` (m1, or a direct addition) → reader's `Acquire`.** The same for
//!    counts that are seen there. Later changes continue the release sequence.
//! 3. **shared word `Release` (m3) → reader's `Acquire`.** Who sees the mark gone sees m2
//!    (case 3).
//!
//! Handing a shard from owner to owner is `window`'s pair 2.

#[cfg(feature = "internals")]
pub(crate) mod internals;
pub(crate) mod layout;
pub(crate) mod own;
pub(crate) mod reader;
pub(crate) mod shared;
pub(crate) mod since_start;
pub(crate) mod word;
