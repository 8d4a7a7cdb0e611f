//! The work of a thread that receives on the connections of one listener.
//!
//! One thread serves all of them, since a line takes far less than a microsecond. So a slow connection
//! costs nothing but its place: the number of places is bounded, and so is the time for a piece. While no
//! connection can be accepted, those that are there are read on.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::frames::{Frames, Framing, LONGEST, TooLong};
use super::listener::End;
use super::recorder::Recorder;
use super::unix_socket::UnixStreamSocket;
use crate::fleet::RejectionReason;

/// The most connections at a time of a listener for connections; a further one takes the place of the one
/// that has sent nothing for longest. Each takes a file descriptor.
pub const STREAM_CONNECTIONS: usize = 256;
/// How long a line or a frame may take from its first byte to its last.
const SLOW: Duration = Duration::from_secs(10);
/// How many times a connection is read after the end has come: 4 MiB.
const LAST_READS: usize = 64;
/// How long nothing is accepted after an error that isn't expected.
const REST: Duration = Duration::from_millis(100);

/// Where connections come from. Neither accepting nor reading waits.
pub(super) trait Accept: AsFd {
    type Stream: Read + AsFd;

    fn accept(&self) -> io::Result<Self::Stream>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
}

impl Accept for UnixStreamSocket {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        let stream = Self::accept(self)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
}

/// Receives on a listener's connections until the end.
pub(super) fn run<A: Accept>(listener: A, framing: Framing, recorder: Recorder, end: &End) {
    let bytes = vec![0; LONGEST].into();
    Worker { listener, framing, recorder, connections: Vec::new(), rests_until: None, bytes }
        .run(end);
}

struct Worker<A: Accept> {
    listener: A,
    framing: Framing,
    recorder: Recorder,
    connections: Vec<Connection<A::Stream>>,
    /// Until when nothing is accepted, since the last attempt has failed.
    rests_until: Option<Instant>,
    /// What is read from a connection at a time.
    bytes: Box<[u8]>,
}

struct Connection<S> {
    stream: S,
    frames: Frames,
    last_read: Instant,
    /// When the piece that is not complete yet has begun.
    begun: Option<Instant>,
}

/// What became of a connection.
#[derive(PartialEq, Eq)]
enum State {
    /// It has sent something.
    Read,
    /// It has nothing to be read.
    Idle,
    /// It is over.
    Ended,
}

impl<A: Accept> Worker<A> {
    fn run(&mut self, end: &End) {
        while !end.has_come() {
            self.sleep(end);
            self.recorder.look_for_changes();
            let now = Instant::now();
            if self.rests_until.is_none_or(|until| until <= now) {
                self.accept();
                end.set_failing(self.rests_until.is_some());
            }
            self.read_all();
            self.close_slow(Instant::now());
        }
        // What was sent before the end is counted.
        for _ in 0..LAST_READS {
            if !(self.accept() | self.read_all()) {
                break;
            }
        }
    }

    /// Waits for a connection, for bytes, for the end, for a piece to become too slow, or for the end of
    /// the rest.
    fn sleep(&self, end: &End) {
        let begun = self.connections.iter().filter_map(|connection| connection.begun).min();
        let slow = begun.map(|begun| SLOW.saturating_sub(begun.elapsed()));
        let rest = self.rests_until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = slow.into_iter().chain(rest).min().map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(end.wake_fd.as_fd())];
        if rest.is_none() {
            fds.push(readable(self.listener.as_fd()));
        }
        fds.extend(self.connections.iter().map(|connection| readable(connection.stream.as_fd())));
        // Whatever it returns, what can be read is read next.
        let _ready = poll(&mut fds, timeout);
    }

    /// Accepts what waits, for at most as many as there are places. Returns whether there was any.
    fn accept(&mut self) -> bool {
        self.rests_until = None;
        for accepted in 0..STREAM_CONNECTIONS {
            match self.listener.accept() {
                Ok(stream) => self.admit(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return accepted > 0,
                // A client that has gone already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.recorder.failed(&error);
                    self.rests_until = Some(Instant::now() + REST);
                    return accepted > 0;
                }
            }
        }
        true
    }

    /// Gives a connection a place, if need be that of the one that has sent nothing for longest.
    fn admit(&mut self, stream: A::Stream) {
        if self.connections.len() >= STREAM_CONNECTIONS {
            let ages = self.connections.iter().enumerate();
            let longest = ages.min_by_key(|(_, connection)| connection.last_read);
            if let Some((index, _)) = longest {
                self.evict(index);
            }
        }
        let frames = Frames::new(self.framing);
        self.connections.push(Connection {
            stream,
            frames,
            last_read: Instant::now(),
            begun: None,
        });
    }

    /// Ends a connection for another one. What it has sent and waits to be read is counted first.
    fn evict(&mut self, index: usize) {
        for _ in 0..LAST_READS {
            match self.read(index) {
                State::Read => {}
                State::Idle => break,
                State::Ended => {
                    drop(self.connections.swap_remove(index));
                    return;
                }
            }
        }
        let connection = self.connections.swap_remove(index);
        self.close(&connection);
    }

    /// Reads each connection once. Returns whether any had sent something.
    fn read_all(&mut self) -> bool {
        let (mut any, mut index) = (false, 0);
        while index < self.connections.len() {
            let state = self.read(index);
            any |= state == State::Read;
            if state == State::Ended {
                drop(self.connections.swap_remove(index));
            } else {
                index += 1;
            }
        }
        any
    }

    fn read(&mut self, index: usize) -> State {
        let Self { connections, recorder, bytes, .. } = self;
        let connection = &mut connections[index];
        match connection.stream.read(bytes) {
            Ok(0) => {
                match connection.frames.last_line() {
                    Some(line) => recorder.record(line, false),
                    None => self.close(&self.connections[index]),
                }
                State::Ended
            }
            Ok(length) => {
                let now = Instant::now();
                let taken = connection.frames.take(&bytes[..length], |piece| {
                    recorder.record(piece, false);
                });
                connection.last_read = now;
                match taken {
                    Err(TooLong) => {
                        recorder.refuse(RejectionReason::TooLong, b"");
                        return State::Ended;
                    }
                    Ok(_) if !connection.frames.has_begun() => connection.begun = None,
                    // The next piece has begun.
                    Ok(true) => connection.begun = Some(now),
                    Ok(false) => connection.begun = connection.begun.or(Some(now)),
                }
                State::Read
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => State::Idle,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => State::Idle,
            // Reset by the client.
            Err(_) => {
                self.close(&self.connections[index]);
                State::Ended
            }
        }
    }

    fn close_slow(&mut self, now: Instant) {
        let slow = |begun: Instant| now.saturating_duration_since(begun) >= SLOW;
        let slow = self.connections.extract_if(.., |connection| connection.begun.is_some_and(slow));
        for connection in slow.collect::<Vec<_>>() {
            self.close(&connection);
        }
    }

    /// Counts the piece that a connection leaves unfinished.
    fn close(&self, connection: &Connection<A::Stream>) {
        if connection.frames.has_begun() {
            self.recorder.refuse(RejectionReason::Malformed, b"");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::SocketAddr;
    use std::os::fd::BorrowedFd;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::super::listener::Listener;
    use super::super::refusals::Refusals;
    use crate::fleet::{Registry, Rejections};

    fn worker(framing: Framing) -> (Worker<TcpListener>, SocketAddr, Rejections) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let rejections = Rejections::new();
        let refusals = Refusals::new(rejections.clone());
        let registry = Registry::from_catalogue();
        let recorder = Recorder::new(registry, None, refusals);
        let bytes = vec![0; LONGEST].into();
        let connections = Vec::new();
        let worker = Worker { listener, framing, recorder, connections, rests_until: None, bytes };
        (worker, address, rejections)
    }

    /// A listener of a process that can be out of file descriptors.
    struct Exhausted(TcpListener, Arc<AtomicBool>);

    impl AsFd for Exhausted {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Accept for Exhausted {
        type Stream = TcpStream;

        fn accept(&self) -> io::Result<TcpStream> {
            if self.1.load(Ordering::Relaxed) {
                return Err(nix::errno::Errno::EMFILE.into());
            }
            Accept::accept(&self.0)
        }
    }

    /// A connection that has sent these bytes, and the worker has read them.
    fn connect(worker: &mut Worker<TcpListener>, to: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut client = TcpStream::connect(to).unwrap();
        while !worker.accept() {
            thread::yield_now();
        }
        client.write_all(bytes).unwrap();
        while !bytes.is_empty() && !worker.read_all() {
            thread::yield_now();
        }
        client
    }

    #[test]
    fn slow_connection_is_closed_and_an_idle_one_not() {
        let (mut worker, address, rejections) = worker(Framing::Lines);
        let _slow = connect(&mut worker, address, b"data-api.request:1|c\ndata-api.");
        let _idle = connect(&mut worker, address, b"data-api.request:1|c\n");
        let now = Instant::now();
        worker.close_slow(now);
        assert_eq!(worker.connections.len(), 2);
        worker.close_slow(now + SLOW);
        assert_eq!(worker.connections.len(), 1);
        assert_eq!(rejections.get(RejectionReason::Malformed), 1);
    }

    #[test]
    fn further_connection_replaces_the_longest_idle() {
        let (mut worker, address, _) = worker(Framing::Lines);
        let mut clients: Vec<_> =
            (0..STREAM_CONNECTIONS).map(|_| connect(&mut worker, address, b"")).collect();
        // The first one is not idle.
        clients[0].write_all(b"data-api.request:1|c\n").unwrap();
        while !worker.read_all() {
            thread::yield_now();
        }
        let _further = connect(&mut worker, address, b"");
        assert_eq!(worker.connections.len(), STREAM_CONNECTIONS);
        clients[1].set_read_timeout(Some(SLOW)).unwrap();
        assert_eq!(clients[1].read(&mut [0]).unwrap(), 0, "it was closed");
        clients[0].set_nonblocking(true).unwrap();
        let error = clients[0].read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "it is still open");
    }

    #[test]
    fn what_an_evicted_connection_has_sent_is_counted() {
        let (mut worker, address, rejections) = worker(Framing::Lines);
        let mut clients: Vec<_> =
            (0..STREAM_CONNECTIONS).map(|_| connect(&mut worker, address, b"")).collect();
        // It waits to be read when the place is taken.
        clients[0].write_all(b"data-api.request:no number|c\n").unwrap();
        let waits = || worker.connections[0].stream.peek(&mut [0]).is_ok();
        while !waits() {
            thread::yield_now();
        }
        let _further = connect(&mut worker, address, b"");
        assert_eq!(worker.connections.len(), STREAM_CONNECTIONS);
        assert_eq!(rejections.get(RejectionReason::Malformed), 1);
    }

    #[test]
    fn connections_are_read_while_none_is_accepted() {
        let (socket, exhausted) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::default());
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let registry = Registry::from_catalogue();
        let recorder = Recorder::new(registry.clone(), None, Refusals::new(Rejections::new()));
        let source = Exhausted(socket, Arc::clone(&exhausted));
        let run = move |end: &End| run(source, Framing::Lines, recorder, end);
        let listener = Listener::start(None, run).unwrap();
        let send = |stream: &mut TcpStream, total: u64| {
            stream.write_all(b"data-api.request:1|c\n").unwrap();
            while registry.get("data-api").unwrap().snapshot().unwrap().total() < total {
                thread::yield_now();
            }
        };
        let mut first = TcpStream::connect(address).unwrap();
        send(&mut first, 1);
        exhausted.store(true, Ordering::Relaxed);
        let mut second = TcpStream::connect(address).unwrap();
        while !listener.is_failing() {
            thread::yield_now();
        }
        send(&mut first, 2);
        assert!(listener.is_failing() && listener.is_running());
        exhausted.store(false, Ordering::Relaxed);
        send(&mut second, 3);
        assert!(!listener.is_failing());
    }

    #[test]
    fn frame_that_is_too_long_ends_its_connection() {
        let (mut worker, address, rejections) = worker(Framing::Length);
        let mut client = connect(&mut worker, address, b"");
        client.write_all(&u32::MAX.to_le_bytes()).unwrap();
        while !worker.connections.is_empty() {
            worker.read_all();
        }
        assert_eq!(rejections.get(RejectionReason::TooLong), 1);
    }
}
