//! What a router can be given of the program around it.

use std::sync::Arc;

use super::program::Program;
use super::router::Router;
use crate::export::{FigureValue, Labelled};
use crate::fleet::Elsewhere;

impl Router {
    /// Adds a check of a part of the program that must work, for example a listener. While one
    /// returns an error, `/health` and `/health/ready` answer 503, with the name of the part and the
    /// error; `/health/live` goes on to answer 200.
    ///
    /// A check runs for each such request, on the thread that serves it, so it should not block.
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, http::Router};
    ///
    /// let queue = std::sync::Arc::new(std::sync::Mutex::new(vec![1, 2]));
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().health_check("queue", move || {
    ///     let length = queue.lock().map_err(|error| error.to_string())?.len();
    ///     if length < 100 { Ok(()) } else { Err(format!("{length} jobs wait")) }
    /// });
    /// let request = Request::get("/health/ready").body(bytes::Bytes::new()).unwrap();
    /// assert_eq!(router.answer(&request).status(), StatusCode::OK);
    /// ```
    #[must_use]
    pub fn health_check(
        mut self,
        part: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.program().check(part, check);
        self
    }

    /// Adds a gauge of the program to `/metrics`. It is left out while `read` returns `None`. It is
    /// read for each scrape, on the thread that serves it, so it should not block.
    ///
    /// The name must differ from all others in `/metrics`, and ends with its unit, for example
    /// `_seconds`.
    ///
    /// ```
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap()
    ///     .gauge("shop_queue_jobs", "Jobs that wait.", || Some(3.0));
    /// ```
    ///
    /// # Panics
    ///
    /// If the name has other characters than `a-z 0-9 _` or doesn't begin with a letter, or if `help`
    /// has a backslash, a quote or a line end.
    #[must_use]
    pub fn gauge(
        mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) -> Self {
        let program = self.program();
        program.add(name, help, move || read().map(FigureValue::Gauge));
        self
    }

    /// Adds a counter of the program to `/metrics`, as [`gauge`](Self::gauge) adds a gauge. The name
    /// is without the suffix `_total`, which `/metrics` adds.
    ///
    /// ```
    /// use hyper::Request;
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap()
    ///     .counter("shop_retries", "Jobs that were tried again.", || 7);
    /// let request = Request::get("/metrics").body(bytes::Bytes::new()).unwrap();
    /// assert!(router.answer(&request).status().is_success());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`gauge`](Self::gauge) does.
    #[must_use]
    pub fn counter(
        mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let program = self.program();
        program.add(name, help, move || Some(FigureValue::Counter(read())));
        self
    }

    /// Adds a gauge that has a value for each of several things, which labels tell apart: pairs of a name
    /// and a value. It is left out while there are none. The rest is as with [`gauge`](Self::gauge).
    ///
    /// ```
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().gauges(
    ///     "shop_queue_jobs",
    ///     "Jobs that wait, by queue.",
    ///     || vec![(vec![("queue", "orders".into())], 3.0)],
    /// );
    /// ```
    ///
    /// # Panics
    ///
    /// As [`gauge`](Self::gauge) does.
    #[must_use]
    pub fn gauges(
        mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Vec<(Vec<(&'static str, String)>, f64)> + Send + Sync + 'static,
    ) -> Self {
        let program = self.program();
        program.add(name, help, move || some(read()).map(FigureValue::Gauges));
        self
    }

    /// Adds a counter that has a value for each of several things, as [`gauges`](Self::gauges) adds a gauge.
    ///
    /// ```
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().counters(
    ///     "shop_retries",
    ///     "Jobs that were tried again, by queue.",
    ///     || vec![(vec![("queue", "orders".into())], 7)],
    /// );
    /// ```
    ///
    /// # Panics
    ///
    /// As [`gauge`](Self::gauge) does.
    #[must_use]
    pub fn counters(
        mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Vec<(Vec<(&'static str, String)>, u64)> + Send + Sync + 'static,
    ) -> Self {
        let program = self.program();
        program.add(name, help, move || some(read()).map(FigureValue::Counters));
        self
    }
}

impl Router {
    /// Shows services elsewhere in `/api/v1/real-time-metrics`, after those of the registry. `read` returns
    /// what is known of them: it is called for each such document, on the thread that makes it, so it
    /// should not block.
    ///
    /// ```
    /// use hyper::Request;
    /// use tickring::{Elsewhere, ErrorType, Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().elsewhere(|| {
    ///     vec![Elsewhere::new("shipping", Err((ErrorType::Timeout, "no answer within 2s".into())))]
    /// });
    /// let request = Request::get("/api/v1/real-time-metrics").body(bytes::Bytes::new()).unwrap();
    /// assert!(router.answer(&request).status().is_success());
    /// ```
    #[must_use]
    pub fn elsewhere(mut self, read: impl Fn() -> Vec<Elsewhere> + Send + Sync + 'static) -> Self {
        self.program().set_elsewhere(read);
        self
    }

    /// To add something. Documents of the clones so far show less.
    fn program(&mut self) -> &mut Program {
        self.documents = Arc::default();
        &mut Arc::make_mut(&mut self.options).program
    }
}

fn some<T>(values: Vec<Labelled<T>>) -> Option<Vec<Labelled<T>>> {
    (!values.is_empty()).then_some(values)
}
