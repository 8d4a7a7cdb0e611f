//! The models, one file for each mechanism.

mod adoption;
mod cap;
mod clock;
mod first_record;
mod kept;
mod key_race;
mod late_reader;
mod recycling;
mod rollover;
mod shared_ring;
mod thread_end;
mod timer;
mod two_reads;
mod whole_timer;
