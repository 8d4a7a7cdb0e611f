//! What bulk responses show.

use std::net::SocketAddr;

use super::scrape::Form;

/// All that decides what a bulk response shows. Who wants the same at the same time gets the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    Services,
    RealTime {
        series: bool,
    },
    Table,
    History(String),
    /// The document of a service with the children of its events.
    Labels {
        service: String,
        series: bool,
    },
    Discovery {
        here: Option<SocketAddr>,
        authority: Option<String>,
    },
    Metrics(WantedMetrics),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct WantedMetrics {
    pub(super) here: Option<SocketAddr>,
    /// The only service that is shown, if it isn't all of them.
    pub(super) service: Option<String>,
    pub(super) own_ports: bool,
    pub(super) rates: bool,
    pub(super) form: Form,
}
