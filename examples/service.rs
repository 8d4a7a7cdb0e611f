//! A small hyper service that counts its own requests and tells their rate.
//!
//!     cargo run -p tickring --features http --example service -- 127.0.0.1:9001
//!     curl http://127.0.0.1:9001/invoices
//!     curl http://127.0.0.1:9001/api/v1/event-rate
//!
//! What it does not know itself it hands to tickring's router: `/api/v1/…`, `/health`, `/metrics`. That only
//! reads: nobody can count events over HTTP but by doing what is counted.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tickring::http::{ResponseBody, Router};
use tickring::{Meter, MeterHandle, Registry, Service};
use tokio::net::TcpListener;

/// Code anywhere in the process counts on it, and the service shows it.
static INVOICES: Meter = Meter::new();

/// What every request needs. The meter is looked up once.
struct Billing {
    lists: MeterHandle,
    router: Router,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());

    let registry = Registry::new();
    let service = Service::builder("billing").event("list").meter("invoice", &INVOICES).build()?;
    let service = registry.register(service)?;
    let lists = service.meter("list")?;
    let billing = Arc::new(Billing { lists, router: Router::new(registry, "billing")? });

    let listener = TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let billing = Arc::clone(&billing);
        tokio::spawn(async move {
            let service = service_fn(|request| billing.answer(request));
            let mut connections = http1::Builder::new();
            connections.timer(TokioTimer::new());
            if let Err(error) = connections.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("connection: {error}");
            }
        });
    }
}

impl Billing {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let answer = match (request.method(), request.uri().path()) {
            (&Method::GET, "/invoices") => {
                self.lists.record();
                json("[]")
            }
            (&Method::POST, "/invoices") => {
                INVOICES.record();
                json("{\"accepted\":1}")
            }
            _ => self.router.handle(request).await,
        };
        Ok(answer)
    }
}

fn json(body: &'static str) -> Response<ResponseBody> {
    let mut answer = Response::new(ResponseBody::from(body));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}
