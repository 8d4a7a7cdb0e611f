//! A small hyper service that counts its own requests and tells their rate.
//!
//!     cargo run -p tickring --features http --example service -- 127.0.0.1:9001
//!     curl http://127.0.0.1:9001/invoices
//!     curl http://127.0.0.1:9001/api/v1/event-rate
//!
//! What it does not know itself it hands to tickring's router: `/api/v1/…`, `/health`, `/metrics`.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tickring::http::{ResponseBody, Router};
use tickring::{MeterHandle, Registry, Service};
use tokio::net::TcpListener;

/// What every request needs. The meters are looked up once.
struct Billing {
    lists: MeterHandle,
    invoices: MeterHandle,
    router: Router,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());

    let registry = Registry::new();
    let service = Service::builder("billing").event("list").event("invoice").build()?;
    let service = registry.register(service)?;
    let billing = Arc::new(Billing {
        lists: service.meter("list")?,
        invoices: service.meter("invoice")?,
        router: Router::new(registry, "billing"),
    });

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
                self.invoices.record();
                json("{\"accepted\":1}")
            }
            // To read only: the router also takes events by POST, and those are not for everyone.
            (&Method::GET | &Method::HEAD, _) => self.router.handle(request).await,
            _ => {
                let mut answer = json("{\"error\":\"POST goes to /invoices only\"}");
                *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                answer
            }
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
