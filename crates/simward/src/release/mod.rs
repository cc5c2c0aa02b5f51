//! `simward version` and `simward release`: which version this is, whether a newer one was released, and how one is.

mod manifest;

use crate::random;
use deed::log::note::{TYPE_ED25519, VerifierKey};
use jiff::civil::Date;
use keys::Secret;
use keys::digest::sha256;
use keys::sign::Ed25519Key;
use manifest::{Manifest, Refused, Seen};
use semver::Version;
use server::deployment::write_private;
use std::io;
use std::path::{Path, PathBuf};

/// The keys that sign releases of this source. None yet: until there are releases, whoever builds brings a key.
const RELEASE_KEYS: [&str; 0] = [];

/// Say which version this is; with --check, whether it is the newest, from a signed manifest. Asks no network.
///
/// Exit code 1 if a newer one was released, or the manifest is refused: unsigned, changed, expired, or older than one
/// seen before.
#[derive(Debug, clap::Args)]
pub(crate) struct VersionArgs {
    /// The manifest, however it came here.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// A key that signs releases, as `simward release new-key` prints it; may be given more than once.
    #[arg(long = "key", value_name = "KEY", requires = "check")]
    keys: Vec<String>,
    /// Remembers the newest manifest seen [default: ~/.local/state/simward/release.toml].
    #[arg(long, value_name = "FILE", requires = "check")]
    seen: Option<PathBuf>,
    /// As if today were this day.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "check")]
    today: Option<Date>,
}

/// Sign what is released, for `simward version --check`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ReleaseCommand {
    /// Make a key that signs releases, and print its public half.
    NewKey {
        /// Where it goes.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The signer's name, without spaces.
        #[arg(long, default_value = "simward")]
        name: String,
    },
    /// Print a signed manifest.
    Sign {
        /// What `new-key` made.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The newest version [default: this one].
        #[arg(long)]
        version: Option<Version>,
        /// Larger than that of every manifest before.
        #[arg(long)]
        serial: u64,
        /// From when [default: today].
        #[arg(long, value_name = "YYYY-MM-DD")]
        issued: Option<Date>,
        /// Until when it may be believed.
        #[arg(long, value_name = "YYYY-MM-DD")]
        expires: Date,
        /// A binary that belongs to it; may be given more than once.
        #[arg(long = "binary", value_name = "FILE")]
        binaries: Vec<PathBuf>,
    },
}

/// Why a version is not the newest, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    /// The manifest counts for nothing.
    #[error("{}: refused: {why}", .file.display())]
    Refused {
        /// Which.
        file: PathBuf,
        /// Why.
        why: Refused,
    },
    /// There is a newer one.
    #[error("{newest} was released on {issued}; this is {this}")]
    Newer {
        /// The newest.
        newest: Version,
        /// Since when.
        issued: Date,
        /// This one.
        this: Version,
    },
    /// Nobody to believe.
    #[error("no release key is built in; give --key, from somebody you trust")]
    NoKey,
    /// A key that is none.
    #[error("{0}: not a key: {1}")]
    Key(String, String),
    /// A file.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// What was seen is not readable: forgetting it would let old news pass.
    #[error("{}: {}; mend it or move it away, knowing that old manifests then pass", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Asked(String),
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> ReleaseError + '_ {
    move |source| ReleaseError::File(path.into(), source)
}

fn today() -> Date {
    jiff::Zoned::now().date()
}

/// Says which version this is, and checks it.
pub(crate) fn version(args: &VersionArgs) -> Result<(), ReleaseError> {
    let this: Version =
        env!("CARGO_PKG_VERSION").parse().map_err(|e: semver::Error| ReleaseError::Asked(e.to_string()))?;
    println!("simward {this}");
    let Some(path) = &args.check else { return Ok(()) };
    let keys: Vec<VerifierKey> = RELEASE_KEYS
        .into_iter()
        .chain(args.keys.iter().map(String::as_str))
        .map(|key| VerifierKey::parse(key).map_err(|e| ReleaseError::Key(key.into(), e.to_string())))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(ReleaseError::NoKey);
    }
    let memory = match &args.seen {
        Some(path) => path.clone(),
        None => default_memory()?,
    };
    let seen = recall(&memory)?;
    let note = std::fs::read(path).map_err(file(path))?;
    let (manifest, newest) = Manifest::check(&note, &keys, args.today.unwrap_or_else(today), seen.as_ref())
        .map_err(|why| ReleaseError::Refused { file: path.clone(), why })?;
    // Remembered before anything is said: who was told of this one is shown no older one.
    remember(&memory, &newest)?;
    if manifest.version > this {
        return Err(ReleaseError::Newer { newest: manifest.version, issued: manifest.issued, this });
    }
    println!("the newest released is {}, believed until {}", manifest.version, manifest.expires);
    println!("this binary is {}", of_the_release(&manifest));
    Ok(())
}

/// Whether this process runs one of the manifest's binaries.
fn of_the_release(manifest: &Manifest) -> String {
    let digest = std::env::current_exe().and_then(std::fs::read).map(|bytes| sha256(&[&bytes]));
    let name = digest.ok().and_then(|digest| manifest.binaries.iter().find(|(known, _)| *known == digest));
    name.map_or_else(
        || "none of the released ones: built here, or changed".into(),
        |(_, name)| format!("the released {name}"),
    )
}

fn default_memory() -> Result<PathBuf, ReleaseError> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state =
        state.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    let state = state.ok_or_else(|| ReleaseError::Asked("no home folder; give --seen FILE".into()))?;
    Ok(state.join("simward/release.toml"))
}

fn recall(path: &Path) -> Result<Option<Seen>, ReleaseError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let seen = toml::from_str(&text);
            seen.map(Some).map_err(|e| ReleaseError::Damaged(path.into(), e.message().to_owned()))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReleaseError::File(path.into(), source)),
    }
}

fn remember(path: &Path, seen: &Seen) -> Result<(), ReleaseError> {
    let text = toml::to_string(seen).map_err(|e| ReleaseError::Asked(e.to_string()))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(file(path))?;
    }
    write_private(path, text.as_bytes()).map_err(file(path))
}

/// Makes a key, or signs with it.
pub(crate) fn release(command: &ReleaseCommand) -> Result<(), ReleaseError> {
    match command {
        ReleaseCommand::NewKey { file: path, name } => new_key(path, name),
        ReleaseCommand::Sign { key, version, serial, issued, expires, binaries } => {
            let (name, signer) = load_key(key)?;
            let this = env!("CARGO_PKG_VERSION").parse();
            let this: Version = this.map_err(|e: semver::Error| ReleaseError::Asked(e.to_string()))?;
            let issued = issued.unwrap_or_else(today);
            if *expires < issued {
                return Err(ReleaseError::Asked(format!("it would expire on {expires}, before {issued}")));
            }
            let binaries = binaries.iter().map(|path| digest(path)).collect::<Result<_, _>>()?;
            let version = version.clone().unwrap_or(this);
            let manifest = Manifest { version, serial: *serial, issued, expires: *expires, binaries };
            print!("{}", String::from_utf8_lossy(&manifest.sign(&name, &signer)));
            Ok(())
        }
    }
}

fn digest(path: &Path) -> Result<([u8; 32], String), ReleaseError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| !name.contains(char::is_control));
    let name = name.ok_or_else(|| ReleaseError::Asked(format!("{}: not a name to print", path.display())))?;
    Ok((sha256(&[&std::fs::read(path).map_err(file(path))?]), name.into()))
}

fn new_key(path: &Path, name: &str) -> Result<(), ReleaseError> {
    if path.exists() {
        return Err(ReleaseError::Asked(format!(
            "{} is there already; nothing was overwritten",
            path.display()
        )));
    }
    if name.is_empty() || name.contains('+') || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(ReleaseError::Asked("a signer's name has no spaces and no +".into()));
    }
    let key = Ed25519Key::random(&mut random::system().map_err(file(path))?);
    let public = VerifierKey { name: name.into(), kind: TYPE_ED25519, key: key.public() };
    let text = format!("{name} {}\n", hex::encode(key.seed().danger_expose()));
    write_private(path, zeroize::Zeroizing::new(text).as_bytes()).map_err(file(path))?;
    println!("{public}");
    Ok(())
}

fn load_key(path: &Path) -> Result<(String, Ed25519Key), ReleaseError> {
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(file(path))?);
    let none =
        || ReleaseError::Key(path.display().to_string(), "not what `simward release new-key` makes".into());
    let (name, seed) = text.trim().split_once(' ').ok_or_else(none)?;
    let mut octets = [0; 32];
    hex::decode_to_slice(seed, &mut octets).map_err(|_| none())?;
    Ok((name.into(), Ed25519Key::from_seed(&Secret::new(octets))))
}
