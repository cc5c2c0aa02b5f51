//! `simward token`: named tokens for desks, auditors and machines. The file has their digests; a token is shown once.

use crate::number::date;
use crate::up::seeded;
use clap::Subcommand;
use keys::Secret;
use rustix::fs::{FlockOperation, flock};
use server::deployment::write_private;
use server::tokens::{Role, SCOPES, TokenFile, TokenRow};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Most tokens of a deployment.
const MOST: usize = 1_000;

/// Named tokens: who may speak at the API as what.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token, and show it once.
    New {
        /// What it is called: a person or a machine, so that the audit can say who it was.
        name: String,
        /// clerk, supervisor, auditor, bureau or machine.
        #[arg(long)]
        role: Role,
        /// For a machine: messages, sim-swap or who-agreed. May be given several times.
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// The node's data folder.
        #[arg(long, value_name = "DIR", default_value = "simward-data")]
        data: PathBuf,
    },
    /// List the tokens, without what they are.
    List {
        /// The node's data folder.
        #[arg(long, value_name = "DIR", default_value = "simward-data")]
        data: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token: it is dead at the next call, and the node need not be told.
    Revoke {
        /// What it is called.
        name: String,
        /// The node's data folder.
        #[arg(long, value_name = "DIR", default_value = "simward-data")]
        data: PathBuf,
    },
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// What was asked makes no sense.
    #[error("{0}")]
    Asked(String),
    /// The machine.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn asked(why: impl Into<String>) -> TokenError {
    TokenError::Asked(why.into())
}

pub(crate) fn run(command: Command) -> Result<(), TokenError> {
    match command {
        Command::New { name, role, scope, data } => new(&data, name, role, scope),
        Command::List { data, json } => list(&data, json),
        Command::Revoke { name, data } => revoke(&data, &name),
    }
}

/// The file, and a lock: of two who change it at once, none undoes what the other did.
fn open(data: &Path) -> Result<(File, PathBuf, TokenFile), TokenError> {
    if !data.join("manifest").exists() {
        return Err(asked(format!(
            "{} is no node's data folder; has `simward up` run there?",
            data.display()
        )));
    }
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(data.join("tokens.lock"))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
    let path = data.join("tokens.toml");
    let file = TokenFile::load(&path).map_err(TokenError::Asked)?;
    Ok((lock, path, file))
}

fn save(path: &Path, file: &TokenFile) -> Result<(), TokenError> {
    Ok(write_private(path, file.to_text().map_err(TokenError::Asked)?.as_bytes())?)
}

fn new(data: &Path, name: String, role: Role, scopes: Vec<String>) -> Result<(), TokenError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(good) {
        return Err(asked("a token's name is 1 to 64 letters, digits or - _ . @"));
    }
    if ["desk", "bureau", "bank", "nobody"].contains(&name.as_str()) {
        return Err(asked(format!("{name} is the name of one of the deployment's first tokens")));
    }
    if let Some(scope) = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
        return Err(asked(format!("{scope} is no scope; there are {}", SCOPES.join(", "))));
    }
    if (role == Role::Machine) == scopes.is_empty() {
        return Err(asked(match role {
            Role::Machine => "a machine's token says with --scope what it is for",
            _ => "only a machine's token has scopes; a role says what the others are for",
        }));
    }
    let (_lock, path, mut file) = open(data)?;
    if file.tokens.iter().any(|row| row.name == name) {
        return Err(asked(format!("there is a token called {name}; revoke it first")));
    }
    if file.tokens.len() >= MOST {
        return Err(asked("a deployment has at most 1,000 named tokens; revoke some first"));
    }
    let token = hex::encode(Secret::<[u8; 32]>::random(&mut seeded()?).danger_expose());
    let made = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let sha256 = hex::encode(keys::digest::sha256(&[token.as_bytes()]));
    file.tokens.push(TokenRow { name, role, scopes, made, sha256 });
    save(&path, &file)?;
    println!("{token}");
    eprintln!("shown once: {} has its digest alone", path.display());
    Ok(())
}

fn list(data: &Path, json: bool) -> Result<(), TokenError> {
    let (_lock, _, file) = open(data)?;
    if json {
        let rows: Vec<_> = file
            .tokens
            .iter()
            .map(|row| {
                serde_json::json!({
                    "name": row.name, "role": row.role, "scopes": row.scopes, "made": row.made
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(rows));
        return Ok(());
    }
    for row in &file.tokens {
        println!("{:<20} {:<11} {:<28} {}", row.name, row.role.name(), row.scopes.join(" "), date(row.made));
    }
    Ok(())
}

fn revoke(data: &Path, name: &str) -> Result<(), TokenError> {
    let (_lock, path, mut file) = open(data)?;
    let before = file.tokens.len();
    file.tokens.retain(|row| row.name != name);
    if file.tokens.len() == before {
        return Err(asked(format!(
            "there is no token called {name}; `simward token list` says which there are"
        )));
    }
    save(&path, &file)?;
    println!("{name} is revoked");
    Ok(())
}
