//! Many datagrams with one system call.

pub(super) use imp::Batch;

/// Longer than any UDP datagram. A datagram that fills it was cut off.
const LENGTH: usize = 65_536;
/// The most datagrams of one batch.
const COUNT: usize = 64;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod imp {
    use std::io::{self, IoSliceMut};
    use std::os::fd::{AsFd, AsRawFd};

    use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg};

    use super::{COUNT, LENGTH};

    /// Buffers that are whole pages apart would share a few lines of the processor's cache.
    const STRIDE: usize = LENGTH + 64;

    /// Room for a batch of datagrams.
    pub(crate) struct Batch {
        bytes: Box<[u8]>,
        headers: MultiHeaders<()>,
    }

    impl Batch {
        pub(crate) fn new() -> Self {
            Self {
                bytes: vec![0; STRIDE * COUNT].into(),
                headers: MultiHeaders::preallocate(COUNT, None),
            }
        }

        /// Hands each datagram that has arrived to `take`, and whether it was cut off. Never waits:
        /// if none has arrived, the error is `WouldBlock`.
        pub(crate) fn receive(
            &mut self,
            socket: &impl AsFd,
            mut take: impl FnMut(&[u8], bool),
        ) -> io::Result<()> {
            let mut bytes = self.bytes.chunks_exact_mut(STRIDE);
            let mut slices: [[IoSliceMut<'_>; 1]; COUNT] = std::array::from_fn(|_| {
                [IoSliceMut::new(bytes.next().map_or(&mut [], |bytes| &mut bytes[..LENGTH]))]
            });
            let socket = socket.as_fd().as_raw_fd();
            let flags = MsgFlags::MSG_DONTWAIT;
            for message in recvmmsg(socket, &mut self.headers, slices.iter_mut(), flags, None)? {
                let datagram = message.iovs().next().unwrap_or_default();
                take(datagram, datagram.len() == LENGTH);
            }
            Ok(())
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
mod imp {
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};

    use nix::sys::socket::{MsgFlags, recv};

    use super::{COUNT, LENGTH};

    /// Room for a datagram: this system has no call that takes several.
    pub(crate) struct Batch(Box<[u8]>);

    impl Batch {
        pub(crate) fn new() -> Self {
            Self(vec![0; LENGTH].into())
        }

        /// Hands each datagram that has arrived to `take`, and whether it was cut off. Never waits:
        /// if none has arrived, the error is `WouldBlock`.
        pub(crate) fn receive(
            &mut self,
            socket: &impl AsFd,
            mut take: impl FnMut(&[u8], bool),
        ) -> io::Result<()> {
            let socket = socket.as_fd().as_raw_fd();
            for received in 0..COUNT {
                match recv(socket, &mut self.0, MsgFlags::MSG_DONTWAIT) {
                    Ok(length) => take(&self.0[..length], length == LENGTH),
                    Err(nix::Error::EAGAIN) if received > 0 => break,
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        }
    }
}
