//! From a request to its answer, without a socket.

use std::error::Error;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, EXPECT};
use hyper::{Method, Request, Response, StatusCode};

use super::body;
use super::bulk::authority;
use super::caught::caught;
use super::description::description;
use super::gate::{check_framing, is_about_the_server};
use super::query::Query;
use super::response::{Answer, ProbeStatus, Refusal, closing, json, options};
use super::response_body::ResponseBody;
use super::route::Route;
use super::router::Router;
use crate::fleet::Showing;

impl Router {
    /// Answers a request as it comes from a connection. Reads the body, within the limits, if the
    /// route takes one.
    ///
    /// A long response is made on the blocking threads of the tokio runtime where there are many
    /// events.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use http_body_util::Full;
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, Service, http::Router};
    ///
    /// let registry = Registry::new();
    /// let service = registry.register(Service::from_catalogue("data-api")?)?;
    /// let router = Router::new(registry, "data-api")?.accept_events();
    /// let body = Full::<bytes::Bytes>::from(r#"{"event":"request","count":3}"#);
    /// let request = Request::post("/api/v1/services/data-api/events").body(body)?;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// let response = runtime.block_on(router.handle(request));
    /// assert_eq!(response.status(), StatusCode::ACCEPTED);
    /// assert_eq!(service.snapshot()?.total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If it isn't polled on a tokio runtime whose time driver is enabled.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let cors = self.cors(&request);
        let mut answer = self.respond(request).await;
        cors.apply(answer.headers_mut());
        answer
    }

    async fn respond<B>(&self, request: Request<B>) -> Answer
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let route = self.route(request.uri().path());
        if let Err(refusal) = self.check_head(&request, route.as_ref()) {
            return self.refuse(request, refusal).await;
        }
        let (head, incoming) = request.into_parts();
        let asks_about = head.method == Method::OPTIONS;
        let takes_body = route.as_ref().is_some_and(Route::takes_body) && !asks_about;
        let body = if takes_body {
            match body::read(incoming, &self.options.limits).await {
                Ok(body) => body,
                // The rest of the body stands where the next request would begin.
                Err(refusal) => return closing(refusal.into()),
            }
        } else {
            Bytes::new()
        };
        let request = Request::from_parts(head, body);
        let route_of_document = route.as_ref().filter(|_| !asks_about);
        match route_of_document.and_then(|route| self.wanted(&request, route)) {
            Some(wanted) => {
                let answer = self.answer_bulk(request.uri().path(), wanted).await;
                for_method(request.method(), answer)
            }
            None => self.answer_route(&request, route),
        }
    }

    /// The answer to a request whose head decides that it is refused. A client that waits to be
    /// asked for the body isn't asked. From others the body is on its way.
    async fn refuse<B: Body>(&self, request: Request<B>, refusal: Refusal) -> Answer {
        let (head, body) = request.into_parts();
        let answer = for_method(&head.method, refusal.into());
        // Where such a body ends is not known for sure, and so neither where a next request begins.
        if check_framing(&head.headers).is_err() {
            return closing(answer);
        }
        if body.is_end_stream() {
            return answer;
        }
        let waits = head.headers.get(EXPECT);
        let waits =
            waits.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let read = !waits && body::skip(body, &self.options.limits).await;
        if read { answer } else { closing(answer) }
    }

    /// Answers a request whose body is there already. If the code behind a route panics, the
    /// answer is status 500, and nothing else is affected.
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap();
    /// let status = |path| {
    ///     let request = Request::get(path).body(bytes::Bytes::new()).unwrap();
    ///     router.answer(&request).status()
    /// };
    /// assert_eq!(status("/health/live"), StatusCode::OK);
    /// assert_eq!(status("/api/v1/services/unknown/event-rate"), StatusCode::NOT_FOUND);
    /// ```
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>) -> Response<ResponseBody> {
        let route = self.route(request.uri().path());
        let mut answer = match self.check_head(request, route.as_ref()) {
            Ok(()) => self.answer_route(request, route),
            Err(refusal) => for_method(request.method(), refusal.into()),
        };
        self.cors(request).apply(answer.headers_mut());
        answer
    }

    /// The answer to a request for this route, after its head has been checked.
    fn answer_route(&self, request: &Request<Bytes>, route: Option<Route>) -> Answer {
        let answer = caught(request.uri().path(), || self.dispatch(request, route));
        for_method(request.method(), answer)
    }

    fn dispatch(&self, request: &Request<Bytes>, route: Option<Route>) -> Result<Answer, Refusal> {
        if is_about_the_server(request) {
            return Ok(options(Route::ALLOW_ANY));
        }
        let Some(route) = route else { return Err(self.unknown_path(request.uri().path())) };
        if request.method() == Method::OPTIONS {
            return Ok(options(route.allow()));
        }
        let query = Query::parse(request.uri().query().unwrap_or(""))
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        let showing = Showing { seconds: query.series, labels: query.labels };
        match route {
            Route::Front => Ok(self.front(request.headers())),
            Route::RealTime => Ok(self.real_time(query.series)),
            Route::Service(name) => self.forget(&name),
            Route::Description => Ok(description()),
            Route::EventRate => self.event_rate(query.service.as_deref(), showing),
            Route::EventRateOf(name) => self.event_rate(Some(&name), showing),
            Route::Events(name) => self.events(&name, request.body()),
            Route::History(name) => self.history_of(&name),
            Route::Health => self.health(),
            Route::Live => Ok(json(StatusCode::OK, &ProbeStatus::of("live"))),
            Route::Ready => Ok(self.ready()),
            Route::Services => Ok(self.services()),
            Route::Metrics => self.metrics(&self.wanted_metrics(&query, request.headers())),
            Route::Discovery => Ok(self.discovery(authority(request))),
        }
    }
}

/// The answer as this method gets it: HEAD gets no body, but its length.
fn for_method(method: &Method, mut answer: Answer) -> Answer {
    if method == Method::HEAD {
        let length = answer.body().size_hint().exact().unwrap_or(0);
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
        *answer.body_mut() = ResponseBody::default();
    }
    answer
}
