//! The layer: which figures it counts, and where.

use std::sync::Arc;

use tower_layer::Layer;

use super::flight::Flight;
use super::labels::Labels;
use super::outcome::{GRPC_STATUSES, OUTCOMES, meters};
use super::pattern::RoutePattern;
use super::request::{Meters, Requests};
use super::routes::Routes;
use super::service::Metered;
use crate::engine::{MeterHandle, TimerHandle};
use crate::fleet::{Service, ServiceError};

/// Counts the requests that go through a service; the [module](super) says which request counts
/// when.
///
/// A request costs a reference count, two records for what is [in flight](Self::in_flight), and a record for
/// each figure that is asked for; a [timed](Self::timing) one costs two clock readings as well. Nothing
/// blocks, except for the first request of a [route](Self::routes).
#[derive(Clone, Debug)]
pub struct MeterLayer {
    meters: Arc<Meters>,
}

impl MeterLayer {
    /// A layer that counts requests on `requests` when they arrive: a service's meter, a static one, or
    /// one in an [`Arc`].
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::sync::Arc;
    /// use http::{Request, Response};
    /// use http_body_util::Empty;
    /// use tickring::{Meter, tower::MeterLayer};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # type Body = Empty<bytes::Bytes>;
    /// # async fn serve() -> Result<(), Infallible> {
    /// let requests = Arc::new(Meter::new());
    /// let handler = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::new())));
    /// let metered = MeterLayer::new(requests.clone()).layer(handler);
    /// metered.oneshot(Request::new(Body::new())).await?;
    /// assert_eq!(requests.snapshot().total(), 1);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(serve()).unwrap();
    /// ```
    #[must_use]
    pub fn new(requests: impl Into<MeterHandle>) -> Self {
        Self::counting(Requests::Arriving(requests.into()))
    }

    /// A layer that times requests from their arrival to their end. A request counts on `timer`
    /// when it ends, in whatever way it ends; a [stream or an upgrade](super#streams-and-upgrades) when its
    /// head is there.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Service, tower::MeterLayer};
    ///
    /// let api = Service::builder("api").timed_event("request").build()?;
    /// let layer = MeterLayer::timing(api.timer("request")?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn timing(timer: impl Into<TimerHandle>) -> Self {
        Self::counting(Requests::Ending(timer.into()))
    }

    /// A layer that counts each request as one event with labels: `event` of `service`. The keys of the event
    /// say which labels; the [module](super#labels) has their values. If the event is timed, the duration
    /// goes to the same labels. A request counts when it ends, because its status is known only then; a
    /// [stream or an upgrade](super#streams-and-upgrades) when its head is there.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::extract::MatchedPath;
    /// use tickring::tower::{MeterLayer, RoutePattern};
    /// use tickring::{Registry, Service};
    ///
    /// let registry = Registry::new();
    /// let api = Service::builder("api").timed_event("request").labels(["route", "method", "status"]);
    /// let api = registry.register(api.build()?)?;
    /// let layer = MeterLayer::labelled(&api, "request", RoutePattern::by(MatchedPath::as_str))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The first request of a set of labels allocates; later ones look the set up without a lock. The event's
    /// [cap](crate::ServiceBuilder::label_sets) bounds the sets, and a layer tells 1,024 routes apart; what
    /// is past either counts as `other`.
    ///
    /// # Errors
    ///
    /// Those of [`Service::meter`]; [`ServiceError::NoLabels`] if the event has none;
    /// [`ServiceError::BadLabel`] if it has one that the layer doesn't know, or a `route` where `pattern` is
    /// [`RoutePattern::none`].
    pub fn labelled(
        service: &Service,
        event: &str,
        pattern: RoutePattern,
    ) -> Result<Self, ServiceError> {
        Ok(Self::counting(Requests::Labelled(Labels::new(service, event, pattern)?)))
    }

    fn counting(requests: Requests) -> Self {
        let meters = Meters {
            flight: Arc::new(Flight::new(requests.clock())),
            requests,
            outcomes: None,
            cut_short: None,
            bytes_out: None,
            grpc: None,
            routes: None,
        };
        Self { meters: Arc::new(meters) }
    }

    /// Counts how requests end, as events of `service`, which was built from
    /// [`outcomes`](super::outcomes).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::tower::{MeterLayer, outcomes};
    /// use tickring::{Registry, Service};
    ///
    /// let registry = Registry::new();
    /// let api = registry.register(Service::builder("api").event("request").build()?)?;
    /// let ends = registry.register(outcomes("api-outcome").build()?)?;
    /// let layer = MeterLayer::new(api.meter("request")?).outcomes(&ends)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the service lacks one of these events, or one of them has a source.
    pub fn outcomes(self, service: &Service) -> Result<Self, ServiceError> {
        let outcomes = meters(service, OUTCOMES)?;
        Ok(self.with(|meters| meters.outcomes = Some(outcomes)))
    }

    /// Counts responses whose body failed or was dropped before its end, on `meter`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Service, tower::MeterLayer};
    ///
    /// let api = Service::builder("api").event("request").build()?;
    /// let cut_short = Service::builder("api-cut-short").event("response").build()?;
    /// let layer = MeterLayer::new(api.meter("request")?).cut_short(cut_short.meter("response")?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn cut_short(self, meter: impl Into<MeterHandle>) -> Self {
        self.with(|meters| meters.cut_short = Some(meter.into()))
    }

    /// Counts the bytes of response bodies on `meter`, as they are handed on. It is the data that passes the
    /// layer: before a compression that is further out, and without heads and the framing of HTTP.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tickring::{Meter, tower::MeterLayer};
    ///
    /// static BYTES_OUT: Meter = Meter::new();
    /// let layer = MeterLayer::new(Arc::new(Meter::new())).bytes_out(&BYTES_OUT);
    /// ```
    #[must_use]
    pub fn bytes_out(self, meter: impl Into<MeterHandle>) -> Self {
        self.with(|meters| meters.bytes_out = Some(meter.into()))
    }

    /// Counts the gRPC status of each call as an event of `service`, which was built from
    /// [`grpc_statuses`](super::grpc_statuses).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::tower::{MeterLayer, grpc_statuses};
    /// use tickring::{Registry, Service};
    ///
    /// let registry = Registry::new();
    /// let api = registry.register(Service::builder("api").event("call").build()?)?;
    /// let statuses = registry.register(grpc_statuses("api-status").build()?)?;
    /// let layer = MeterLayer::new(api.meter("call")?).grpc(&statuses)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the service lacks one of these events, or one of them has a source.
    pub fn grpc(self, service: &Service) -> Result<Self, ServiceError> {
        let statuses = meters(service, GRPC_STATUSES)?;
        Ok(self.with(|meters| meters.grpc = Some(statuses)))
    }

    /// Counts requests by route, when they arrive; [`Routes`] has an example.
    #[must_use]
    pub fn routes(self, routes: Routes) -> Self {
        self.with(|meters| meters.routes = Some(routes))
    }

    /// The requests that have arrived at this layer and its clones, and have not ended. It is exact: each
    /// request ends once, in whatever way. One that arrives or ends during the call may be in it or not.
    ///
    /// It costs two loads for each thread that has served requests. To show it in `/metrics`, give a clone
    /// of the layer to the router of the feature `http`:
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Registry, Service, tower::MeterLayer};
    ///
    /// let registry = Registry::new();
    /// let api = registry.register(Service::builder("api").event("request").build()?)?;
    /// let layer = MeterLayer::new(api.meter("request")?);
    /// # #[cfg(feature = "http")] {
    /// let (all, streams) = (layer.clone(), layer.clone());
    /// let figures = tickring::http::Router::new(registry, "api")?
    ///     .gauge("api_requests_in_flight", "Requests that have not ended, streams included.", move || {
    ///         Some(all.in_flight().into())
    ///     })
    ///     .gauge("api_streams_in_flight", "Streams that have not ended.", move || {
    ///         Some(streams.streams_in_flight().into())
    ///     });
    /// # }
    /// assert_eq!(layer.in_flight(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.meters.flight.requests.now()
    }

    /// Those requests [in flight](Self::in_flight) whose response is a
    /// [stream](super#streams-and-upgrades) that has begun.
    #[must_use]
    pub fn streams_in_flight(&self) -> u32 {
        self.meters.flight.streams.now()
    }

    fn with(mut self, change: impl FnOnce(&mut Meters)) -> Self {
        change(Arc::make_mut(&mut self.meters));
        self
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered::new(inner, Arc::clone(&self.meters))
    }
}
