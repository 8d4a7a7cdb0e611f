//! What labels allocate.

use allocation_counter::measure;
use tickring::Service;

use crate::alone;

#[test]
fn look_up_that_finds_its_child_allocates_nothing() {
    let _alone = alone();
    let shop = Service::builder("shop").event("request").labels(["route", "method"]).label_sets(2);
    let requests = shop.build().unwrap().family("request").unwrap();
    let sets = [["/a", "GET"], ["/b", ""], ["", ""], ["/past", "the cap"]];
    let record_all = || {
        for set in sets {
            requests.record(set);
            requests.with(set).record();
        }
    };
    // The first time, children and the thread's shards are made.
    record_all();
    assert_eq!(measure(record_all).count_total, 0);
    assert_eq!(requests.snapshot().total(), 16);
}
