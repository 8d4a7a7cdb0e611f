//! `StatsD` over UDP on loopback: how many events a second one core takes in without losing one,
//! in datagrams of one event and in packed ones.
//!
//! `cargo bench -p tickring --features statsd --bench statsd`. collectd's plugin, in C, is measured beside it where collectd is
//! there (`apt-get install collectd-core`), and the original daemon, in Node, if `STATSD_JS` is the
//! path of its `stats.js` (`npm install statsd`).
//!
//! A rate counts when two seconds of it arrive to the last event. The rates are tried upwards, each
//! a quarter above the last, until one does not.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tickring::statsd::{Config, Listener, bind_udp};
use tickring::{Registry, Service};

const LINE: &str = "sports-data.api_call:1|c";
/// Lines in a packed datagram: as many as fit into an Ethernet frame.
const PACKED: u64 = 56;
const TRIAL: Duration = Duration::from_secs(2);
/// How long what is under way may take to be counted.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something that takes in `StatsD` and tells how many events it has counted.
trait Daemon {
    fn address(&self) -> SocketAddr;
    fn counted(&self) -> u64;
}

struct Tickring {
    address: SocketAddr,
    service: Arc<Service>,
    _listener: Listener,
}

impl Tickring {
    fn start() -> Self {
        let registry = Registry::new();
        let service = Service::from_catalogue("sports-data").expect("it is in the catalogue");
        let service = registry.register(service).expect("it is the first");
        let socket = bind_udp(([127, 0, 0, 1], 0).into()).expect("a free port on loopback");
        let address = socket.local_addr().expect("it is bound");
        let listener = Config::new(registry).udp(socket).expect("a thread");
        Self { address, service, _listener: listener }
    }
}

impl Daemon for Tickring {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn counted(&self) -> u64 {
        self.service.snapshot().expect("its source is its meters").total()
    }
}

/// The original daemon, in Node.
struct Original {
    address: SocketAddr,
    management: SocketAddr,
    child: Child,
}

impl Original {
    fn start(script: &str) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port on loopback");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let (address, management) =
            (udp.local_addr().expect("bound"), tcp.local_addr().expect("bound"));
        drop((udp, tcp));
        let config = std::env::temp_dir().join(format!("statsd-{}.js", std::process::id()));
        // It forgets its counts at each flush, so it had better not come to one.
        let text = format!(
            "{{ address: '127.0.0.1', port: {}, mgmt_address: '127.0.0.1', mgmt_port: {}, \
             flushInterval: 10000000, backends: [] }}",
            address.port(),
            management.port()
        );
        std::fs::write(&config, text).expect("a place for its configuration");
        let child = Command::new("node").arg(script).arg(&config).stdout(Stdio::null()).spawn();
        let mut daemon = Self { address, management, child: child.expect("node") };
        while TcpStream::connect(management).is_err() {
            let ended = daemon.child.try_wait().expect("it is a child");
            assert!(ended.is_none(), "{script} ended before it listened: {ended:?}");
            thread::sleep(Duration::from_millis(20));
        }
        daemon
    }
}

impl Daemon for Original {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn counted(&self) -> u64 {
        let mut stream = TcpStream::connect(self.management).expect("it listens");
        stream.write_all(b"counters\n").expect("it reads");
        let lines = BufReader::new(stream).lines().map(|line| line.expect("it answers"));
        let lines: Vec<String> = lines.take_while(|line| line != "END").collect();
        let count =
            lines.iter().find_map(|line| line.trim().strip_prefix("'sports-data.api_call': "));
        count.map_or(0, |count| count.trim_end_matches(',').parse().expect("a number"))
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// collectd, with its `StatsD` plugin.
struct Collectd {
    address: SocketAddr,
    /// Where it writes what it has counted, a file for each counter and day.
    written: PathBuf,
    child: Child,
}

impl Collectd {
    /// Nothing if there is no collectd.
    fn start() -> Option<Self> {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = udp.local_addr().expect("bound");
        drop(udp);
        let folder = std::env::temp_dir().join(format!("collectd-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a place for its files");
        let here = folder.display();
        let port = address.port();
        let text = format!(
            "Hostname \"bench\"\nBaseDir \"{here}\"\nPIDFile \"{here}/pid\"\nInterval 0.1\n\
             TypesDB \"/usr/share/collectd/types.db\"\nLoadPlugin statsd\nLoadPlugin csv\n\
             <Plugin statsd>\nHost \"127.0.0.1\"\nPort \"{port}\"\n</Plugin>\n\
             <Plugin csv>\nDataDir \"{here}\"\n</Plugin>\n"
        );
        let config = folder.join("collectd.conf");
        std::fs::write(&config, text).expect("a place for its configuration");
        let mut command = Command::new("collectd");
        command.arg("-f").arg("-C").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let daemon =
            Self { address, written: folder.join("bench/statsd"), child: command.spawn().ok()? };
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port on loopback");
        let begun = Instant::now();
        while daemon.counted() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "collectd doesn't count");
            // Refused until it listens.
            let _ = socket.send_to(LINE.as_bytes(), address);
            thread::sleep(Duration::from_millis(200));
        }
        // All that is under way.
        thread::sleep(PATIENCE);
        Some(daemon)
    }
}

impl Daemon for Collectd {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn counted(&self) -> u64 {
        let Ok(files) = std::fs::read_dir(&self.written) else { return 0 };
        let counts = files.filter_map(|file| {
            let text = std::fs::read_to_string(file.ok()?.path()).ok()?;
            // `TIME,COUNT` since its start; the last line may be half-written.
            let (whole, _) = text.rsplit_once('\n')?;
            whole.rsplit(',').next()?.parse().ok()
        });
        counts.max().unwrap_or(0)
    }
}

impl Drop for Collectd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends at an even rate for a while; how many datagrams, and nothing if it could not keep up.
fn send(to: SocketAddr, datagram: &[u8], per_second: f64) -> Option<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port on loopback");
    socket.connect(to).expect("loopback");
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < TRIAL {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let due = (begun.elapsed().as_secs_f64() * per_second) as u64;
        if due > sent + 2000 {
            return None;
        }
        while sent < due {
            socket.send(datagram).expect("loopback takes it");
            sent += 1;
        }
        std::hint::spin_loop();
    }
    Some(sent)
}

/// The highest rate, in events per second, that arrived whole.
fn highest(daemon: &dyn Daemon, lines: u64) -> (f64, &'static str) {
    let datagram = vec![LINE; usize::try_from(lines).expect("few")].join("\n");
    #[allow(clippy::cast_precision_loss)]
    let (mut rate, mut best) = (2_000.0 / lines as f64, 0.0);
    let mut tired = 0;
    loop {
        let before = daemon.counted();
        #[allow(clippy::cast_precision_loss)]
        let per_second = rate * lines as f64;
        let Some(sent) = send(daemon.address(), datagram.as_bytes(), rate) else {
            // Perhaps the machine was busy with something else.
            tired += 1;
            if tired < 5 {
                thread::sleep(PATIENCE);
                continue;
            }
            return (best, "the sender could do no more");
        };
        let (deadline, due) = (Instant::now() + PATIENCE, before + sent * lines);
        while daemon.counted() < due {
            if Instant::now() > deadline {
                return (best, "the next rate lost some");
            }
            thread::sleep(Duration::from_millis(20));
        }
        best = per_second;
        rate *= 1.25;
    }
}

fn main() {
    println!("| | one event per datagram | {PACKED} per datagram |\n|---|---|---|");
    let print = |name: &str, daemon: &dyn Daemon| {
        let [single, packed] = [1, PACKED].map(|lines| {
            let (rate, why) = highest(daemon, lines);
            format!("{rate:.0}/s ({why})")
        });
        println!("| {name} | {single} | {packed} |");
    };
    print("tickring", &Tickring::start());
    if let Some(daemon) = Collectd::start() {
        print("collectd (C)", &daemon);
    }
    if let Ok(script) = std::env::var("STATSD_JS") {
        print("statsd (Node)", &Original::start(&script));
    }
}
