//! Answers that are the longer the more services there are.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Request, StatusCode};

use super::Router;
use super::response::{Answer, error, until_sent};

/// From how many events on an answer about all of them is made away from the reactor: this many
/// take less than a millisecond.
const FEW_EVENTS: usize = 256;

impl Router {
    /// An answer about all services, away from the reactor if they are many. It counts as being
    /// on its way until its last byte is sent.
    pub(crate) async fn answer_at_length(&self, request: Request<Bytes>) -> Answer {
        let slot = Arc::clone(&self.state.long_answers).acquire_owned();
        let slot = tokio::time::timeout(self.options.limits.body_timeout, slot).await;
        let Ok(Ok(slot)) = slot else {
            let why = "too many long answers are on their way to other clients: try again";
            return error(StatusCode::SERVICE_UNAVAILABLE, why);
        };
        let services = self.options.registry.services();
        let events: usize = services.iter().map(|service| service.events().len()).sum();
        let answer = if events > FEW_EVENTS {
            let router = self.clone();
            // Panics are caught inside, and nobody cancels it but a runtime that shuts down.
            match tokio::task::spawn_blocking(move || router.answer(&request)).await {
                Ok(answer) => answer,
                Err(_) => error(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down"),
            }
        } else {
            self.answer(&request)
        };
        until_sent(slot, answer).await
    }
}
