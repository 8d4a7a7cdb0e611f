//! The layer on static meters and timers.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tickring::tower::MeterLayer;
use tickring::{Meter, Service, Timer};
use tower::{Layer, ServiceExt, service_fn};

use super::fixture::get;

async fn visit(layer: &MeterLayer) {
    let handler =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(String::new()))));
    let Ok(response) = layer.layer(handler).oneshot(get()).await;
    drop(response);
}

#[tokio::test]
async fn the_layer_takes_static_and_counted_meters() {
    static REQUESTS: Meter = Meter::new();
    static TIMED: Timer = Timer::new();
    static CUT_SHORT: Meter = Meter::new();
    let (counted, timed) = (Arc::new(Meter::new()), Arc::new(Timer::new()));
    let api = Service::builder("api").meter("request", &REQUESTS).build().unwrap();
    for layer in [
        MeterLayer::new(&REQUESTS).cut_short(&CUT_SHORT),
        MeterLayer::new(api.meter("request").unwrap()),
        MeterLayer::new(counted.clone()),
        MeterLayer::timing(&TIMED),
        MeterLayer::timing(timed.clone()),
    ] {
        visit(&layer).await;
    }
    assert_eq!((REQUESTS.total(), counted.total(), CUT_SHORT.total()), (2, 1, 0));
    for timer in [&TIMED, &*timed] {
        let since_start = timer.snapshot().since_start().clone();
        assert!(since_start.count() == 1 && since_start.max() < Some(Duration::from_secs(60)));
    }
}
