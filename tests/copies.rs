//! Copies of the crate in one process. Alone, because it counts the process's threads.

use std::thread;

use tickring::{Meter, copies, diagnostics};

#[test]
fn another_ticker_in_the_process_is_another_copy() {
    static METER: Meter = Meter::new();
    if !cfg!(target_os = "linux") {
        return;
    }
    assert_eq!(copies(), Some(0), "nothing has been used yet");
    METER.record();
    // The thread names itself when it runs.
    while copies() == Some(0) {
        thread::yield_now();
    }
    assert_eq!(copies(), Some(1));
    // What another copy would start.
    let another = thread::Builder::new().name("tickring-ticker".into());
    let counted = another.spawn(copies).unwrap().join().unwrap();
    assert_eq!(counted, Some(2));
    assert_eq!(diagnostics().version, env!("CARGO_PKG_VERSION"));
}
