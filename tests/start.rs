//! What `start` starts. Alone, because the ticker is the whole process's, and any use of a meter starts it.

use tickring::diagnostics;

#[test]
fn start_starts_the_ticker_once() {
    assert_eq!(diagnostics().ticker_starts, 0);
    tickring::start().unwrap();
    tickring::start().unwrap();
    assert_eq!(diagnostics().ticker_starts, 1);
}
