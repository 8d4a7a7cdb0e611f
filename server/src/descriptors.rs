//! File descriptors: as many as the system permits, and no more connections than they suffice for.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tickring::statsd::STREAM_CONNECTIONS;

/// Descriptors for all but connections: the runtime, signals, the standard streams, `StatsD`'s sockets,
/// files that are read.
const RESERVE: u64 = 32;

/// Raises the limit of descriptors as far as that goes, and returns the most HTTP connections beside so
/// many HTTP listeners, `StatsD` listeners for connections, and services elsewhere: `wanted`, or fewer if
/// that is too many.
pub(crate) fn connections(
    wanted: usize,
    listeners: usize,
    streams: usize,
    remotes: usize,
) -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
    let limit = if raised { hard } else { soft };
    #[allow(clippy::useless_conversion)] // Its width depends on the target.
    let limit_without = u64::from(limit).saturating_sub(remotes as u64);
    let most = fitting(limit_without, wanted, listeners, streams);
    if most < wanted {
        let right = "raise the limit (LimitNOFILE=, ulimit -n) or lower max_connections";
        tracing::warn!("{limit} file descriptors suffice for {most} connections only: {right}");
    }
    most
}

/// Each listener may hold one more connection than are served.
fn fitting(limit: u64, wanted: usize, listeners: usize, streams: usize) -> usize {
    let taken = 2 * listeners + streams * (STREAM_CONNECTIONS + 2);
    let left = limit.saturating_sub(RESERVE).saturating_sub(taken as u64);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(fitting(1 << 20, 1024, 16, 2), 1024);
        assert_eq!(fitting(1024, 1024, 1, 0), 1024 - 32 - 2);
        assert_eq!(fitting(1024, 1024, 1, 2), 1024 - 32 - 2 - 2 * 258);
        assert_eq!(fitting(16, 1024, 1, 2), 1);
    }
}
