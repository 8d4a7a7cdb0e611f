//! The program `tickring`: receives events, serves their rates.
//!
//! It is a library so that tests and fuzzers reach its parts. What it offers to others is the
//! program; this interface may change in any release.
#![forbid(unsafe_code)]

mod cli;
pub mod config;
mod failure;
mod place;
mod serve;
mod services;
mod settings;
mod sockets;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use cli::{Cli, Command, ServeArgs};
use failure::Failure;
use settings::Settings;

/// Reads the arguments and does what they ask for.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::read().command {
        Command::Serve(args) => {
            log_to_stderr();
            serve::serve(&args)
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
            // Where it can't be said, the exit code says it.
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
        // A line that can't be written is lost. Saying so on the same full disk would panic.
        .log_internal_errors(false)
        .init();
}

fn check_config(file: PathBuf) -> Result<(), Failure> {
    let shown = file.display().to_string();
    let args = ServeArgs::from_environment().unwrap_or_else(|error| error.exit());
    let settings = Settings::settle(&ServeArgs { config: Some(file), ..args })?;
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

/// Prints; who stops reading half-way has seen enough.
fn print(text: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::System { doing: "can't print", error })
        }
        _ => Ok(()),
    }
}
