//! One request, from its arrival to its end.

use std::sync::Arc;

use http::{HeaderMap, Response};

use super::outcome::{GRPC_STATUSES, NO_GRPC_STATUS, OUTCOMES, Outcome, grpc_status};
use super::routes::Routes;
use crate::engine::{MeterHandle, Moment, TimerHandle};

/// The meters that a layer records on.
#[derive(Clone, Debug)]
pub(super) struct Meters {
    pub(super) requests: Requests,
    pub(super) outcomes: Option<[MeterHandle; OUTCOMES.len()]>,
    pub(super) cut_short: Option<MeterHandle>,
    pub(super) grpc: Option<[MeterHandle; GRPC_STATUSES.len()]>,
    pub(super) routes: Option<Routes>,
}

/// How the requests themselves are counted.
#[derive(Clone, Debug)]
pub(super) enum Requests {
    /// When they arrive.
    Arriving(MeterHandle),
    /// When they end, with the time that they took.
    Ending(TimerHandle),
}

/// A request that has arrived. It ends when this is dropped, and its outcome is what is known by
/// then. There is no other way to end, so no end is missed.
#[derive(Debug)]
pub(super) struct InFlight {
    meters: Arc<Meters>,
    /// When it arrived, if it is timed.
    arrived: Option<Moment>,
    outcome: Outcome,
    /// There is a response, and part of its body is yet to come.
    partial: bool,
    grpc_status: Option<usize>,
}

impl InFlight {
    pub(super) fn arrive(meters: &Arc<Meters>) -> Self {
        let arrived = match &meters.requests {
            Requests::Arriving(meter) => {
                meter.record();
                None
            }
            Requests::Ending(timer) => Some(timer.clock().now()),
        };
        Self {
            meters: Arc::clone(meters),
            arrived,
            outcome: Outcome::Cancelled,
            partial: false,
            grpc_status: None,
        }
    }

    /// The service returned an error.
    pub(super) fn fail(&mut self) {
        self.outcome = Outcome::Failed;
    }

    /// The service returned a response, whose body is yet to come.
    pub(super) fn answer<B>(&mut self, response: &Response<B>) {
        self.outcome = Outcome::of(response.status());
        self.partial = true;
        self.grpc_status = grpc_status(response.headers());
    }

    /// The whole body has been handed on.
    pub(super) fn complete(&mut self) {
        self.partial = false;
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        self.grpc_status = grpc_status(trailers).or(self.grpc_status);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let (Some(arrived), Requests::Ending(timer)) = (self.arrived, &self.meters.requests) {
            timer.record(timer.clock().now().since(arrived));
        }
        if let Some(outcomes) = &self.meters.outcomes {
            outcomes[self.outcome as usize].record();
        }
        if let (true, Some(cut_short)) = (self.partial, &self.meters.cut_short) {
            cut_short.record();
        }
        if let Some(statuses) = &self.meters.grpc {
            statuses[self.grpc_status.unwrap_or(NO_GRPC_STATUS)].record();
        }
    }
}
