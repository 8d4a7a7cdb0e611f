//! The command line's own form: arguments and their environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

#[derive(Debug, Parser)]
#[command(name = "tickring", version, disable_help_subcommand = true)]
#[command(about = "Counts events of services and serves their rates")]
#[command(after_help = "\
Exit codes: 0 done, also by SIGTERM or SIGINT; 1 it could not be done (an
address in use …), or a second signal cut it short; 2 a wrong argument,
variable or file. RUST_LOG sets what is logged on stderr.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive events and serve event rates
    Serve(ServeArgs),
    /// Check a configuration file, as `serve` would read it
    CheckConfig {
        /// The file
        file: PathBuf,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page (roff), of all or of one command
    Man {
        /// The command
        command: Option<String>,
    },
}

/// What was said on the command line or in the environment. What wasn't may be in the file.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "\
Each option can come from the environment instead (TICKRING_LISTEN,
TICKRING_SERVICE_PORTS=true …) or from the file: an option goes before its
variable, a variable before the file. SIGHUP re-reads the file, counts go on.")]
#[allow(clippy::doc_markdown)] // The help is plain text.
pub(crate) struct ServeArgs {
    /// TOML file to extend the built-in services
    #[arg(long, value_name = "FILE", env = "TICKRING_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// HTTP address [default: 127.0.0.1:8003]
    #[arg(long, value_name = "ADDR", env = "TICKRING_LISTEN", hide_env = true)]
    pub(crate) listen: Option<SocketAddr>,
    /// The host's own service [default: admin-api]
    #[arg(long, value_name = "NAME", env = "TICKRING_SERVICE", hide_env = true)]
    pub(crate) service: Option<String>,
    /// Open each service's own port on loopback, too
    #[arg(long, env = "TICKRING_SERVICE_PORTS", hide_env = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) service_ports: Option<bool>,
    /// StatsD address [default: 127.0.0.1:8125]
    #[arg(long, value_name = "ADDR", env = "TICKRING_STATSD_UDP", hide_env = true)]
    pub(crate) statsd_udp: Option<SocketAddr>,
    /// Receive no StatsD over UDP
    #[arg(long, env = "TICKRING_NO_STATSD", hide_env = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) no_statsd: Option<bool>,
    /// Unix datagram socket to receive StatsD on
    #[arg(long, value_name = "PATH", env = "TICKRING_STATSD_UNIX", hide_env = true)]
    pub(crate) statsd_unix: Option<PathBuf>,
    /// Admit services and events that nobody described
    #[arg(long, env = "TICKRING_AUTO_REGISTER", hide_env = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) auto_register: Option<bool>,
    /// Most services in all [default: 256]
    #[arg(long, value_name = "N", env = "TICKRING_MAX_SERVICES", hide_env = true)]
    pub(crate) max_services: Option<usize>,
    /// Most events of a service [default: 64]
    #[arg(long, value_name = "N", env = "TICKRING_MAX_EVENTS", hide_env = true)]
    pub(crate) max_events: Option<usize>,
}

impl Cli {
    /// Reads the command line and the environment; exits with 2 and a word why if it can't.
    pub(crate) fn read() -> Self {
        let mut matches = Self::command().get_matches();
        let read = Self::from_arg_matches_mut(&mut matches.clone()).and_then(|mut cli| {
            if let (Command::Serve(args), Some((_, matches))) =
                (&mut cli.command, matches.remove_subcommand())
            {
                args.settle_udp(&matches)?;
            }
            Ok(cli)
        });
        read.unwrap_or_else(|error| error.exit())
    }
}

impl ServeArgs {
    /// What the environment alone says.
    pub(crate) fn from_environment() -> Result<Self, clap::Error> {
        let matches = Cli::command().try_get_matches_from(["tickring", "serve"])?;
        let (_, matches) = matches.subcommand().expect("it was just given");
        let mut args = Self::from_arg_matches(matches)?;
        args.settle_udp(matches)?;
        Ok(args)
    }

    /// An address and "no address" are one setting: a flag of either kind goes before a variable
    /// of the other.
    fn settle_udp(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        if self.statsd_udp.is_none() || self.no_statsd != Some(true) {
            return Ok(());
        }
        match (flag("statsd_udp"), flag("no_statsd")) {
            (true, false) => self.no_statsd = None,
            (false, true) => self.statsd_udp = None,
            _ => {
                let message = "--statsd-udp and --no-statsd say the opposite of each other";
                return Err(Cli::command().error(ErrorKind::ArgumentConflict, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Cli::command().debug_assert();
    }

    /// 80 columns and 24 lines, prompt included.
    #[test]
    fn help_fits_a_screen() {
        let mut command = Cli::command();
        command.build();
        let mut pages = vec![command.render_help().to_string()];
        pages.extend(command.get_subcommands_mut().map(|sub| sub.render_help().to_string()));
        for page in pages {
            assert!(page.lines().count() <= 23, "{} lines:\n{page}", page.lines().count());
            let longest = page.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(80), "{longest:?} columns:\n{page}");
        }
    }
}
