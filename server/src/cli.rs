//! The command line: commands and their arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::layer::Layer;

#[derive(Debug, Parser)]
#[command(name = "tickring", version, disable_help_subcommand = true)]
#[command(about = "Counts events of services and serves their rates")]
#[command(after_help = "\
Exit codes: 0 done, or stopped by SIGTERM or SIGINT; 1 it failed (an address in
use …), or a second signal stopped it early; 2 a wrong argument, variable or
file. RUST_LOG sets which messages are logged on stderr.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive events and serve event rates
    Serve(Box<ServeArgs>),
    /// Check a configuration file as `serve` would read it
    CheckConfig {
        /// The file
        file: PathBuf,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page (roff) of the program or of one command
    Man {
        /// The command
        command: Option<String>,
    },
}

/// The flags of `serve`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Each option can also be set by a variable (TICKRING_LISTEN,
TICKRING_SERVICE_PORTS=yes …) or in the file: an option outranks its variable,
a variable outranks the file. On SIGHUP the file is read again; counts go on.")]
pub(crate) struct ServeArgs {
    /// TOML file to extend the built-in services
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: Layer,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    /// A screen has 80 columns and 24 lines; the prompt takes one.
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
