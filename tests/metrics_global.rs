//! The recorder of the whole process. Alone, because there is only one.

use std::thread;

use metrics::counter;
use tickring::Registry;
use tickring::metrics::Recorder;

#[test]
fn counters_of_all_threads_count_in_the_registry() {
    // Before there is a recorder a counter goes nowhere, and stays so.
    let early = counter!("early");
    let registry = Registry::new();
    Recorder::new(registry.clone()).install().unwrap();
    early.increment(1);
    assert!(registry.services().is_empty());

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let held = counter!("work", "kind" => "held");
                for _ in 0..1000 {
                    held.increment(1);
                    counter!("work", "kind" => "looked_up").increment(2);
                }
            });
        }
    });
    let work = registry.get("work").unwrap();
    let kinds = work.family("event").unwrap();
    let totals = ["held", "looked_up"].map(|kind| kinds.with([kind]).total());
    assert_eq!(totals, [4000, 8000]);

    let error = Recorder::new(Registry::new()).install().unwrap_err();
    assert!(error.to_string().contains("recorder"), "{error}");
}
