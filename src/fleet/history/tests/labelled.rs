//! Events with labels: their children count, also once they have retired.

use super::*;

#[test]
fn children_count_in_minutes_and_leave_none_behind() {
    let fixture = Fixture::new();
    fixture.meter().record_n(2);
    let mut spec = spec(&["x"]);
    spec.labels.insert("x".into(), vec!["route".into()]);
    let a = fixture.registry.describe(spec.clone()).unwrap();
    let family = a.family("x").unwrap();
    family.record_n(["/items"], 3);
    fixture.pass(5);
    fixture.roll();
    family.record(["/baskets"]);
    let days = || sum(&fixture.counts().days);
    assert_eq!((days(), fixture.counts().seconds[59]), (6, Some(1)));
    // They retire, and their events stay where they were.
    for _ in 0..130 {
        fixture.pass(60);
        fixture.roll();
    }
    assert_eq!((family.retire_idle(), days()), (2, 6));
    family.record_n(["/items"], 10);
    assert_eq!((days(), sum(&fixture.counts().minutes)), (16, 10));
    // It is not there for a while: nothing is counted twice when it comes back.
    fixture.registry.undescribe("a");
    fixture.pass(5);
    fixture.roll();
    fixture.registry.describe(spec).unwrap();
    family.record(["/items"]);
    assert_eq!((days(), a.snapshot().unwrap().total()), (17, 17));
}
