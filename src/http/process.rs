//! What the system says about this process.

use crate::export::SystemSample;

/// `None` where the system can't be asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sample() -> Option<SystemSample> {
    None
}

/// `None` if the system doesn't say all of it, for example without `/proc`.
#[cfg(target_os = "linux")]
pub(crate) fn sample() -> Option<SystemSample> {
    linux::sample()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
    use nix::time::{ClockId, clock_gettime};
    use nix::unistd::{SysconfVar, sysconf};

    use super::SystemSample;

    pub(super) fn sample() -> Option<SystemSample> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let of = |time: nix::sys::time::TimeVal| {
            let micros = u64::try_from(time.tv_usec()).unwrap_or(0);
            Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0))
                + Duration::from_micros(micros)
        };
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let [started, resident] = fields(&stat)?;
        let ticks = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
        let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
        // The time since the machine's start, as `started` counts it, and the time of day.
        let up = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let started = Duration::from_millis(started.checked_mul(1000)? / ticks.max(1));
        // One of them is the folder that is being read.
        let open_fds = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
        let (max_fds, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        Some(SystemSample {
            cpu: of(usage.user_time()) + of(usage.system_time()),
            resident_bytes: resident * page,
            open_fds: open_fds as u64,
            #[allow(clippy::useless_conversion)] // Its width depends on the target.
            max_fds: u64::from(max_fds),
            started: now.saturating_sub(up.saturating_sub(started)),
        })
    }

    /// When the process started, in ticks since the machine's start, and its resident pages: the
    /// fields 22 and 24 of `proc_pid_stat`. The second field may contain anything, parentheses
    /// included.
    fn fields(stat: &str) -> Option<[u64; 2]> {
        let (_, rest) = stat.rsplit_once(')')?;
        let mut rest = rest.split_ascii_whitespace().skip(22 - 3);
        Some([rest.next()?.parse().ok()?, rest.nth(1)?.parse().ok()?])
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn fields_are_found_after_any_name() {
            let stat =
                "7 (a) b) 1 (c) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25";
            assert_eq!(fields(stat), Some([22, 24]));
            assert_eq!(fields("7 (a) S 4"), None);
        }

        #[test]
        fn sample_is_of_this_process() {
            let sample = sample().unwrap();
            let held: Vec<_> = (0..10).map(|_| fs::File::open("/dev/null").unwrap()).collect();
            let more = super::sample().unwrap();
            assert!(more.open_fds >= held.len() as u64 && more.open_fds < more.max_fds);
            assert!(more.cpu >= sample.cpu && sample.resident_bytes > 100_000);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let age = now.saturating_sub(sample.started);
            assert!(sample.started < now && age < Duration::from_secs(3600), "{age:?}");
        }
    }
}
