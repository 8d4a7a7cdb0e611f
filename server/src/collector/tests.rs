//! Remotes of all kinds, over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use tickring::http::{Router, Server};
use tickring::{Registry, Service};

use super::*;

/// Far longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const GOOD: &str =
    r#"{"events_per_second":2.5,"events_per_hour":9000,"total_events":70,"uptime_seconds":8}"#;

/// A pace at which tests don't have to wait.
fn fast() -> Pace {
    Pace {
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(200),
        retries: 1,
        retry_delay: Duration::from_millis(10),
        failures: 2,
        pause: Duration::from_millis(30),
        longest_pause: Duration::from_millis(100),
    }
}

/// A server that reads the head of each request and then does this. It lives as long as the process.
fn server(answer: impl Fn(&str, TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    serve(listener, answer);
    address
}

fn serve(listener: TcpListener, answer: impl Fn(&str, TcpStream) + Clone + Send + 'static) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || {
                let (mut stream, mut head) = (stream, Vec::new());
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.push(byte[0]);
                }
                answer(&String::from_utf8_lossy(&head), stream);
            });
        }
    });
}

/// A server that gives each path its answer.
fn answers(of: impl Fn(&str) -> (u16, String) + Clone + Send + 'static) -> SocketAddr {
    server(move |head, mut stream| {
        let (status, body) = of(head.split(' ').nth(1).unwrap_or_default());
        let length = body.len();
        let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
    })
}

fn remote(name: &str, address: SocketAddr) -> Remote {
    let address = format!("http://{address}").parse().unwrap();
    let basis = tickring::RateBasis::Rolling;
    Remote { name: name.into(), category: "data".into(), port: None, basis, address }
}

async fn ask(address: SocketAddr) -> Result<Figures, Trouble> {
    let remote = remote("x", address);
    let lookup = tokio::sync::Mutex::default();
    ask::ask(&remote.address, &remote.name, &lookup, Duration::from_millis(300)).await
}

/// The state of the only remote, when it is as it should be.
async fn wait(collector: &Collector, is_right: impl Fn(&State) -> bool) -> State {
    let begun = Instant::now();
    loop {
        let (_, state) = collector.states().remove(0);
        if is_right(&state) {
            return state;
        }
        assert!(begun.elapsed() < PATIENCE, "{state:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn bad_answers_are_client_errors_with_a_reason() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closing = server(|_, stream| drop(stream));
    let garbage = server(|_, mut stream| drop(stream.write_all(b"\x16\x03\x01 not http\r\n\r\n")));
    let cut = server(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{");
    });
    let redirecting = server(|_, mut stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 302 X\r\nLocation: http://b/\r\nContent-Length: 0\r\n\r\n");
    });
    let huge = server(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while stream.write_all(&[b' '; 8192]).is_ok() {}
    });
    let endless = server(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Header: value of a header without an end\r\n").is_ok() {}
    });
    let interim =
        server(
            |_, mut stream| {
                while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n").is_ok() {}
            },
        );
    for (address, expected) in [
        (interim, "no answer: "),
        (dead, "can't connect: Connection refused"),
        (closing, "no answer: "),
        (garbage, "no answer: invalid HTTP"),
        (cut, "its answer breaks off: "),
        (redirecting, "it redirects, which is not followed"),
        (huge, "its answer is longer than 262144 bytes"),
        (endless, "no answer: message head is too large"),
        (answers(|_| (200, "<html>".into())), "its answer is no JSON: expected value"),
        (answers(|_| (200, GOOD.replace("2.5", "-2.5"))), "its events_per_second is -2.5"),
        (answers(|_| (503, r#"{"error":"not now"}"#.into())), "it answers 503: not now"),
        (answers(|_| (404, String::new())), "it answers 404"),
        (answers(|_| (500, format!(r#"{{"error":"a\nb{}"}}"#, "x".repeat(9000)))), "500: a bxxx"),
    ] {
        let trouble = ask(address).await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::ClientError, "{expected}: {trouble:?}");
        assert!(trouble.message.contains(expected), "{expected}: {}", trouble.message);
        assert!(trouble.message.chars().count() <= 300);
    }
}

#[tokio::test]
async fn remotes_that_hang_or_drip_time_out() {
    let silent = server(|_, stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    let drip = |first: &'static [u8]| {
        server(move |_, mut stream| {
            let _ = stream.write_all(first);
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        })
    };
    let head = drip(b"HTTP/1.1 200 OK\r\nX: ");
    let body = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for address in [silent, head, body] {
        let trouble = ask(address).await.unwrap_err();
        let expected = Trouble::new(TroubleKind::Timeout, "no answer within 300ms");
        assert_eq!(trouble, expected);
    }
}

#[tokio::test]
async fn both_ways_of_answering_are_understood() {
    let rate = answers(|path| match path {
        "/api/v1/event-rate?service=x&series=1" => (200, GOOD.into()),
        _ => (404, String::new()),
    });
    let health = answers(|path| match path {
        "/health" => (200, r#"{"status":"healthy","events_per_hour":3600}"#.into()),
        _ => (404, "not found".into()),
    });
    assert_eq!(ask(rate).await.unwrap().total_events, 70);
    assert!((ask(health).await.unwrap().events_per_second - 1.0).abs() < 1e-9);
    // Another service's health is not this one's.
    let others = answers(|path| match path {
        "/health" => (200, r#"{"service":"y","events_per_hour":3600}"#.into()),
        _ => (404, r#"{"error":"unknown service \"x\""}"#.into()),
    });
    let trouble = ask(others).await.unwrap_err();
    let expected = "its /health is that of \"y\" (event-rate: unknown service \"x\")";
    assert_eq!(trouble, Trouble::new(TroubleKind::ClientError, expected));
}

/// One server asks another: what it shows is exactly what was counted there.
#[tokio::test]
async fn figures_of_another_server_are_exact() {
    let registry = Registry::new();
    let shop = Service::builder("shop").event("order").event("visit").build().unwrap();
    let shop = registry.register(shop).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        Server::new(Router::new(registry, "shop").unwrap()).listen(listener, "shop").unwrap();
    tokio::spawn(server.serve(std::future::pending()));

    let collector = Collector::new(Pace { timeout: PATIENCE, ..fast() });
    collector.follow(&[remote("shop", address)]);
    let mut total = 0;
    for n in 1..=20 {
        shop.meter("order").unwrap().record_n(n);
        shop.meter("visit").unwrap().record_n(2 * n);
        total += 3 * n;
        let is_there = |state: &State| {
            state.figures.as_ref().is_ok_and(|figures| figures.total_events == total)
        };
        let state = wait(&collector, is_there).await;
        assert_eq!(state.figures.unwrap().per_second.unwrap().iter().sum::<u64>(), total);
    }
    let shown = collector.elsewhere().remove(0);
    let figures = shown.figures.unwrap();
    assert_eq!((figures.total_events, figures.per_second.iter().sum()), (total, total));
    assert!(figures.last_activity.is_some() && shown.response_time.is_some());
}

#[tokio::test]
async fn remote_that_comes_back_is_seen() {
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let collector = Collector::new(fast());
    collector.follow(&[remote("x", address)]);
    let open = wait(&collector, |state| state.breaker == Breaker::Open).await;
    let trouble = open.figures.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::CircuitOpen);
    assert!(
        trouble.message.starts_with("not asked for 30ms after 2 failures; the last: can't connect")
    );
    let shown = collector.elsewhere().remove(0);
    assert_eq!(shown.figures.unwrap_err().0, tickring::ErrorType::CircuitOpen);
    assert_eq!((shown.response_time, shown.last_success), (None, None));

    let Ok(listener) = TcpListener::bind(address) else { return };
    serve(listener, |_, mut stream| {
        let _ = write!(stream, "HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n{GOOD}", GOOD.len());
    });
    let back = wait(&collector, |state| state.figures.is_ok()).await;
    assert_eq!(back.breaker, Breaker::Closed);
    assert!(back.last_success.is_some() && back.failures().map(|(_, n)| n).sum::<u64>() >= 4);
}

/// Fifteen that hang: the others are asked, and nobody waits.
#[test]
fn slow_remotes_hold_up_nobody() {
    let hanging = server(|_, stream| {
        thread::sleep(2 * PATIENCE);
        drop(stream);
    });
    let good = answers(|_| (200, GOOD.into()));
    let mut remotes: Vec<_> = (0..15).map(|n| remote(&format!("slow-{n}"), hanging)).collect();
    remotes.insert(0, remote("good", good));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    runtime.block_on(async {
        let collector = Collector::new(Pace { timeout: 2 * PATIENCE, ..fast() });
        collector.follow(&remotes);
        for total in [70, 70] {
            wait(&collector, |state| {
                state.figures.as_ref().is_ok_and(|figures| figures.total_events == total)
            })
            .await;
        }
        assert_eq!(collector.elsewhere().len(), 16);
    });
    runtime.shutdown_background();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn reload_adds_and_removes_remotes() {
    let good = answers(|_| (200, GOOD.into()));
    let collector = Collector::new(fast());
    collector.follow(&[remote("a", good), remote("b", good)]);
    wait(&collector, |state| state.figures.is_ok()).await;
    let gone = collector.followed()[1].task.clone();
    collector.follow(&[remote("c", good), remote("a", good)]);
    let states = collector.states();
    let names: Vec<_> = states.iter().map(|(remote, _)| remote.name.as_str()).collect();
    assert_eq!(names, ["c", "a"]);
    assert!(states[1].1.figures.is_ok(), "what is the same goes on");
    let begun = Instant::now();
    while !gone.is_finished() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(collector);
}

/// An hour in which a remote refuses: it is seldom asked, and what is known of it does not grow.
#[tokio::test(start_paused = true)]
async fn hour_of_failures_takes_few_questions() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let collector = Collector::new(Pace::default());
    collector.follow(&[remote("x", dead)]);
    let mut longest = 0;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (_, state) = collector.states().remove(0);
        longest = longest.max(state.figures.unwrap_err().message.len());
    }
    let (_, state) = collector.states().remove(0);
    let questions: u64 = state.failures().map(|(_, count)| count).sum();
    // Three polls of three, six pauses that double, and then one each five minutes.
    assert!((9 + 6..=9 + 6 + 12).contains(&questions), "{questions}");
    assert!(longest < 200, "{longest}");
    assert_eq!(state.breaker, Breaker::Open);
}
