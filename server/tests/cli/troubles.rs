//! The program where something is lacking: a reader of its log, threads, a right variable.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Program, command, get, text};

/// A program whose log nobody reads, with a full pipe behind it.
fn unread() -> Program {
    let args = ["serve", "--listen", "127.0.0.1:0", "--statsd-udp", "127.0.0.1:0"];
    let mut program = Program::start_unread(command(&args), "udp://");
    // The messages about these wait for a reader. Without one they must not stop what follows.
    let bad = "x\ndata-api.request:-1|c\nnobody:1|c\ndata-api.none:1|c\ndata-api.request:1|g";
    for _ in 0..200 {
        program.statsd(bad);
    }
    program
}

#[test]
fn log_that_nobody_reads_stops_no_counting() {
    let mut program = unread();
    program.statsd("sports-data.api_call:2|c");
    program.wait_for_total("admin-api", "sports-data", 2);
    assert_eq!(get(program.http("admin-api"), "/health/ready").0, 200);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn second_signal_ends_whatever_is_stuck() {
    let mut program = unread();
    let address = program.http("admin-api");
    let mut slow = TcpStream::connect(address).unwrap();
    let head =
        "POST /api/v1/services/data-api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{";
    slow.write_all(head.as_bytes()).unwrap();
    get(address, "/health/live");
    program.signal("TERM");
    while get(address, "/health/ready").0 != 503 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// A command that starts the program as a user that may have only so many threads. `None` where that
/// can't be had: it takes root, and `setpriv`.
fn with_threads(threads: u32) -> Option<Command> {
    let program = command(&[]);
    let user = ["--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all"];
    let limit = format!("--nproc={threads}");
    let as_user = |command: &[&str]| {
        let mut as_user = Command::new("setpriv");
        as_user.args(user).args(["prlimit", &limit]).args(command);
        as_user.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
        as_user
    };
    // Nor where another user can't enter the program's directory.
    let path = program.get_program().to_str()?;
    let works = as_user(&["test", "-x", path]).stderr(Stdio::null()).status();
    if !works.is_ok_and(|status| status.success()) {
        return None;
    }
    Some(as_user(&[path, "serve", "--listen", "127.0.0.1:0", "--statsd-udp", "127.0.0.1:0"]))
}

#[cfg(target_os = "linux")]
#[test]
fn program_starts_with_all_its_threads_or_not_at_all() {
    let workers = std::thread::available_parallelism().unwrap().get();
    // Its own, the log, the clock, a listener, the workers, and one for blocking work.
    let needed = u32::try_from(workers + 5).unwrap();
    let Some(mut most) = with_threads(needed + 2) else {
        // Not lost: wherever checks run as root, as in a container, it is tried.
        eprintln!("not tried: only root can limit the threads of another user");
        return;
    };
    for threads in 1..=needed + 2 {
        let mut command = with_threads(threads).unwrap();
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // It says that it listens, or why it can't start; nothing here depends on how long that takes.
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said: Vec<String> = Vec::new();
        for line in lines.map_while(Result::ok) {
            said.push(line);
            if said.last().is_some_and(|line| line.contains("udp://")) {
                // It runs, so it must serve; the program that is tested below is the same.
                assert!(threads >= needed - 1, "it runs with {threads} threads");
                child.kill().unwrap();
            }
        }
        let status = child.wait().unwrap();
        if status.code().is_none() {
            continue;
        }
        assert!(
            said.len() == 1 && said[0].starts_with("tickring: can't start"),
            "{threads}: {said:?}"
        );
        assert_eq!(status.code(), Some(1));
    }
    most.env_remove("TICKRING_LISTEN");
    let mut program = Program::start(most);
    program.statsd("sports-data.api_call:2|c");
    program.wait_for_total("admin-api", "sports-data", 2);
}

#[test]
fn log_can_be_json() {
    let mut program = Program::serve(&["--log-format", "json"]);
    let address = program.http("admin-api");
    program.forget();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"nonsense", program.udp()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&program.logged("not used")).unwrap();
    assert_eq!((&line["level"], &line["reason"]), (&"WARN".into(), &"malformed".into()), "{line}");
    assert_eq!(line["line"], "nonsense");
    assert_eq!(get(address, "/health/ready").0, 200);
}

#[test]
fn misspelt_variable_is_logged_an_empty_one_unset() {
    let mut command = command(&["serve"]);
    command.env("TICKRING_LISTEN", "localhost:0").env("TICKRING_STATSD_UDP", ":0");
    command.env("TICKRING_LISTNE", "x").env("TICKRING_SERVICE", "").env("TICKRING_CONFIG", "");
    let mut program = Program::start({
        command.env("TICKRING_SERVICE_PORTS", "no");
        command
    });
    let line = program.logged("TICKRING_LISTNE");
    assert!(line.ends_with("did you mean TICKRING_LISTEN?"), "{line}");
    assert_eq!(get(program.http("admin-api"), "/health").0, 200);
}

#[cfg(target_os = "linux")]
#[test]
fn metrics_show_the_log_the_clock_and_the_reload() {
    let mut program = Program::serve(&[]);
    let metrics = text(program.http("admin-api"), "/metrics");
    for line in [
        "tickring_log_lines_lost_total 0",
        "tickring_config_reload_successful 1",
        "tickring_suspended_seconds 0",
        "tickring_ticker_starts_total 1",
    ] {
        assert!(metrics.lines().any(|there| there == line), "{line} is missing in {metrics}");
    }
}
