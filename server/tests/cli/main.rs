//! The program, started as its users start it.

mod http;
mod program;
mod state;
mod troubles;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use program::{PATIENCE, Program, command, get, output, refusal, text};

#[test]
fn program_serves_counts_and_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("statsd.sock");
        let mut program = Program::serve(&["--statsd-unix", socket.to_str().unwrap()]);
        program.statsd("sports-data.api_call:2|c\nsports-data.data_fetch:3|c|@0.5\n");
        program.wait_for_total("admin-api", "sports-data", 8);
        let client = UnixDatagram::unbound().unwrap();
        client.send_to(b"sports-data:1|c", &socket).unwrap();
        program.wait_for_total("admin-api", "sports-data", 9);
        let own = get(program.http("admin-api"), "/api/v1/event-rate").1;
        assert_eq!(own["service"], "admin-api");
        assert!(own["total_events"].as_u64() >= Some(2), "requests are counted: {own}");
        program.signal(signal);
        assert_eq!(program.wait().code(), Some(0));
        assert!(!socket.exists());
    }
}

/// The name of a service manager's socket, in its directory.
const NOTIFY: &str = "notify";

/// A service manager that listens, and the directory of its socket.
fn service_manager() -> (tempfile::TempDir, UnixDatagram) {
    let directory = tempfile::tempdir().unwrap();
    let manager = UnixDatagram::bind(directory.path().join(NOTIFY)).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    (directory, manager)
}

fn lines_lost(address: SocketAddr) -> u64 {
    let metrics = text(address, "/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix("tickring_log_lines_lost_total "));
    line.unwrap().parse().unwrap()
}

/// A full disk makes the log unwritable. The program must serve all the same.
#[cfg(target_os = "linux")]
#[test]
fn full_disk_under_the_log_stops_nothing() {
    let (directory, manager) = service_manager();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--no-statsd"]);
    let socket = directory.path().join(NOTIFY);
    let mut child = command.env("NOTIFY_SOCKET", socket).stderr(full).spawn().unwrap();
    let mut message = [0; 1024];
    let length = manager.recv(&mut message).unwrap();
    let ready = String::from_utf8_lossy(&message[..length]).into_owned();
    let address = ready.split("http://").nth(1).and_then(|rest| rest.lines().next());
    let address = address.unwrap().parse().unwrap();
    // The lines about the listeners. The log's own thread writes and counts them when it gets to it.
    let begun = Instant::now();
    while lines_lost(address) == 0 {
        assert!(begun.elapsed() < PATIENCE, "no line was counted as lost");
        thread::sleep(Duration::from_millis(5));
    }
    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let ended = child.wait().unwrap();
    assert!(ready.contains("READY=1") && killed.success());
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn socket_in_use_is_one_line_and_exit_1() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let taken = output(&["serve", "--listen", &address.to_string(), "--no-statsd"]);
    let expected = format!("tickring: TCP port {address} is in use (wanted by admin-api)");
    assert_eq!(refusal(&taken), (1, expected));

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    let listen = ["serve", "--listen", "127.0.0.1:0"];
    let taken = output(&[&listen[..], &["--statsd-udp", &address.to_string()]].concat());
    let expected = format!("tickring: UDP port {address} is in use (wanted by StatsD)");
    assert_eq!(refusal(&taken), (1, expected));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("live.sock");
    let _live = UnixDatagram::bind(&path).unwrap();
    let path = path.to_str().unwrap();
    let taken = output(&[&listen[..], &["--no-statsd", "--statsd-unix", path]].concat());
    let expected = format!("tickring: socket {path} is in use (wanted by StatsD)");
    assert_eq!(refusal(&taken), (1, expected));
}

/// A file with two services. The system chooses their ports.
fn two_services(directory: &Path, more: &str) -> String {
    let path = directory.join("tickring.toml");
    let text = "catalogue = \"replace\"\nserver.service = \"front\"\n\
                [[service]]\nname = \"front\"\nevents = [\"request\"]\nport = 0\n\
                [[service]]\nname = \"billing\"\nevents = [\"invoice\"]\nport = 0\n";
    fs::write(&path, format!("{text}{more}")).unwrap();
    path.to_str().unwrap().into()
}

#[test]
fn port_in_use_names_the_service_that_needs_it() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let more = format!("[[service]]\nname = \"third\"\nevents = [\"x\"]\nport = {port}\n");
    let file = two_services(directory.path(), &more);
    let args = ["serve", "--config", &file, "--listen", "127.0.0.1:0", "--service-ports"];
    let taken = output(&[&args[..], &["--no-statsd"]].concat());
    let expected = format!("tickring: TCP port 127.0.0.1:{port} is in use (wanted by third)");
    assert_eq!(refusal(&taken), (1, expected));
}

#[test]
fn each_service_answers_on_its_own_port() {
    let directory = tempfile::tempdir().unwrap();
    let file = two_services(directory.path(), "");
    let mut program = Program::serve(&["--config", &file, "--service-ports"]);
    let billing = program.http("billing");
    program.statsd("billing:7|c");
    program.wait_for_total("front", "billing", 7);
    let (status, document) = get(billing, "/api/v1/event-rate");
    assert_eq!((status, &document["service"]), (200, &"billing".into()));
    assert_eq!(document["total_events"], 7);
}

#[test]
fn wrong_settings_are_one_line_and_exit_2() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wrong.toml");
    fs::write(&path, "[server]\nlisten = \"everywhere\"\n").unwrap();
    let path = path.to_str().unwrap();
    for args in [&["serve", "--config", path][..], &["check-config", path]] {
        let (code, line) = refusal(&output(args));
        let expected = format!("tickring: {path}:2: server.listen: invalid value: string");
        assert!(code == 2 && line.starts_with(&expected), "{code} {line}");
    }
    assert_eq!(output(&["serve", "--port", "1"]).status.code(), Some(2));
    assert_eq!(output(&["serve", "--listen", "everywhere"]).status.code(), Some(2));
    let both = output(&["serve", "--no-statsd", "--statsd-udp", "127.0.0.1:0"]);
    let expected = "tickring: --statsd-udp and --no-statsd contradict each other: give one of them";
    assert_eq!(refusal(&both), (2, expected.into()));
    let variable = command(&["serve"]).env("TICKRING_LISTEN", "everywhere").output().unwrap();
    let expected = "tickring: TICKRING_LISTEN is \"everywhere\": it must be an address such as";
    let (code, line) = refusal(&variable);
    assert!(code == 2 && line.starts_with(expected), "{code} {line}");
}

#[test]
fn flags_outrank_variables_and_these_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = two_services(directory.path(), "");
    let started = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(&[&["serve"], args].concat());
        command.env("TICKRING_CONFIG", &file).envs(variables.iter().copied());
        Program::start(command)
    };
    let variables = [("TICKRING_LISTEN", "127.0.0.1:0"), ("TICKRING_NO_STATSD", "true")];
    let mut program = started(&["--service", "billing"], &variables);
    assert_eq!(get(program.http("billing"), "/api/v1/event-rate").1["service"], "billing");
    // The address on the command line outranks the variable that denies one.
    let mut program = started(&["--statsd-udp", "127.0.0.1:0"], &variables);
    program.statsd("billing:1|c");
    program.wait_for_total("front", "billing", 1);
}

#[test]
fn hangup_rereads_the_file_and_counts_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let file = two_services(directory.path(), "");
    let mut program = Program::serve(&["--config", &file]);
    program.statsd("billing:5|c");
    program.wait_for_total("front", "billing", 5);

    let third = "[[service]]\nname = \"third\"\nevents = [\"x\"]\n";
    two_services(directory.path(), third);
    program.signal("HUP");
    program.logged("configuration read again");
    program.statsd("billing:1|c\nthird:2|c");
    program.wait_for_total("front", "third", 2);
    assert_eq!(program.total("front", "billing"), Some(6));

    // A bad file changes nothing, and the log says why.
    program.forget();
    two_services(directory.path(), "[[service]]\nname = \"no events\"\n");
    program.signal("HUP");
    let line = program.logged("configuration not read again");
    assert!(line.contains(&format!("{file}:11: service[2]: missing field `events`")), "{line}");
    program.statsd("billing:1|c");
    program.wait_for_total("front", "billing", 7);
    assert_eq!(program.total("front", "third"), Some(2));

    let metrics = text(program.http("front"), "/metrics");
    assert!(metrics.contains("\ntickring_config_reload_successful 0\n"), "{metrics}");

    // A service that is no longer described is no longer served.
    program.forget();
    two_services(directory.path(), "");
    program.signal("HUP");
    let line = program.logged("configuration read again");
    assert!(line.ends_with("dropped=third"), "{line}");
    assert_eq!(program.total("front", "third"), None);
    assert_eq!(program.total("front", "billing"), Some(7));
    let metrics = text(program.http("front"), "/metrics");
    assert!(metrics.contains("\ntickring_config_reload_successful 1\n"), "{metrics}");

    // If it comes back, so do its counts.
    program.forget();
    two_services(directory.path(), third);
    program.signal("HUP");
    program.logged("configuration read again");
    assert_eq!(program.total("front", "third"), Some(2));
}

#[test]
fn requests_count_as_the_current_first_event() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tickring.toml");
    let describe = |events: &str| {
        let text = format!(
            "catalogue = \"replace\"\nserver.service = \"front\"\n\
             [[service]]\nname = \"front\"\nevents = {events}\ntimed = [\"visit\"]\n"
        );
        fs::write(&path, text).unwrap();
    };
    describe(r#"["visit"]"#);
    let mut program = Program::serve(&["--config", path.to_str().unwrap()]);
    let address = program.http("front");
    for _ in 0..3 {
        assert_eq!(get(address, "/health/live").0, 200);
    }
    describe(r#"["request", "visit"]"#);
    program.signal("HUP");
    program.logged("configuration read again");
    let events = get(address, "/api/v1/event-rate").1["events"].clone();
    assert_eq!((&events["visit"]["total"], &events["request"]["total"]), (&3.into(), &1.into()));
}

#[test]
fn unknown_events_are_registered_when_asked() {
    let caps = ["--auto-register", "--max-services", "16", "--max-events=2"];
    let mut program = Program::serve(&caps);
    program.statsd("new.a:1|c\nnew.b:1|c\nnew.c:1|c\nnewer.a:1|c");
    program.wait_for_total("admin-api", "new", 2);
    let services = get(program.http("admin-api"), "/api/v1/services").1;
    assert_eq!(services["services"].as_array().unwrap().len(), 16);
    assert!(services.to_string().contains("\"over_cap\":2"), "{services}");
}

/// `StatsD` is received on separate threads.
#[test]
fn flood_of_events_does_not_slow_http() {
    let mut program = Program::serve(&[]);
    let address = program.http("admin-api");
    let flooded = program.udp();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                let datagram = "data-api.request:1|c\nbroken\n".repeat(50);
                while !done.load(Ordering::Relaxed) {
                    client.send_to(datagram.as_bytes(), flooded).unwrap();
                }
            });
        }
        program.wait_for_some("admin-api", "data-api");
        let begun = Instant::now();
        let answers = (0..50).map(|_| get(address, "/api/v1/event-rate?service=data-api").0);
        let all = answers.filter(|&status| status == 200).count();
        done.store(true, Ordering::Relaxed);
        assert_eq!(all, 50);
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    });
}

#[test]
fn service_manager_is_notified() {
    let (directory, manager) = service_manager();
    let received = || {
        let mut state = [0; 1024];
        let length = manager.recv(&mut state).unwrap();
        String::from_utf8(state[..length].to_vec()).unwrap()
    };
    let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--no-statsd"]);
    let mut program = Program::start({
        command.env("NOTIFY_SOCKET", directory.path().join(NOTIFY));
        command
    });
    let ready = received();
    assert!(ready.starts_with("STATUS=listening on http://127.0.0.1:"), "{ready}");
    assert!(ready.ends_with("READY=1\n"), "{ready}");
    program.signal("HUP");
    let reloading = received();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    let done = "STATUS=configuration read again: 15 services, dropped nothing\nREADY=1\n";
    assert_eq!(received(), done);
    program.signal("TERM");
    assert_eq!(received().trim_end(), "STOPPING=1");
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn second_signal_stops_the_program_at_once() {
    let mut program = Program::serve(&[]);
    let address = program.http("admin-api");
    // A request that has begun and doesn't end delays the drain.
    let mut slow = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(
        &mut slow,
        b"POST /api/v1/services/data-api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    )
    .unwrap();
    get(address, "/health/live");
    program.signal("TERM");
    program.logged("draining; a second signal ends the program at once");
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(1));
}

#[test]
fn completions_and_manual_pages_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output(&["completions", shell]);
        assert!(script.status.success());
        assert!(String::from_utf8(script.stdout).unwrap().contains("statsd-udp"), "{shell}");
    }
    for (args, part) in [(&["man"][..], "check\\-config"), (&["man", "serve"], "statsd\\-unix")] {
        let page = output(args);
        assert!(page.status.success());
        let page = String::from_utf8(page.stdout).unwrap();
        assert!(page.contains(".TH") && page.contains(part), "{page}");
    }
    assert_eq!(output(&["man", "nonsense"]).status.code(), Some(2));
}

#[test]
fn good_file_is_reported_as_fine() {
    let directory = tempfile::tempdir().unwrap();
    let file = two_services(directory.path(), "");
    let checked = output(&["check-config", &file]);
    assert!(checked.status.success());
    let report = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(report, format!("{file}: fine, 2 services on 127.0.0.1:8003\n"));
}
