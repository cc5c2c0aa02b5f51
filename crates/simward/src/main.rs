//! `simward`: keeps a phone number with its owner.
#![deny(unsafe_code)]

mod api;
mod bank;
mod bench;
mod card;
mod check_link;
mod check_password;
mod demo;
mod keep;
mod live;
mod manifest;
mod number;
mod owner;
mod pcsc;
mod phone;
mod random;
mod release;
mod risk;
mod stage;
mod talk;
mod token;
mod up;
mod verify;
mod watch;
mod witness;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

/// Keeps a phone number with its owner.
#[derive(Debug, Parser)]
#[command(version)]
struct Simward {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Up(up::Args),
    Card(card::Args),
    Number(number::Args),
    Phone(phone::Args),
    Talk(talk::Args),
    Bank(bank::Args),
    Keep(keep::Args),
    #[command(subcommand)]
    Risk(risk::Command),
    #[command(subcommand)]
    Manifest(manifest::Command),
    #[command(subcommand)]
    Token(token::Command),
    CheckLink(check_link::Args),
    CheckPassword(check_password::Args),
    Verify(verify::Args),
    Witness(witness::Args),
    Watch(watch::Args),
    Version(release::VersionArgs),
    #[command(subcommand)]
    Release(release::ReleaseCommand),
    Bench(bench::Args),
}

impl Command {
    /// What is logged unless RUST_LOG says otherwise: the demo tells its own story, alarms included.
    const fn default_log(&self) -> &'static str {
        if matches!(self, Self::Demo(_)) { "off" } else { "info" }
    }
}

fn main() -> ExitCode {
    let Simward { command } = Simward::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(command.default_log()));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_ansi(colour);
    log.with_writer(io::stderr).init();
    let outcome: Result<(), Box<dyn Error>> = match command {
        Command::Demo(args) => demo::run(&args).map_err(Into::into),
        Command::Up(args) => up::run(&args).map_err(Into::into),
        Command::Number(args) => number::run(args).map_err(Into::into),
        Command::Phone(args) => phone::run(&args).map_err(Into::into),
        Command::Talk(args) => talk::run(&args).map_err(Into::into),
        Command::Bank(args) => bank::run(&args).map_err(Into::into),
        Command::CheckLink(args) => check_link::run(&args).map_err(Into::into),
        Command::CheckPassword(args) => check_password::run(&args).map_err(Into::into),
        Command::Manifest(command) => manifest::run(&command).map_err(Into::into),
        Command::Token(command) => token::run(command).map_err(Into::into),
        Command::Keep(args) => keep::run(args).map_err(Into::into),
        Command::Risk(command) => risk::run(command).map_err(Into::into),
        Command::Verify(args) => verify::run(&args).map_err(Into::into),
        Command::Witness(args) => witness::run(&args).map_err(Into::into),
        Command::Watch(args) => watch::run(&args).map_err(Into::into),
        Command::Version(args) => release::version(&args).map_err(Into::into),
        Command::Release(command) => release::release(&command).map_err(Into::into),
        Command::Card(args) => card::run(&args).map_err(Into::into),
        Command::Bench(args) => bench::run(&args).map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simward: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        super::Simward::command().debug_assert();
    }
}
