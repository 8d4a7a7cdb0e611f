//! The program `tickring`: it receives events over `StatsD` and HTTP, and serves their rates.
//!
//! | module | what it does |
//! |---|---|
//! | `cli` | the commands and their arguments |
//! | `layer` | what one source of settings says: the flags, the environment or the file |
//! | `collector` | asks services elsewhere for their figures |
//! | [`config`] | the configuration file |
//! | `values` | how values are written |
//! | [`http_keys`] | the limits of HTTP, of any source |
//! | `place` | finds the line of a key in the file |
//! | `settings` | merges the sources, and checks the result |
//! | `services` | makes the registry, and changes it when the file changes |
//! | `descriptors` | raises the limit of file descriptors, and fits the connections in |
//! | `sockets` | binds everything before anything is served |
//! | `log` | the log, for which nothing waits |
//! | `threads` | starts all threads, or fails |
//! | `serve` | serves and stops |
//! | `reload` | reads the file again |
//! | `state` | keeps the history in a file |
//! | `figures` | what the program adds to `/metrics` and `/health` |
//! | `failure` | errors and exit codes |
//!
//! The code is a library so that tests and fuzzers reach its parts. Others should use the program:
//! this interface may change in any release.
#![forbid(unsafe_code)]

mod cli;
mod collector;
pub mod config;
mod descriptors;
mod failure;
mod figures;
pub mod http_keys;
mod layer;
mod log;
mod place;
mod reload;
mod serve;
mod services;
mod settings;
mod sockets;
mod state;
mod threads;
mod values;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use cli::{Cli, Command, ServeArgs};
use failure::Failure;
use log::Log;
use settings::{Settings, Sources};

/// Runs the command of this process's arguments, and returns the exit code. Wrong arguments end the
/// process with exit code 2.
#[must_use]
pub fn main() -> ExitCode {
    let mut log = None;
    let done = match Cli::parse().command {
        Command::Serve(args) => serve(*args, &mut log),
        Command::CheckConfig { file } => check_config(file),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tickring", &mut script);
            print(&script)
        }
        Command::Man { command } => manual_page(command.as_deref()),
    };
    log::end(log, done.as_ref().err().map(ToString::to_string));
    done.map_or_else(|failure| failure.exit_code(), |()| ExitCode::SUCCESS)
}

/// Serves until a signal stops the program. The log is left running for the last message.
fn serve(args: ServeArgs, log: &mut Option<Log>) -> Result<(), Failure> {
    let sources = Sources::of(args)?;
    let settings = Settings::settle(&sources)?;
    threads::check(settings.threads())?;
    let log = log.insert(Log::start(settings.log_format));
    for unknown in Sources::unknown_variables() {
        tracing::warn!("{unknown}");
    }
    serve::serve(sources, settings, log.lost())
}

fn check_config(file: PathBuf) -> Result<(), Failure> {
    for unknown in Sources::unknown_variables() {
        let _unwritable = writeln!(io::stderr(), "tickring: {unknown}");
    }
    let shown = file.display().to_string();
    let settings = Settings::settle(&Sources::of_file(file)?)?;
    let services = settings.specs.len() + settings.remotes.len();
    let report = format!("{shown}: fine, {services} services on {}\n", settings.listen);
    print(report.as_bytes())
}

/// The settings that a configuration file makes, or the default ones, for tests to compare.
///
/// # Errors
///
/// If the file can't be used; the message says why.
pub fn settings_of(file: Option<PathBuf>) -> Result<impl PartialEq + std::fmt::Debug, String> {
    let sources = Sources { config: file, ..Sources::default() };
    Settings::settle(&sources).map_err(|error| error.to_string())
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
