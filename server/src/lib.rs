//! The program `tickring`: it receives events over `StatsD` and HTTP, and serves their rates.
//!
//! | module | what it does |
//! |---|---|
//! | `cli` | the commands and their arguments |
//! | `layer` | what one source of settings says: the flags, the environment or the file |
//! | [`config`] | the configuration file |
//! | `place` | finds the line of a key in the file |
//! | `settings` | merges the sources, and checks the result |
//! | `services` | makes the registry, and changes it when the file changes |
//! | `sockets` | binds everything before anything is served |
//! | `serve` | serves, reloads and stops |
//! | `failure` | errors and exit codes |
//!
//! The code is a library so that tests and fuzzers reach its parts. Others should use the program:
//! this interface may change in any release.
#![forbid(unsafe_code)]

mod cli;
pub mod config;
mod failure;
mod layer;
mod place;
mod serve;
mod services;
mod settings;
mod sockets;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use cli::{Cli, Command};
use failure::Failure;
use settings::{Settings, Sources};

/// Runs the command of this process's arguments, and returns the exit code. Wrong arguments end the
/// process with exit code 2.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => {
            log_to_stderr();
            Sources::of(args).map_err(Failure::from).and_then(serve::serve)
        }
        Command::CheckConfig { file } => check_config(file),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tickring", &mut script);
            print(&script)
        }
        Command::Man { command } => manual_page(command.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If the message can't be written, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "tickring: {failure}");
            failure.exit_code()
        }
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter.from_env_lossy())
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // A line that can't be written is lost. Reporting it on the same full disk would panic.
        .log_internal_errors(false)
        .init();
}

fn check_config(file: PathBuf) -> Result<(), Failure> {
    let shown = file.display().to_string();
    let settings = Settings::settle(&Sources::of_file(file)?)?;
    let services = settings.specs.len();
    let report = format!("{shown}: fine, {services} services on {}\n", settings.listen);
    print(report.as_bytes())
}

fn manual_page(command: Option<&str>) -> Result<(), Failure> {
    let mut cli = Cli::command();
    cli.build();
    let page = match command {
        None => cli,
        Some(name) => match cli.find_subcommand(name) {
            Some(found) => found.clone(),
            None => cli
                .error(ErrorKind::InvalidSubcommand, format!("there is no command {name:?}"))
                .exit(),
        },
    };
    let mut roff = Vec::new();
    let rendered = clap_mangen::Man::new(page).render(&mut roff);
    rendered.map_err(|error| Failure::System { doing: "can't make the page", error })?;
    print(&roff)
}

/// Prints. A reader that stops reading early is no failure.
fn print(text: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::System { doing: "can't print", error })
        }
        _ => Ok(()),
    }
}
