//! Mounting a router below a prefix.

use super::mount::Mount;
use super::response::Refusal;
use super::route::Route;
use super::router::Router;

impl Router {
    /// Answers the paths below `prefix`, and no others: `/ops/metrics` instead of `/metrics`. It is for
    /// code that passes a request on as it came, as axum's `fallback_service` does, and for a
    /// [`Server`](crate::http::Server). `/sd` tells Prometheus the whole path of `/metrics`.
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().mounted_at("/ops");
    /// let status = |path| {
    ///     router.answer(&Request::get(path).body(bytes::Bytes::new()).unwrap()).status()
    /// };
    /// assert_eq!(status("/ops/metrics"), StatusCode::OK);
    /// assert_eq!(status("/metrics"), StatusCode::NOT_FOUND);
    /// ```
    #[must_use]
    pub fn mounted_at(self, prefix: &str) -> Self {
        self.with_mount(Mount::at(prefix, true))
    }

    /// The same where the application takes `prefix` off the path before it passes a request on, as
    /// axum's `nest_service` does. Only `/sd` uses the prefix then.
    ///
    /// ```
    /// use tickring::{Registry, http::Router};
    ///
    /// let figures = Router::new(Registry::from_catalogue(), "data-api").unwrap();
    /// let app: axum::Router = axum::Router::new().nest_service("/ops", figures.nested_at("/ops"));
    /// # drop(app);
    /// ```
    #[must_use]
    pub fn nested_at(self, prefix: &str) -> Self {
        self.with_mount(Mount::at(prefix, false))
    }

    /// The route of a request's path.
    pub(super) fn route(&self, path: &str) -> Option<Route> {
        Route::find(self.options.mount.below(path)?)
    }

    /// The path of a request as its counts name it.
    pub(crate) fn path_of(&self, path: &str) -> &'static str {
        self.route(path).map_or("other", |route| route.template())
    }

    pub(super) fn unknown_path(&self, path: &str) -> Refusal {
        Refusal::unknown_path(path, self.options.mount.prefix())
    }

    /// The whole path of `/metrics`, if it is another one.
    pub(super) fn metrics_path(&self) -> Option<String> {
        let prefix = self.options.mount.prefix();
        (!prefix.is_empty()).then(|| format!("{prefix}/metrics"))
    }
}
