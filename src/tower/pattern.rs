//! Where a router has left the pattern that a request matched.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{Extensions, Method};

type Find = dyn for<'a> Fn(&'a Method, &'a Extensions) -> Option<Cow<'a, str>> + Send + Sync;

/// Finds the pattern of the route that a request matched, `/items/{id}` for example.
///
/// Routers leave it in the request's extensions. The path itself is out of reach here, because clients
/// choose it, and a value for each path would fill every store.
///
/// The layer reads the extensions when the request arrives, so the router must have run by then. In axum
/// the layer goes on the router, by `Router::layer` or `Router::route_layer`, and not around it.
#[derive(Clone)]
pub struct RoutePattern {
    /// `None` if there is nothing to find.
    find: Option<Arc<Find>>,
    from: &'static str,
}

impl RoutePattern {
    /// The pattern that axum 0.8 leaves, its `MatchedPath`. For another version of axum use
    /// [`by`](Self::by): a `MatchedPath` of another version is another type, which this doesn't find.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Registry, tower::{RoutePattern, Routes}};
    ///
    /// let registry = Registry::new();
    /// let routes = Routes::by(&registry, "api-route", RoutePattern::axum())?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn axum() -> Self {
        Self::by(axum::extract::MatchedPath::as_str)
    }

    /// The pattern in an extension of the type `T`. It needs no feature, and fits each version of axum, and
    /// other routers.
    ///
    /// ```
    /// use axum::extract::MatchedPath;
    /// use tickring::tower::RoutePattern;
    ///
    /// let pattern = RoutePattern::by(MatchedPath::as_str);
    /// ```
    #[must_use]
    pub fn by<T: Send + Sync + 'static>(read: impl Fn(&T) -> &str + Send + Sync + 'static) -> Self {
        let find = for_all(move |_, extensions| {
            extensions.get::<T>().map(|extension| Cow::Borrowed(read(extension)))
        });
        Self { find: Some(find), from: type_name::<T>() }
    }

    /// What a function finds in the request's method and extensions. `None` is a request without a route.
    /// The function should have few answers: each is a value of its own.
    ///
    /// ```
    /// use axum::extract::MatchedPath;
    /// use tickring::tower::RoutePattern;
    ///
    /// let pattern = RoutePattern::find(|method, extensions| {
    ///     let path = extensions.get::<MatchedPath>()?;
    ///     Some(format!("{method} {}", path.as_str()).into())
    /// });
    /// ```
    #[must_use]
    pub fn find<F>(find: F) -> Self
    where
        F: for<'a> Fn(&'a Method, &'a Extensions) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        Self { find: Some(Arc::new(find)), from: "a function" }
    }

    /// For a service without a router.
    #[must_use]
    pub fn none() -> Self {
        Self { find: None, from: "nothing" }
    }

    pub(super) fn is_none(&self) -> bool {
        self.find.is_none()
    }

    pub(super) fn of<'a>(
        &self,
        method: &'a Method,
        extensions: &'a Extensions,
    ) -> Option<Cow<'a, str>> {
        self.find.as_ref()?(method, extensions)
    }
}

/// Tells the compiler that the function is one for every lifetime.
fn for_all<F>(find: F) -> Arc<Find>
where
    F: for<'a> Fn(&'a Method, &'a Extensions) -> Option<Cow<'a, str>> + Send + Sync + 'static,
{
    Arc::new(find)
}

impl fmt::Debug for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutePattern(from {})", self.from)
    }
}
