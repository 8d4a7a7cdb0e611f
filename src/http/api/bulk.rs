//! Responses whose size grows with the number of services.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HOST;
use hyper::{HeaderMap, Request, StatusCode};

use super::query::Query;
use super::response::{Answer, Listed, Overview, Refusal, error, json, until_sent};
use super::route::Route;
use super::router::Router;
use super::scrape;
use crate::export::ProcessSample;
use crate::export::discovery;
use crate::fleet::{Rejections, Service};

/// Up to this many events a bulk response is made on the connection's thread: it takes less than a
/// millisecond. Longer ones are made on the runtime's blocking threads.
const FEW_EVENTS: usize = 256;

impl Router {
    /// The answer to a request for a bulk response. It occupies one of the places for such
    /// responses until its last byte is sent.
    pub(super) async fn answer_bulk(&self, request: Request<Bytes>, route: Route) -> Answer {
        let place = Arc::clone(&self.bulk).acquire_owned();
        let place = tokio::time::timeout(self.options.limits.body_timeout, place).await;
        let Ok(Ok(place)) = place else {
            let why = "too many long answers are on their way to other clients: try again";
            return error(StatusCode::SERVICE_UNAVAILABLE, why);
        };
        let services = self.options.registry.services();
        let events: usize = services.iter().map(|service| service.events().len()).sum();
        let answer = if events > FEW_EVENTS {
            let router = self.clone();
            let make = move || router.answer_route(&request, Some(route));
            // Panics are caught inside, and only a runtime that shuts down cancels this.
            match tokio::task::spawn_blocking(make).await {
                Ok(answer) => answer,
                Err(_) => error(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down"),
            }
        } else {
            self.answer_route(&request, Some(route))
        };
        until_sent(place, answer).await
    }

    pub(super) fn services(&self) -> Answer {
        let services = self.options.registry.services();
        let services = services.iter().map(|service| Listed::from(&**service)).collect();
        let rejected = self.options.rejections.iter().flat_map(Rejections::iter);
        let rejected = rejected.map(|(reason, count)| (reason.as_str(), count)).collect();
        json(StatusCode::OK, &Overview { services, rejected })
    }

    pub(super) fn metrics(
        &self,
        query: &Query<'_>,
        headers: &HeaderMap,
    ) -> Result<Answer, Refusal> {
        let all = self.options.registry.services();
        let dedicated = self.listener.as_ref().is_some_and(|listener| listener.dedicated);
        let one = match &query.service {
            Some(name) => Some(self.named(Some(name))?),
            None if dedicated => Some(self.named(None)?),
            None => None,
        };
        let left_out = self.left_out(query);
        let services: Vec<&Service> = if let Some(service) = &one {
            vec![service]
        } else {
            let wanted = |service: &&Service| !left_out.contains(service.name());
            all.iter().map(|service| &**service).filter(wanted).collect()
        };
        let process = one.is_none().then(|| self.process_sample());
        let rates = query.rates.unwrap_or(self.options.rates);
        Ok(scrape::answer(&scrape::scrape(&services, process, rates), headers))
    }

    /// The services that are scraped on their dedicated listeners instead.
    fn left_out(&self, query: &Query<'_>) -> HashSet<&str> {
        let Some(here) = self.listener.as_ref().filter(|_| !query.own_ports) else {
            return HashSet::new();
        };
        let dedicated = discovery::dedicated_listeners(&here.running.listening, here.address);
        dedicated.map(|(service, _)| service).collect()
    }

    fn process_sample(&self) -> ProcessSample {
        let max_connections = self.options.limits.max_connections;
        ProcessSample {
            version: env!("CARGO_PKG_VERSION"),
            engine: crate::engine::diagnostics(),
            rejected: self.options.rejections.iter().flat_map(Rejections::iter).collect(),
            program: self.options.program.sample(),
            http: self.listener.as_ref().map(|here| here.running.sample(max_connections)),
        }
    }

    pub(super) fn discovery(&self, headers: &HeaderMap) -> Answer {
        let services = self.options.registry.services();
        let here = self.listener.as_ref();
        let here = here.map(|here| (here.running.listening.as_slice(), here.address));
        let authority = headers.get(HOST).and_then(|host| host.to_str().ok());
        json(StatusCode::OK, &discovery::targets(&services, here, authority))
    }
}
