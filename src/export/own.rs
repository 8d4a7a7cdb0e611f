//! The families that events are exported as beside the crate's own.

use super::durations::Bounds;
use super::exposition::{Family, Kind, Page};
use super::scrape::{OwnFamily, Scrape};

/// Writes them, each with the samples of all its events.
pub(super) fn families(scrape: &Scrape<'_>, page: &mut Page<'_>) {
    if scrape.own.is_empty() {
        return;
    }
    let bounds = Bounds::new();
    let mut labels = Vec::with_capacity(20);
    for own in &scrape.own {
        let mut family = page.family(&head(own));
        for part in &own.parts {
            for event in &scrape.events[part.events.clone()] {
                event.own_labels(&mut labels);
                match &event.durations {
                    Some(durations) if own.timed => {
                        bounds.write(&mut family, &mut labels, durations, part.buckets);
                    }
                    _ if own.timed => continue,
                    _ => family.sample(&labels, event.total),
                }
                family.created(&labels, event.created);
            }
        }
    }
}

fn head<'a>(own: &OwnFamily<'a>) -> Family<'a> {
    let (kind, usual) = if own.timed {
        (Kind::Histogram, "Durations of events since the service started.")
    } else {
        (Kind::Counter, "Events since the service started.")
    };
    // The unit has to be the end of the name.
    let unit = (own.timed && own.name.ends_with("_seconds")).then_some("seconds");
    Family { name: own.name, kind, unit, help: own.help.unwrap_or(usual) }
}
