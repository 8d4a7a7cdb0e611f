//! Where a router stands among the paths of an application.

/// Where a router is mounted; at the root, unless it was set.
#[derive(Clone, Debug, Default)]
pub(super) struct Mount {
    /// Empty, or with a slash at its beginning and none at its end.
    prefix: Box<str>,
    /// Whether the paths of requests begin with the prefix, rather than have lost it.
    whole: bool,
}

impl Mount {
    pub(super) fn at(prefix: &str, whole: bool) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Self { prefix: prefix.into(), whole }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The path below the prefix; `None` for a path elsewhere.
    pub(super) fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        if !self.whole {
            return Some(path);
        }
        match path.strip_prefix(&*self.prefix)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_prefix_are_the_routers() {
        for prefix in ["/ops", "ops", "/ops/", "//ops"] {
            let mount = Mount::at(prefix, true);
            assert_eq!(mount.below("/ops/metrics"), Some("/metrics"), "{prefix}");
            assert_eq!(mount.below("/ops"), Some("/"));
            for other in ["/metrics", "/opsmetrics", "/ops2/metrics", "", "/"] {
                assert_eq!(mount.below(other), None, "{other}");
            }
        }
        for mount in [Mount::default(), Mount::at("/", true), Mount::at("/ops", false)] {
            assert_eq!(mount.below("/metrics"), Some("/metrics"));
        }
    }
}
