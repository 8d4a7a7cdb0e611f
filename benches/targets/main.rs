//! The promises about speed, each as a figure of this machine, now.
//!
//! `cargo bench -p tickring --bench targets` prints all of them as a table; with a word behind `--` only the
//! rows of that question: `record`, `threads`, `between`, `many`, `places`, `read`, `rates`, `timer`.
#![allow(clippy::cast_precision_loss)]

mod many;
#[path = "../support/measure.rs"]
mod measure;
mod places;
mod rates;
mod read;
mod record;
mod threads;
mod timer;

use measure::Spread;

/// A line of the table.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) figure: Spread,
    pub(crate) unit: &'static str,
    /// What was promised: at most this, or at least this.
    pub(crate) promise: Promise,
}

#[derive(Clone, Copy)]
pub(crate) enum Promise {
    None,
    AtMost(f64),
    AtLeast(f64),
}

/// What a reader without a pause may cost a recorder. A cache line's way between two cores sets it,
/// and that is five times as long on one processor as on another.
pub(crate) const READ_IN_A_LOOP: Promise = Promise::AtMost(5.0);

/// Adds the rows that answer a question.
type Answer = fn(&mut Vec<Row>);

const QUESTIONS: [(&str, Answer); 8] = [
    ("record", record::rows),
    ("threads", threads::rows),
    ("between", threads::rows_between_work),
    ("many", many::rows),
    ("places", places::rows),
    ("read", read::rows),
    ("rates", rates::rows),
    ("timer", timer::rows),
];

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!("| question | figure | median | 8 in 10 rounds between | promised | kept |");
    println!("|---|---|---|---|---|---|");
    for (question, rows) in QUESTIONS {
        if wanted.is_empty() || wanted.iter().any(|word| word == question) {
            let mut table = Vec::new();
            rows(&mut table);
            for row in &table {
                print(question, row);
            }
        }
    }
}

fn print(question: &str, row: &Row) {
    // Adding zero takes the sign from a zero.
    let two_digits = |figure: f64| (figure * 100.0).round() / 100.0 + 0.0;
    let Spread { low, median, high } = row.figure;
    let [low, median, high] = [low, median, high].map(two_digits);
    let unit = row.unit;
    let (promised, kept) = match row.promise {
        Promise::None => (String::new(), ""),
        Promise::AtMost(most) => (format!("≤ {most}{unit}"), yes(median <= most)),
        Promise::AtLeast(least) => (format!("≥ {least}{unit}"), yes(median >= least)),
    };
    let what = row.what;
    println!(
        "| {question} | {what} | {median:.2}{unit} | {low:.2} – {high:.2} | {promised} | {kept} |"
    );
}

fn yes(kept: bool) -> &'static str {
    if kept { "yes" } else { "no" }
}

impl Row {
    /// A figure that nothing was promised about.
    pub(crate) fn plain(what: &'static str, figure: Spread) -> Self {
        Self { what, figure, unit: " ns", promise: Promise::None }
    }

    pub(crate) fn ratio(what: &'static str, figure: Spread, promise: Promise) -> Self {
        Self { what, figure, unit: "×", promise }
    }
}
