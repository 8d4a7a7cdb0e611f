//! One request, from its arrival to its end.

use std::sync::Arc;

use http::{HeaderMap, Request, StatusCode};

use super::flight::Flight;
use super::kind::{Answer, Asked, Kind};
use super::labels::{Arrived, Labels};
use super::outcome::{GRPC_STATUSES, NO_GRPC_STATUS, OUTCOMES, Outcome, grpc_status};
use super::routes::Routes;
use crate::engine::{Clock, MeterHandle, Moment, TimerHandle};

/// The meters that a layer records on.
#[derive(Clone, Debug)]
pub(super) struct Meters {
    pub(super) requests: Requests,
    pub(super) flight: Arc<Flight>,
    pub(super) outcomes: Option<[MeterHandle; OUTCOMES.len()]>,
    pub(super) cut_short: Option<MeterHandle>,
    pub(super) bytes_out: Option<MeterHandle>,
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
    /// When they end, by their labels.
    Labelled(Labels),
}

impl Requests {
    pub(super) fn clock(&self) -> &Clock {
        match self {
            Self::Arriving(meter) => meter.clock(),
            Self::Ending(timer) => timer.clock(),
            Self::Labelled(labels) => labels.clock(),
        }
    }
}

/// A request that has arrived. It ends when this is dropped, and its outcome is what is known by
/// then. There is no other way to end, so no end is missed.
#[derive(Debug)]
pub(super) struct InFlight {
    meters: Arc<Meters>,
    asked: Asked,
    /// When it arrived, if it is timed and hasn't counted yet.
    begun: Option<Moment>,
    /// What its labels need, if it is labelled and hasn't counted yet.
    arrived: Option<Arrived>,
    answer: Answer,
    kind: Kind,
    /// There is a response, and part of its body is yet to come.
    partial: bool,
    grpc_status: Option<usize>,
}

impl InFlight {
    pub(super) fn arrive<A>(meters: &Arc<Meters>, request: &Request<A>) -> Self {
        // The caller's functions come first: if one panics, nothing has begun.
        if let Some(routes) = &meters.routes {
            routes.record(request.method(), request.extensions());
        }
        let (begun, arrived) = match &meters.requests {
            Requests::Arriving(meter) => {
                meter.record();
                (None, None)
            }
            Requests::Ending(timer) => (Some(timer.clock().now()), None),
            Requests::Labelled(labels) => (labels.now(), Some(labels.arrive(request))),
        };
        meters.flight.requests.begin();
        Self {
            meters: Arc::clone(meters),
            asked: Asked::by(request.method()),
            begun,
            arrived,
            answer: Answer::Cancelled,
            kind: Kind::Response,
            partial: false,
            grpc_status: None,
        }
    }

    pub(super) fn asked(&self) -> Asked {
        self.asked
    }

    /// The service returned an error.
    pub(super) fn fail(&mut self) {
        self.answer = Answer::Failed;
    }

    /// The service returned a response, whose body is yet to come.
    pub(super) fn answer(&mut self, status: StatusCode, headers: &HeaderMap, kind: Kind) {
        self.answer = Answer::Status(status);
        self.kind = kind;
        self.read_grpc_status(headers);
        match kind {
            Kind::Response => self.partial = true,
            Kind::Stream => {
                self.meters.flight.streams.begin();
                self.count();
            }
            Kind::Upgrade => self.count(),
        }
    }

    /// Part of the body has been handed on.
    pub(super) fn data(&self, bytes: usize) {
        if let Some(bytes_out) = &self.meters.bytes_out {
            bytes_out.record_n(bytes as u64);
        }
    }

    /// The whole body has been handed on.
    pub(super) fn complete(&mut self) {
        self.partial = false;
    }

    /// The body has failed.
    pub(super) fn fail_body(&mut self) {
        // A stream has no end to be missed, but this is not how one ends.
        self.partial |= self.kind == Kind::Stream;
    }

    /// Takes the status in a head or in trailers, where the later one holds.
    pub(super) fn read_grpc_status(&mut self, headers: &HeaderMap) {
        if self.meters.grpc.is_some() {
            self.grpc_status = grpc_status(headers).or(self.grpc_status);
        }
    }

    /// Counts a request that doesn't count when it arrives; once.
    fn count(&mut self) {
        let (begun, arrived) = (self.begun.take(), self.arrived.take());
        match (&self.meters.requests, begun, &arrived) {
            (Requests::Ending(timer), Some(begun), _) => {
                timer.record(timer.clock().now().since(begun));
            }
            (Requests::Labelled(labels), begun, Some(arrived)) => {
                labels.count(arrived, self.answer, self.kind, begun);
            }
            _ => {}
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.count();
        let meters = &*self.meters;
        if let Some(outcomes) = &meters.outcomes {
            outcomes[Outcome::of(self.answer) as usize].record();
        }
        if let (true, Some(cut_short)) = (self.partial, &meters.cut_short) {
            cut_short.record();
        }
        if let Some(statuses) = &meters.grpc {
            statuses[self.grpc_status.unwrap_or(NO_GRPC_STATUS)].record();
        }
        if self.kind == Kind::Stream {
            meters.flight.streams.end();
        }
        // Last, so that whoever sees that none is in flight sees what they have counted.
        meters.flight.requests.end();
    }
}
