//! data-api on axum: counts its requests in a layer, and tells their rate.
//!
//!     cargo run -p tickring --features http,tower --example axum_data_api -- 127.0.0.1:8006
//!     curl http://127.0.0.1:8006/api/v1/items/1
//!     curl http://127.0.0.1:8006/api/v1/event-rate
//!     curl 'http://127.0.0.1:8006/api/v1/event-rate?service=data-api-outcome'
//!     curl 'http://127.0.0.1:8006/api/v1/event-rate?service=data-api-route'

use std::error::Error;

use axum::Router;
use axum::extract::{MatchedPath, Path};
use axum::http::StatusCode;
use axum::routing::get;
use tickring::tower::{MeterLayer, Routes, outcomes};
use tickring::{Registry, Service};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8006".into());

    // What is counted: requests, what becomes of them, and which routes they take.
    let registry = Registry::new();
    let data_api = registry.register(Service::from_catalogue("data-api")?)?;
    let ends = registry.register(outcomes("data-api-outcome").build()?)?;
    let routes = Routes::new(&registry, "data-api-route", |_, extensions| {
        extensions.get::<MatchedPath>().map(|path| path.as_str().into())
    })?;
    let layer = MeterLayer::new(data_api.meter("request")?).outcomes(&ends)?.routes(routes);

    // Where it can be read: each path that the application doesn't have is the figures'. They are only
    // read; POST gets 403. `nest_service` would put them under a prefix.
    let figures = tickring::http::Router::new(registry, "data-api")?;

    let app =
        Router::new().route("/api/v1/items/{id}", get(item)).fallback_service(figures).layer(layer);
    let listener = TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn item(Path(id): Path<u32>) -> Result<String, StatusCode> {
    if id == 0 { Err(StatusCode::NOT_FOUND) } else { Ok(format!("item {id}")) }
}
