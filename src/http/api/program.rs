//! What the program around a router adds to its answers: whether its parts work, and figures.

use std::fmt;
use std::sync::Arc;

use crate::export::{FigureSample, FigureValue};
use crate::fleet::Elsewhere;

/// The checks and figures of the program around a router.
#[derive(Clone, Default)]
pub(super) struct Program {
    checks: Vec<(&'static str, Check)>,
    figures: Vec<Figure>,
    elsewhere: Option<Arc<dyn Fn() -> Vec<Elsewhere> + Send + Sync>>,
}

type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

#[derive(Clone)]
struct Figure {
    name: &'static str,
    help: &'static str,
    read: Arc<dyn Fn() -> Option<FigureValue> + Send + Sync>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = self.checks.iter().map(|(name, _)| name);
        let figures = self.figures.iter().map(|figure| figure.name);
        f.debug_set().entries(checks).entries(figures).finish()
    }
}

impl Program {
    /// The first check that fails, and why.
    pub(super) fn fault(&self) -> Option<String> {
        let failed = |(name, check): &(_, Check)| check().err().map(|why| format!("{name}: {why}"));
        self.checks.iter().find_map(failed)
    }

    /// The figures that there are now.
    pub(super) fn sample(&self) -> Vec<FigureSample> {
        let read = |figure: &Figure| {
            let value = (figure.read)()?;
            Some(FigureSample { name: figure.name, help: figure.help, value })
        };
        self.figures.iter().filter_map(read).collect()
    }

    /// What is known of services elsewhere now.
    pub(super) fn elsewhere(&self) -> Vec<Elsewhere> {
        self.elsewhere.as_ref().map(|read| read()).unwrap_or_default()
    }

    pub(super) fn set_elsewhere(
        &mut self,
        read: impl Fn() -> Vec<Elsewhere> + Send + Sync + 'static,
    ) {
        self.elsewhere = Some(Arc::new(read));
    }

    pub(super) fn check(
        &mut self,
        part: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.checks.push((part, Arc::new(check)));
    }

    /// Adds a figure.
    ///
    /// # Panics
    ///
    /// If the name or the help can't be written into `/metrics` unchanged.
    pub(super) fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Option<FigureValue> + Send + Sync + 'static,
    ) {
        let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        let plain = begins && name.bytes().all(in_name);
        assert!(plain, "a figure is named by a-z 0-9 _ and begins with a letter: {name:?}");
        assert!(!help.contains(['\\', '"', '\n']), "help has no \\, no \" and one line: {help:?}");
        self.figures.push(Figure { name, help, read: Arc::new(read) });
    }
}
