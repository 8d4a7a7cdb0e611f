//! The program under test: starts it on free ports, talks to it, and stops it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Far longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program with these arguments, without the variables of this test that it would read.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickring"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TICKRING_") {
            command.env_remove(name);
        }
    }
    command.args(args).env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
    command
}

/// Runs it to its end.
pub(crate) fn output(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// Its exit code, and the one line on stderr that says why.
pub(crate) fn refusal(output: &Output) -> (i32, String) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), stderr.trim_end().into())
}

/// A running `tickring serve`.
pub(crate) struct Program {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
    /// How many of the seen lines don't count any more.
    forgotten: usize,
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _gone = lines.send(line);
            }
        });
        Self { child, log, seen: Vec::new(), forgotten: 0 }
    }

    /// The same, but from the line on that contains `last`, nobody reads its log, and the pipe is full.
    pub(crate) fn start_unread(mut command: Command, last: &str) -> Self {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let child = command.stderr(writer.try_clone().unwrap()).spawn().unwrap();
        // It has a copy of the writer, too.
        drop(command);
        let (lines, log) = channel();
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "no {last:?} in the log");
            let found = line.contains(last);
            lines.send(line.trim_end().into()).unwrap();
            if found {
                break;
            }
        }
        // Writes until the pipe is full, and waits, for as long as the process of the test lives.
        std::thread::spawn(move || {
            let _unread = reader;
            while writer.write_all(&[b'x'; 4096]).is_ok() {}
        });
        Self { child, log, seen: Vec::new(), forgotten: 0 }
    }

    /// `tickring serve` on free ports, and further arguments.
    pub(crate) fn serve(args: &[&str]) -> Self {
        let ports = ["serve", "--listen", "127.0.0.1:0", "--statsd-udp", "127.0.0.1:0"];
        Self::start(command(&[&ports, args].concat()))
    }

    /// The first line of the log that contains `part`. Waits for it; forgotten lines don't count.
    pub(crate) fn logged(&mut self, part: &str) -> String {
        self.logged_since(self.forgotten, part)
    }

    /// Forgets the lines that were logged so far.
    pub(crate) fn forget(&mut self) {
        self.forgotten = self.seen.len();
    }

    fn logged_since(&mut self, start: usize, part: &str) -> String {
        let begun = Instant::now();
        loop {
            if let Some(line) = self.seen[start..].iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            let line = self.log.recv_timeout(PATIENCE.saturating_sub(begun.elapsed()));
            let seen = self.seen.join("\n");
            self.seen.push(line.unwrap_or_else(|_| panic!("no {part:?} in the log:\n{seen}")));
        }
    }

    fn address(&mut self, scheme: &str, listener: &str) -> SocketAddr {
        let line = self.logged_since(0, listener);
        let address = line.split_once(scheme).unwrap().1.split(' ').next().unwrap();
        address.parse().unwrap()
    }

    pub(crate) fn http(&mut self, service: &str) -> SocketAddr {
        self.address("http://", &format!(" for {service}"))
    }

    pub(crate) fn udp(&mut self) -> SocketAddr {
        self.address("udp://", "udp://")
    }

    pub(crate) fn statsd(&mut self, text: &str) {
        let address = self.udp();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(text.as_bytes(), address).unwrap();
    }

    /// The total of `service`, from the listener whose default service is `own`.
    pub(crate) fn total(&mut self, own: &str, service: &str) -> Option<u64> {
        let address = self.http(own);
        let (_, document) = get(address, &format!("/api/v1/event-rate?service={service}"));
        document["total_events"].as_u64()
    }

    pub(crate) fn wait_for_total(&mut self, own: &str, service: &str, total: u64) {
        let begun = Instant::now();
        while self.total(own, service) != Some(total) {
            assert!(begun.elapsed() < PATIENCE, "{service}: {:?}", self.total(own, service));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until a service has counted anything.
    pub(crate) fn wait_for_some(&mut self, own: &str, service: &str) {
        let begun = Instant::now();
        while self.total(own, service) == Some(0) {
            assert!(begun.elapsed() < PATIENCE, "{service}: nothing");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the program doesn't exit");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The status and the JSON of a path.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, Value) {
    let (status, body) = ask(address, path);
    (status, serde_json::from_str(&body).unwrap())
}

/// The text of a path that is there.
pub(crate) fn text(address: SocketAddr, path: &str) -> String {
    let (status, body) = ask(address, path);
    assert_eq!(status, 200, "{body}");
    body
}

fn ask(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.into())
}
