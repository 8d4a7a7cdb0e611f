//! A program that is instrumented with the `metrics` facade: its counters and histograms keep their names and
//! help texts in `/metrics`.
//!
//!     cargo run -p tickring --features http,metrics --example metrics_facade -- 127.0.0.1:9002
//!     curl http://127.0.0.1:9002/metrics

use std::error::Error;
use std::net::TcpListener;

use metrics::{Unit, counter, describe_counter, describe_histogram, gauge, histogram};
use tickring::http::{Router, Server};
use tickring::metrics::Recorder;
use tickring::{Registry, Service};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9002".into());

    // Once, at the start. From then on every crate's counters count in the registry.
    let registry = Registry::new();
    registry.register(Service::builder("shop").event("order").build()?)?;
    Recorder::new(registry.clone()).install()?;
    work();

    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    let server = Server::new(Router::new(registry, "shop")?).listen(listener, "shop")?;
    server.serve(std::future::pending()).await?;
    Ok(())
}

/// What a library does that knows the facade only.
fn work() {
    describe_counter!("http_requests_total", "Requests by \"route\",\nas they were answered.");
    describe_histogram!("job_duration", Unit::Milliseconds, "How long jobs took.");
    counter!("http_requests_total", "route" => "/items/{id}", "method" => "GET").increment(3);
    counter!("cache.hits").increment(2);
    histogram!("job_duration", "queue" => "mail").record(20.0);
    gauge!("queue_length").set(7.0); // not recorded, and counted as refused
}
